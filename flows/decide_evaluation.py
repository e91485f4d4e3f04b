"""Staff decide a referred evaluation in the Prefect UI."""

from prefect import flow
from prefect.client.schemas.objects import State
from prefect.states import Completed

from rules.explain.adverse_reasons import AdverseCode
from tasks.deliver import try_deliver
from tasks.forms import form_of, of_a_decision, refusing
from underwriting import referrals
from underwriting.referrals import StaffVerdict
from underwriting.runtime import open_runtime
from underwriting.store.errors import StoreError


@flow(flow_run_name="decide-{evaluation_id}", persist_result=False, validate_parameters=False)
@form_of(of_a_decision)
async def decide_evaluation(
    evaluation_id: str,
    decision: StaffVerdict,
    note: str,
    decided_by: str,
    up_to: str = "",
    reasons: tuple[AdverseCode, ...] = (),
    clears_match: bool = False,
) -> State[None]:
    """Approve or reject a referred evaluation; the decision is stored with who and why, and sent like any other.

    Fails, and changes nothing, if the evaluation is unknown, does not wait for staff, or is not the answer any more; if
    a rejection has no reasons; if more is to be approved than the user's profile and the affordability allow; and if a
    match with a list is to be cleared and there is none.

    Args:
        evaluation_id: The referred evaluation, such as evl_01KAYB2M4Z5W8Q0V6T3R9N7XJC. Its id is in its record.
        decision: What you decide.
        note: Why you decide so, such as "payslips of three months seen". Prefect keeps this text: write nothing
            personal.
        decided_by: Your staff id, such as ann. It is stored as who decided.
        up_to: Only for an approval: the highest amount to approve, such as 20.00. Leave it empty to approve all that
            profile and affordability allow.
        reasons: Only for a rejection: one to four reasons, the weightiest first. The customer is told them.
            `underwriting rulebooks reasons` lists them with the sentence that the customer reads.
        clears_match: Only for an approval: the user is none of the persons that were found on the lists. This is
            remembered.
    """
    async with open_runtime() as runtime:
        with refusing(ValueError, StoreError):
            async with runtime.store.begin() as work:
                decided = await referrals.decide_evaluation(
                    work,
                    runtime.config,
                    evaluation_id,
                    decision.verdict,
                    tenant=None,
                    note=note,
                    decided_by=decided_by,
                    up_to=up_to or None,
                    reasons=reasons,
                    clears_match=clears_match,
                )
        await try_deliver(runtime, evaluation_id)
    return Completed(name=decision.title(), message=f"{evaluation_id} {decided.verdict} by {decided_by}")
