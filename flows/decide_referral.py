"""Staff decide a referred application in the Prefect UI."""

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


@flow(flow_run_name="decide-{application_id}", persist_result=False, validate_parameters=False)
@form_of(of_a_decision)
async def decide_referral(
    application_id: str,
    decision: StaffVerdict,
    note: str,
    decided_by: str,
    reasons: tuple[AdverseCode, ...] = (),
    clears_match: bool = False,
) -> State[None]:
    """Approve or reject a referred application; the decision is stored with who and why, and posted to the partner.

    Fails, and changes nothing, if the application is unknown or does not wait for staff, if a rejection has no reasons,
    or if a match with a list is to be cleared and there is none.

    Args:
        application_id: The referred application, such as app_01KAYB2M4Z5W8Q0V6T3R9N7XJC. Its id is in the name of the
            run that referred it.
        decision: What you decide.
        note: Why you decide so, such as "payslips of three months seen". Prefect keeps this text: write nothing
            personal.
        decided_by: Your staff id, such as ann. It is stored as who decided.
        reasons: Only for a rejection: one to four reasons, the weightiest first. The customer is told them.
            `underwriting rulebooks reasons` lists them with the sentence that the customer reads.
        clears_match: Only for an approval: the customer is none of the persons that were found on the lists. This is
            remembered.
    """
    async with open_runtime() as runtime:
        with refusing(ValueError, StoreError):
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
        await try_deliver(runtime, application_id)
    return Completed(name=decision.title(), message=f"{application_id} {decision} by {decided_by}")
