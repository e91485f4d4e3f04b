"""One evaluation for its tasks: the request, the profile, and the documents gathered so far."""

from collections.abc import Iterable
from datetime import UTC, datetime

import pyarrow as pa

from rules.facts import tables_of, users_as_of
from underwriting.domain.documents import Document
from underwriting.domain.eligibility import EvaluationRequest
from underwriting.domain.histories import Float, FloatHistory, User
from underwriting.domain.profile import FloatProfile
from underwriting.runtime import Runtime
from underwriting.screening.screener import Screened
from underwriting.store.claims import Claim
from underwriting.store.reported_floats import ReportedFloat


class UserCheck:
    """Documents stay in memory, between the tasks of one flow run: they are personal, and Prefect must not keep them.

    A plain class, because Prefect inspects the dataclasses and pydantic models among a task's arguments.
    """

    def __init__(self, runtime: Runtime, claim: Claim[EvaluationRequest], profile: FloatProfile) -> None:
        self.runtime = runtime
        self.claim = claim
        self.profile = profile
        # Why a source gave nothing, or what its answer lacks, by source.
        self.troubles: dict[str, str] = {}
        # Matches with screening lists, to be stored with the evaluation.
        self.screened: Screened | None = None
        self._documents: dict[type[Document], Document] = {}

    @property
    def request(self) -> EvaluationRequest:
        """The request."""
        return self.claim.subject

    def add(self, document: Document) -> None:
        """Keep what a source answered; a later answer of the same kind replaces it, as on a retry."""
        self._documents[type(document)] = document

    @property
    def is_known(self) -> bool:
        """Whether the user service has such a user."""
        return User in self._documents

    def add_reported(self, floats: Iterable[ReportedFloat]) -> None:
        """Add the reported floats that the float service, if it answered, does not list yet.

        They count as open. An event has no due date: a float counts as late once the service lists it as late.
        """
        listed = self._documents.get(FloatHistory)
        if not isinstance(listed, FloatHistory):
            return
        known, as_of = {each.float_id for each in listed.floats}, self.request.as_of
        unlisted = [each for each in floats if each.float_id not in known and each.taken_on <= as_of]
        open_ones = (
            Float(
                float_id=each.float_id,
                amount=0,
                fee=0,
                taken_on=each.taken_on,
                due_on=as_of,
                repaid_on=None,
                collection_attempts=0,
                collection_failures=0,
            )
            for each in unlisted
        )
        self.add(listed.model_copy(update={"floats": (*listed.floats, *open_ones)}))

    def tables(self, now: datetime) -> dict[str, pa.Table]:
        """The input tables of the facts. The tables of a source that gave nothing are missing: its facts are unknown.

        The decision time is `now`; for an earlier business date it is the end of that day.
        """
        request, currency = self.request, self.profile.currency
        judged_at = min(now, datetime.combine(request.as_of, datetime.max.time(), UTC))
        return {
            **users_as_of([request.user_id], request.as_of, judged_at, currency),
            **tables_of(request.user_id, list(self._documents.values())),
        }
