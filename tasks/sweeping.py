"""Finds applications, evaluations and limit runs that nobody works on, and hands them to Prefect again.

Housekeeping does each of these every few seconds, the flow `sweep` all of them once.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import TypeVar
from uuid import UUID

from prefect import get_client
from prefect.client.orchestration import PrefectClient
from prefect.client.schemas.filters import (
    FlowRunFilter,
    FlowRunFilterExpectedStartTime,
    FlowRunFilterId,
    FlowRunFilterState,
    FlowRunFilterStateType,
    WorkPoolFilter,
    WorkPoolFilterName,
)
from prefect.client.schemas.objects import FlowRun, StateType

from underwriting.dispatch import (
    AT_ONCE,
    ENDED_BY_A_PERSON,
    dispatch,
    dispatch_waiting,
    mark_crashed,
    resume_limits,
    was_cancelled,
    will_come,
)
from underwriting.domain.limits import LimitRunState
from underwriting.domain.notice import Owed
from underwriting.limit_runs.rollback import roll_back
from underwriting.limit_runs.run_context import RunContext
from underwriting.process.metrics import metrics
from underwriting.runtime import Runtime
from underwriting.store import claims, lists, notices, waiting
from underwriting.store.claims import Unclaimed
from underwriting.store.depths import depths
from underwriting.store.errors import StoreError, StoreUnreachable
from underwriting.store.kinds import APPLICATIONS, EVALUATIONS, Kind
from underwriting.store.limits import runs as limit_runs
from underwriting.store.limits.runs import Claimed
from underwriting.store.models import Channel, LimitRunRow
from underwriting.store.queue import outbox
from underwriting.store.session import Work
from underwriting.store.stored import T

log = logging.getLogger(__name__)

F = TypeVar("F")

# Who goes on with a rollback that a person ordered.
SYSTEM = "system"
UNDER_WAY = [StateType.PENDING, StateType.RUNNING, StateType.CANCELLING]


async def dispatch_owed(runtime: Runtime) -> int:
    """Dispatch what has its turn, what was lost after its dispatch, and whose lease expired; returns how many."""
    # A user waits for an evaluation.
    return await _dispatch_all(runtime, EVALUATIONS) + await _dispatch_all(runtime, APPLICATIONS)


async def wake_waiting(runtime: Runtime) -> int:
    """Review again or reject what waited long enough for its customer; returns how many."""
    now = datetime.now(UTC)
    async with runtime.store.read() as work:
        found = await waiting.overdue(work, now)

    async def wake(application_id: str) -> bool:
        async with runtime.store.begin() as work:
            await waiting.wake(work, application_id, now, runtime.config.partners)
        return True

    return await _each(found, wake)


async def warn_of_notices(runtime: Runtime) -> int:
    """Send one warning event for each notice that is due soon and was not sent; returns how many notices those are."""
    now = datetime.now(UTC)
    today = runtime.store.day_of(now)
    until = today + timedelta(days=runtime.config.notice_warning_days)
    async with runtime.store.read() as work:
        found = await notices.unwarned(work, until)
        waiting = await notices.counts(work, today, until) if metrics().on else {}
    for state, count in waiting.items():
        metrics().notices(state, count)

    async def warn(owed: Owed) -> bool:
        async with runtime.store.begin() as work:
            await _warn_of(work, owed, now)
        return True

    return await _each(found, warn)


async def _warn_of(work: Work, owed: Owed, now: datetime) -> None:
    if not await notices.warn(work, owed):
        return
    await outbox.enqueue(
        work,
        Channel.EVENTS,
        tenant=owed.tenant,
        customer_id=owed.customer_id,
        subject_id=owed.subject_id,
        event="notice.due_soon",
        at=now,
        record=owed.model_dump_json(exclude={"tenant"}).encode(),
    )


async def measure_depths(runtime: Runtime) -> None:
    """Report the lengths of the queues, and the ages of the screening lists and of the limits, if metrics are on."""
    if not metrics().on:
        return
    async with runtime.store.read() as work:
        waiting, loaded = await depths(work), await lists.versions(work)
        applied = await limit_runs.last_applied(work)
    now = datetime.now(UTC)
    for version in loaded:
        metrics().list_age(version.name, (now - version.checked_at).total_seconds())
    for (tenant, product), judged_at in applied.items():
        metrics().limits_age(tenant, product, (now - judged_at).total_seconds())
    for queue, found in waiting.items():
        metrics().depth(queue, found.count)
        # A queue that nothing waits in any more must not keep the age of before.
        metrics().age(queue, (now - (found.oldest or now)).total_seconds())


async def resume_limit_runs(runtime: Runtime) -> int:
    """Start every unfinished limit run again that lost its worker, and go on with rollbacks; returns how many.

    A cancelled one stays as it is until its date is run again.
    """
    async with runtime.store.read() as work:
        runs = await limit_runs.interrupted(work)
    if not runs:
        return 0
    async with get_client() as client:
        return await _each(runs, lambda run: _resume(runtime, client, run))


async def _resume(runtime: Runtime, client: PrefectClient, run: LimitRunRow) -> bool:
    if run.state is LimitRunState.ROLLING_BACK:
        await roll_back(RunContext(runtime.store, runtime.config), run.id, SYSTEM)
        return True
    if run.flow_run_id is not None:
        earlier = UUID(run.flow_run_id)
        if await was_cancelled(client, earlier):
            async with runtime.store.begin() as work:
                await limit_runs.release(work, Claimed(run.id, run.fence))
            return False
        await mark_crashed(client, earlier, "Its lease expired; started anew.")
    return await resume_limits(client, run)


async def end_orphans(runtime: Runtime) -> int:
    """Mark flow runs as crashed whose worker was killed and that are not needed any more; returns how many.

    Leases cover undecided work only. A review that was killed after its decision, or any other flow, would be shown as
    running for ever.
    """
    long_ago = datetime.now(UTC) - timedelta(seconds=runtime.config.longest_run_seconds)
    suspects = FlowRunFilter(
        state=FlowRunFilterState(type=FlowRunFilterStateType(any_=UNDER_WAY)),
        expected_start_time=FlowRunFilterExpectedStartTime(before_=long_ago),
    )
    ours = WorkPoolFilter(name=WorkPoolFilterName(any_=[runtime.config.work_pool]))
    async with get_client() as client:
        runs = await client.read_flow_runs(flow_run_filter=suspects, work_pool_filter=ours)
        async with runtime.store.read() as work:
            # A limit run may take long; its lease says whether its worker is alive.
            at_work = await limit_runs.at_work(work)
        late = [run for run in runs if run.state is not None and run.state.timestamp < long_ago]
        orphans = [run for run in late if str(run.id) not in at_work]
        for run in orphans:
            await mark_crashed(client, run.id, "Its worker is gone.")
    return len(orphans)


async def _each(found: Sequence[F], do: Callable[[F], Awaitable[bool]], at_once: int = 1) -> int:
    """Do it for each, and count those for which it was done. One that fails is logged, and holds up none of the others.

    The first outage is raised, and ends the others.
    """
    free = asyncio.Semaphore(at_once)

    async def in_turn(one: F) -> bool:
        async with free:
            try:
                return await do(one)
            except StoreUnreachable:
                raise
            except StoreError:
                log.exception("one of %d is left as it is, and tried again", len(found))
                return False

    try:
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(in_turn(one)) for one in found]
    except ExceptionGroup as outages:
        raise outages.exceptions[0] from None
    return sum(task.result() for task in tasks)


async def _dispatch_all(runtime: Runtime, kind: Kind[T]) -> int:
    pending_for = timedelta(seconds=runtime.config.dispatch_seconds)
    async with runtime.store.read() as work:
        waiting_ones = await claims.unclaimed(work, kind, pending_for)
    again = 0
    if waiting_ones:
        async with get_client() as client:
            ids = [UUID(one.flow_run_id) for one in waiting_ones if one.flow_run_id is not None]
            earlier = await _runs(client, ids)
            again = await _each(waiting_ones, lambda one: _dispatch(runtime, client, kind, one, earlier), AT_ONCE)
    return again + await dispatch_waiting(runtime.store, kind, runtime.config, waited=pending_for)


async def _runs(client: PrefectClient, ids: list[UUID]) -> dict[str, FlowRun]:
    """The runs of these ids that Prefect still knows, in one request, since there may be hundreds."""
    if not ids:
        return {}
    found = await client.read_flow_runs(flow_run_filter=FlowRunFilter(id=FlowRunFilterId(any_=ids)))
    return {str(run.id): run for run in found}


async def _dispatch(
    runtime: Runtime, client: PrefectClient, kind: Kind[T], found: Unclaimed[T], earlier: Mapping[str, FlowRun]
) -> bool:
    if found.flow_run_id is not None:
        run = earlier.get(found.flow_run_id)
        if run is not None and run.state is not None and run.state.type in ENDED_BY_A_PERSON:
            async with runtime.store.begin() as work:
                await claims.cancel(work, kind, found.subject.id, found.flow_run_id)
            return False
        if will_come(run, found.state, timedelta(seconds=runtime.config.start_seconds)):
            return False
        await mark_crashed(client, UUID(found.flow_run_id), "Its lease expired; dispatched anew.")
    begun = await dispatch(client, found.subject, found.dispatch_no)
    async with runtime.store.begin() as work:
        return await claims.dispatched(work, kind, found.subject.id, found.dispatch_no, str(begun.id))
