"""One eligibility check as its tasks see it: who is asked about, the profile, and what was gathered so far."""

from datetime import datetime

import pyarrow as pa

from rules.facts import tables_of, users_as_of
from underwriting.domain.documents import Document
from underwriting.domain.eligibility import EvaluationRequest
from underwriting.domain.profile import FloatProfile
from underwriting.store.claims import Claim
from underwriting.workplace import Workplace


class UserCheck:
    """Documents stay in memory, between the tasks of one flow run: they are personal, and Prefect must not keep them.

    A plain class on purpose: Prefect walks into the dataclasses and pydantic models that a task is handed.
    """

    def __init__(
        self, place: Workplace, claim: Claim[EvaluationRequest], profile: FloatProfile, judged_at: datetime
    ) -> None:
        self.place = place
        self.claim = claim
        self.profile = profile
        self.judged_at = judged_at
        # Why a source gave nothing, by source.
        self.troubles: dict[str, str] = {}
        self._documents: dict[type[Document], Document] = {}

    @property
    def request(self) -> EvaluationRequest:
        """What was asked."""
        return self.claim.subject

    def add(self, document: Document) -> None:
        """Keep what a source answered; a later answer of the same kind replaces it, as on a retry."""
        self._documents[type(document)] = document

    def tables(self) -> dict[str, pa.Table]:
        """The input tables of the facts. A source that gave nothing has none, so that its facts are not known."""
        request, currency = self.request, self.profile.currency
        return {
            **users_as_of([request.user_id], request.as_of, self.judged_at, currency),
            **tables_of(request.user_id, list(self._documents.values())),
        }
