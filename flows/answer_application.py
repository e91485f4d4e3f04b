"""A customer's answer that staff hand in from the Prefect UI."""

from datetime import UTC, datetime

from prefect import flow
from prefect.client.schemas.objects import State
from prefect.states import Completed

from flows.review_application import reviewed
from tasks.deliver import try_deliver
from tasks.forms import form, refusing
from underwriting.domain import application
from underwriting.runtime import open_runtime
from underwriting.store import waiting
from underwriting.store.errors import StoreError
from underwriting.store.waiting import Answer


@flow(flow_run_name="answer-{application_id}", persist_result=False, validate_parameters=False)
@form
async def answer_application(application_id: str, answer: Answer, handed_in_by: str) -> State[None]:
    """Review an incomplete application again, or decide a counteroffer by the customer's answer.

    Fails, and changes nothing, if the application is unknown or does not wait for this answer.

    Args:
        application_id: The application that waits for its customer, such as app_01KAYB2M4Z5W8Q0V6T3R9N7XJC.
        answer: "supplied" if the customer supplied what was missing: the application is reviewed again. "accepted" or
            "declined" answer a counteroffer.
        handed_in_by: Your staff id, such as ann. It is stored as who handed the answer in.
    """
    async with open_runtime() as runtime:
        with refusing(StoreError):
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
        await try_deliver(runtime, application_id)
    verdict = stored.record.verdict
    return Completed(name=verdict.title() if verdict else "Reviewed", message=f"{application_id} {answer}")
