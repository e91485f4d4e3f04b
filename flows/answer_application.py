"""A customer's answer that staff hand in from the Prefect UI."""

from datetime import UTC, datetime

from prefect import flow
from prefect.client.schemas.objects import State
from prefect.states import Completed

from flows.decide_referral import Staff
from flows.review_application import reviewed
from tasks.deliver import deliver
from underwriting.domain import application
from underwriting.domain.application import ApplicationId
from underwriting.runtime import open_runtime
from underwriting.store import waiting
from underwriting.store.waiting import Answer


@flow(flow_run_name="answer-{application_id}", persist_result=False)
async def answer_application(application_id: ApplicationId, answer: Answer, handed_in_by: Staff) -> State[None]:
    """Review an incomplete application again, or decide a counteroffer by the customer's answer.

    Fails, and changes nothing, if the application is unknown or does not wait for this answer.
    """
    async with open_runtime() as runtime:
        async with runtime.store.begin() as work:
            stored = await waiting.answer(
                work,
                application_id,
                answer,
                tenant=None,
                by=handed_in_by,
                now=datetime.now(UTC),
                partners=runtime.config.partners,
            )
        if stored.state is application.State.PENDING:
            return await reviewed(application_id)
        await deliver(runtime, application_id)
    verdict = stored.record.verdict
    return Completed(name=verdict.title() if verdict else "Reviewed", message=f"{application_id} {answer}")
