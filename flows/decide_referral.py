"""Staff decide a referred application in the Prefect UI."""

from enum import StrEnum
from typing import Annotated

from prefect import flow
from prefect.client.schemas.objects import State
from prefect.states import Completed
from pydantic import Field

from rules.explain.adverse_reasons import AdverseCodes
from tasks.deliver import deliver
from underwriting import referrals
from underwriting.domain.application import ApplicationId
from underwriting.domain.decision import Verdict
from underwriting.runtime import open_runtime


class StaffVerdict(StrEnum):
    """The decision of staff."""

    APPROVE = "approve"
    REJECT = "reject"

    @property
    def verdict(self) -> Verdict:
        """The verdict that is stored."""
        return Verdict.APPROVED if self is StaffVerdict.APPROVE else Verdict.REJECTED


Note = Annotated[
    str, Field(min_length=3, max_length=2000, description="Why. Prefect keeps this text: write nothing personal.")
]
Staff = Annotated[str, Field(min_length=1, max_length=100, description="Your staff id; it is stored as who decided.")]


ClearsMatch = Annotated[
    bool,
    Field(description="The customer is none of the listed persons found; store that. Only with an approval."),
]


@flow(flow_run_name="decide-{application_id}", persist_result=False)
async def decide_referral(
    application_id: ApplicationId,
    decision: StaffVerdict,
    note: Note,
    decided_by: Staff,
    reasons: AdverseCodes = (),
    clears_match: ClearsMatch = False,
) -> State[None]:
    """Approve or reject a referred application; the decision is stored with who and why, and posted to the partner.

    A rejection needs its reasons. Fails, and changes nothing, if the application is unknown or does not wait for staff,
    or if a match with a list is to be cleared and there is none.
    """
    async with open_runtime() as runtime:
        async with runtime.store.begin() as work:
            await referrals.decide_application(
                work,
                runtime.config,
                application_id,
                decision.verdict,
                tenant=None,
                note=note,
                decided_by=decided_by,
                reasons=reasons,
                clears_match=clears_match,
            )
        await deliver(runtime, application_id)
    return Completed(name=decision.verdict.title(), message=f"{application_id} {decision.verdict} by {decided_by}")
