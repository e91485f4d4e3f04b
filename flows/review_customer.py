"""An ad-hoc review from the Prefect UI: the form is the application."""

from datetime import UTC, datetime
from typing import Any

from prefect import flow
from prefect.client.schemas.objects import State
from prefect.runtime import flow_run
from prefect.states import Completed

from flows.review_application import review_application
from underwriting.domain.application import ApplicationRequest
from underwriting.runtime import open_runtime
from underwriting.store import applications

# Whose applications those are that staff enter themselves.
STAFF_TENANT = "staff"


@flow(flow_run_name="review-customer-{request.customer_id}", persist_result=False)
async def review_customer(request: ApplicationRequest) -> State[None]:
    """Accept an application for a customer and review it at once. A retry of this run reviews the same application."""
    async with open_runtime() as runtime:
        # Before anything is stored: a product or currency that nobody lends fails the run with a clear message.
        await runtime.rulebook_cache.book_for(request)
        async with runtime.store.begin() as work:
            accepted = await applications.accept(work, STAFF_TENANT, request, str(flow_run.id), datetime.now(UTC))
        state: State[Any] = await review_application(accepted.stored.application.id, return_state=True)
    # A state of its own: Prefect takes one that is handed on for "Completed", whatever its name.
    return Completed(name=state.name, message=state.message) if state.is_completed() else state
