"""A person's word on a referred application, from the Prefect UI."""

from datetime import UTC, datetime
from enum import StrEnum
from typing import Annotated

from prefect import flow
from prefect.client.schemas.objects import State
from prefect.states import Completed
from pydantic import Field

from rules.adverse import AdverseCodes, reasons_given
from tasks.deliver import deliver
from underwriting.domain.application import ApplicationId
from underwriting.domain.decision import Verdict
from underwriting.store import decisions
from underwriting.workplace import workplace


class Word(StrEnum):
    """What the person says."""

    APPROVE = "approve"
    REJECT = "reject"

    @property
    def verdict(self) -> Verdict:
        """As it is stored."""
        return Verdict.APPROVED if self is Word.APPROVE else Verdict.REJECTED


Note = Annotated[
    str, Field(min_length=3, max_length=2000, description="Why. Prefect keeps this text: write nothing personal.")
]
Staff = Annotated[str, Field(min_length=1, max_length=100, description="Your staff id; it is stored as who decided.")]


ClearsMatch = Annotated[
    bool,
    Field(description="The customer is nobody of those on the lists who were found; remember it. Only to approve."),
]


@flow(flow_run_name="decide-{application_id}", persist_result=False)
async def decide_referral(
    application_id: ApplicationId,
    decision: Word,
    note: Note,
    decided_by: Staff,
    reasons: AdverseCodes = (),
    clears_match: ClearsMatch = False,
) -> State[None]:
    """Approve or reject a referred application; the decision is stored with who and why, and posted to the partner.

    A rejection needs its reasons. Fails, and changes nothing, where the application is unknown or does not wait for a
    person, or where a match with a list is to be cleared and there is none.
    """
    given = reasons_given(decision.verdict, reasons)
    async with workplace() as place:
        async with place.store.begin() as work:
            await decisions.settle_referral(
                work,
                application_id,
                tenant=None,
                verdict=decision.verdict,
                reasons=given,
                note=note,
                decided_by=decided_by,
                now=datetime.now(UTC),
                partners=place.config.partners,
                clears_match=clears_match,
            )
        await deliver(place, application_id)
    return Completed(name=decision.verdict.title(), message=f"{application_id} {decision.verdict} by {decided_by}")
