"""Finding applications that nobody works on, and handing them to Prefect again."""

from datetime import UTC, datetime, timedelta
from uuid import UUID

from prefect import get_client, task
from prefect.cache_policies import NO_CACHE
from prefect.client.orchestration import PrefectClient
from prefect.client.schemas.filters import (
    FlowRunFilter,
    FlowRunFilterExpectedStartTime,
    FlowRunFilterState,
    FlowRunFilterStateType,
    WorkPoolFilter,
    WorkPoolFilterName,
)
from prefect.client.schemas.objects import StateType

from underwriting.dispatch import dispatch_review, mark_crashed, will_come
from underwriting.store import claims
from underwriting.store.claims import Owed
from underwriting.workplace import Workplace

UNDER_WAY = [StateType.PENDING, StateType.RUNNING, StateType.CANCELLING]


@task(cache_policy=NO_CACHE, persist_result=False, timeout_seconds=60)
async def dispatch_owed(place: Workplace) -> int:
    """Dispatch every application that waits too long or whose worker let its lease expire; returns how many."""
    async with place.store.read() as work:
        owed = await claims.owed(work, timedelta(seconds=place.config.dispatch_seconds))
    if not owed:
        return 0
    async with get_client() as client:
        return sum([await _dispatch(place, client, application) for application in owed])


@task(cache_policy=NO_CACHE, persist_result=False, timeout_seconds=60)
async def end_orphans(place: Workplace) -> int:
    """Tell Prefect of runs whose worker was killed and that nobody is owed any more; returns how many.

    A lease tells of undecided applications only. A review killed after its decision, or any other flow, would be
    shown as running for ever.
    """
    long_ago = datetime.now(UTC) - timedelta(seconds=place.config.longest_run_seconds)
    suspects = FlowRunFilter(
        state=FlowRunFilterState(type=FlowRunFilterStateType(any_=UNDER_WAY)),
        expected_start_time=FlowRunFilterExpectedStartTime(before_=long_ago),
    )
    ours = WorkPoolFilter(name=WorkPoolFilterName(any_=[place.config.work_pool]))
    async with get_client() as client:
        runs = await client.read_flow_runs(flow_run_filter=suspects, work_pool_filter=ours)
        orphans = [run for run in runs if run.state is not None and run.state.timestamp < long_ago]
        for run in orphans:
            await mark_crashed(client, run.id, "Its worker is gone.")
    return len(orphans)


async def _dispatch(place: Workplace, client: PrefectClient, owed: Owed) -> bool:
    if owed.flow_run_id is not None:
        earlier = UUID(owed.flow_run_id)
        if await will_come(client, earlier, owed.state, timedelta(seconds=place.config.start_seconds)):
            return False
        await mark_crashed(client, earlier, "Its lease expired; dispatched anew.")
    run = await dispatch_review(client, owed.application_id, owed.request_key, owed.dispatch_no)
    async with place.store.begin() as work:
        return await claims.dispatched(work, owed.application_id, owed.dispatch_no, str(run.id))
