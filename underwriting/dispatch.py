"""Handing an owed application to Prefect. Prefect is the trigger; the store's row is the truth."""

from datetime import UTC, datetime, timedelta
from uuid import UUID

from prefect.client.orchestration import PrefectClient
from prefect.client.schemas.objects import FlowRun, StateType
from prefect.exceptions import ObjectNotFound
from prefect.states import Crashed

from underwriting.domain.application import State

REVIEW = "review-application/review-application"


async def dispatch_review(client: PrefectClient, application_id: str, request_key: str, dispatch_no: int) -> FlowRun:
    """Create the flow run of one dispatch of one application; the same dispatch twice gives the same run.

    Prefect forgets idempotency keys with their runs and knows nothing of fences: a second run is harmless, because
    only one can hold the claim. httpx.HTTPError or ObjectNotFound where Prefect cannot take it now; the sweeper
    tries again.
    """
    deployment = await client.read_deployment_by_name(REVIEW)
    return await client.create_flow_run_from_deployment(
        deployment.id,
        parameters={"application_id": application_id},
        idempotency_key=f"{request_key}:{dispatch_no}",
        name=f"review-{application_id}",
    )


async def will_come(client: PrefectClient, flow_run_id: UUID, application: State, starting: timedelta) -> bool:
    """Whether an earlier dispatch still queues or is just starting, so that another one would only queue behind it.

    `starting` is what a run may take from being picked up to its claim. One that is running while its application's
    lease expired does not come back: its worker is gone.
    """
    try:
        state = (await client.read_flow_run(flow_run_id)).state
    except ObjectNotFound:
        return False
    if state is None or state.is_final():
        return False
    starts = state.type is StateType.PENDING or application is State.PENDING
    return state.type is StateType.SCHEDULED or (starts and datetime.now(UTC) - state.timestamp < starting)


async def mark_crashed(client: PrefectClient, flow_run_id: UUID, why: str) -> None:
    """Tell Prefect that a run's worker is gone, so that its UI does not show it running for ever."""
    try:
        run = await client.read_flow_run(flow_run_id)
    except ObjectNotFound:
        return
    if run.state is not None and not run.state.is_final():
        await client.set_flow_run_state(flow_run_id, Crashed(message=why), force=True)
