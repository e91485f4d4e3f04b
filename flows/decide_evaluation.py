"""Staff decide a referred evaluation in the Prefect UI."""

from prefect import flow
from prefect.client.schemas.objects import State
from prefect.states import Completed

from flows.decide_referral import ClearsMatch, Note, Staff, StaffVerdict
from rules.explain.adverse_reasons import AdverseCodes
from tasks.deliver import deliver
from tasks.states import state_of
from underwriting import referrals
from underwriting.domain.eligibility import EvaluationId, UpTo
from underwriting.runtime import open_runtime


@flow(flow_run_name="decide-{evaluation_id}", persist_result=False)
async def decide_evaluation(
    evaluation_id: EvaluationId,
    decision: StaffVerdict,
    note: Note,
    decided_by: Staff,
    up_to: UpTo = None,
    reasons: AdverseCodes = (),
    clears_match: ClearsMatch = False,
) -> State[None]:
    """Approve or reject a referred evaluation; the decision is stored with who and why, and sent like any other.

    A rejection needs its reasons. Fails, and changes nothing, if the evaluation is unknown, does not wait for staff, or
    is not the answer any more; if more is to be approved than the user's profile and the affordability allow; and if a
    match with a list is to be cleared and there is none.
    """
    async with open_runtime() as runtime:
        async with runtime.store.begin() as work:
            decided = await referrals.decide_evaluation(
                work,
                runtime.config,
                evaluation_id,
                decision.verdict,
                tenant=None,
                note=note,
                decided_by=decided_by,
                up_to=up_to,
                reasons=reasons,
                clears_match=clears_match,
            )
        await state_of(deliver, runtime, evaluation_id)
    return Completed(name=decision.verdict.title(), message=f"{evaluation_id} {decided.verdict} by {decided_by}")
