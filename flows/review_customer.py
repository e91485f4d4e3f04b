"""An ad-hoc review from the Prefect UI: the form is the application."""

from datetime import UTC, datetime

from prefect import flow
from prefect.client.schemas.objects import State
from prefect.runtime import flow_run

from flows.review_application import reviewed
from underwriting.domain.application import ApplicationRequest
from underwriting.runtime import open_runtime
from underwriting.store import applications

# The tenant of applications that staff enter.
STAFF_TENANT = "staff"


@flow(flow_run_name="review-customer-{request.customer_id}", persist_result=False)
async def review_customer(request: ApplicationRequest) -> State[None]:
    """Accept an application for a customer and review it at once. A retry of this run reviews the same application."""
    async with open_runtime() as runtime:
        # A product or currency that is not lent fails the run before anything is stored.
        await runtime.rulebook_cache.book_for(request)
        async with runtime.store.begin() as work:
            accepted = await applications.accept(work, STAFF_TENANT, request, str(flow_run.id), datetime.now(UTC))
        return await reviewed(accepted.stored.subject.id)
