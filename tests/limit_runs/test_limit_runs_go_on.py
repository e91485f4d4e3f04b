"""Whatever stops a limit run, something moves it on: one test for each row of the table in docs/limit-runs.md."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import update
from support.limit_histories import request
from support.limit_store import held_policy
from support.remembered_shards import remembered

from underwriting.domain.limits import LimitRunState, LimitShardState
from underwriting.limit_runs.request import Request
from underwriting.limit_runs.rollback import roll_back
from underwriting.limit_runs.run import MAX_TRIES, finish, recalculate
from underwriting.limit_runs.run_context import RunContext
from underwriting.limit_runs.shard import ShardResult, ShardSpec
from underwriting.store.errors import LeaseLost, StoreUnreachable
from underwriting.store.limits import held_runs
from underwriting.store.limits import runs as limit_runs
from underwriting.store.limits import shards as limit_shards
from underwriting.store.models import LimitRunRow, LimitShardRow

FLOW_RUN = "7c9e6679-7425-40de-944b-e07fc1f90ae7"


class Interrupted(BaseException):
    """As a signal ends a command."""


def as_flow(context: RunContext, **changes: Any) -> RunContext:
    """As a flow run works on it; a command's user sees how it ended, and starts it again."""
    return replace(context, flow_run_id=FLOW_RUN, **changes)


async def left(context: RunContext) -> list[LimitRunRow]:
    """What the housekeeping finds to be continued."""
    async with context.store.read() as work:
        return await limit_runs.interrupted(work)


async def shards_of(context: RunContext, run_id: str) -> list[LimitShardRow]:
    async with context.store.read() as work:
        return await limit_shards.shards(work, run_id)


@pytest.fixture
def database_kind() -> str:
    """Its SQL runs on both databases in test_limit_runs.py and test_limit_releases.py."""
    return "postgresql"


async def test_a_run_that_fails_while_it_is_calculated_is_continued_as_it_was_asked_for(
    context: RunContext, few_users: Path
) -> None:
    async def fails(spec: ShardSpec) -> ShardResult:
        raise OSError(f"the folder of {spec.location} is away")

    asked = request(few_users, shards=3, full=True)
    with pytest.raises(OSError, match="away"):
        await recalculate(as_flow(context, calculate=fails), asked)
    (run,) = await left(context)
    assert run.state is LimitRunState.CALCULATING
    again = Request.of_run(run)
    assert (again.full, again.shards, again.policy.ref, again.scope) == (True, 3, asked.policy.ref, asked.scope)
    assert [shard.tries for shard in await shards_of(context, run.id)] == [0, 0, 0], "a failure kills no worker"
    assert (await recalculate(as_flow(context), again)).state is LimitRunState.APPLIED
    assert await left(context) == []


async def test_a_run_whose_store_goes_away_while_it_is_applied_is_continued(
    context: RunContext, few_users: Path
) -> None:
    async def goes_away(what: str, done: int, _of: int) -> None:
        if (what, done) == ("applying", 1):
            raise StoreUnreachable("the store does not answer")

    with pytest.raises(StoreUnreachable):
        await recalculate(as_flow(context, progress=goes_away), request(few_users))
    (run,) = await left(context)
    states = [shard.state for shard in await shards_of(context, run.id)]
    assert (run.state, sorted(states)) == (LimitRunState.APPLYING, [LimitShardState.APPLIED, LimitShardState.PROPOSED])
    assert (await recalculate(as_flow(context), Request.of_run(run))).state is LimitRunState.APPLIED


async def test_a_run_that_was_opened_and_never_claimed_is_continued(context: RunContext, few_users: Path) -> None:
    async with context.store.begin() as work:
        run = await limit_runs.opened(work, request(few_users).run_request, datetime.now(UTC))
    assert await left(context) == [], "it is just being claimed"
    async with context.store.begin() as work:
        long_ago = datetime.now(UTC) - timedelta(hours=1)
        await work.execute(update(LimitRunRow).where(LimitRunRow.id == run.id).values(created_at=long_ago))
    assert [found.id for found in await left(context)] == [run.id]


async def test_a_released_run_whose_worker_dies_before_it_is_applied_is_continued(
    context: RunContext, few_users: Path
) -> None:
    held = await recalculate(as_flow(context), request(few_users, policy=held_policy()))
    assert (held.state, await left(context)) == (LimitRunState.HELD, []), "it waits for a person"
    async with context.store.begin() as work:
        await held_runs.decide(work, held.run_id, LimitRunState.APPLYING, "ann", "fine")
    (run,) = await left(context)
    assert (await recalculate(as_flow(context), Request.of_run(run))).state is LimitRunState.APPLIED


async def test_a_rollback_is_carried_out_even_if_its_command_was_interrupted(
    context: RunContext, few_users: Path
) -> None:
    applied = await recalculate(as_flow(context), request(few_users))

    async def interrupted(what: str, _done: int, _of: int) -> None:
        assert what == "rolling back"
        raise Interrupted

    with pytest.raises(Interrupted):
        await roll_back(replace(context, progress=interrupted), applied.run_id, "ann")
    (run,) = await left(context)
    assert run.state is LimitRunState.ROLLING_BACK
    await roll_back(context, run.id, "system")
    assert await left(context) == []


async def test_a_command_that_is_interrupted_leaves_its_run_as_it_is(context: RunContext, few_users: Path) -> None:
    async def interrupted(_spec: ShardSpec) -> ShardResult:
        raise Interrupted

    with pytest.raises(Interrupted):
        await recalculate(replace(context, calculate=interrupted), request(few_users))
    assert await left(context) == []


async def test_a_shard_that_kills_its_workers_fails_alone_and_is_named(context: RunContext, few_users: Path) -> None:
    calculated: list[tuple[int, int]] = []

    async def noted(spec: ShardSpec) -> ShardResult:
        """A worker that died here would leave these tries behind."""
        shards = await shards_of(context, Path(spec.folder).name)
        calculated.append((spec.number, shards[spec.number].tries))
        if len(calculated) <= 3:
            raise OSError("the first worker stops")
        return await remembered(spec)

    flow = as_flow(context, calculate=noted, concurrent_shards=1)
    with pytest.raises(OSError, match="stops"):
        await recalculate(flow, request(few_users, shards=3))
    (run,) = await left(context)
    async with context.store.begin() as work:
        for number, tries in ((0, MAX_TRIES), (2, MAX_TRIES - 1)):
            shard = (LimitShardRow.run_id == run.id, LimitShardRow.number == number)
            died = {"state": LimitShardState.PENDING, "tries": tries}
            await work.execute(update(LimitShardRow).where(*shard).values(**died))
    report = await recalculate(flow, Request.of_run(run))
    assert calculated[3:] == [(1, 1), (2, MAX_TRIES)], "the one that never killed anybody comes first"
    bad, *good = await shards_of(context, run.id)
    assert report.state is LimitRunState.INCOMPLETE
    assert [(shard.state, shard.tries) for shard in good] == [(LimitShardState.APPLIED, 0)] * 2
    users = f"users from the first up to {bad.end_id}"
    why = f"3 workers died while they calculated it ({users}); give the workers more memory"
    assert (bad.state, bad.trouble, bad.tries) == (LimitShardState.FAILED, why, 0)


async def test_an_unfinished_run_may_be_discarded_and_its_worker_stores_nothing_more(
    context: RunContext, few_users: Path
) -> None:
    async def discarded_meanwhile(spec: ShardSpec) -> ShardResult:
        async with context.store.begin() as work:
            run_id = Path(spec.folder).name
            await held_runs.decide(work, run_id, LimitRunState.DISCARDED, "ann", "the wrong history")
        return await remembered(spec)

    with pytest.raises(LeaseLost):
        await recalculate(as_flow(context, calculate=discarded_meanwhile), request(few_users, shards=1))
    assert await left(context) == []
    assert (await recalculate(as_flow(context), request(few_users))).state is LimitRunState.APPLIED


async def test_a_finished_run_needs_nobody(context: RunContext, few_users: Path) -> None:
    applied = await recalculate(as_flow(context), request(few_users))
    assert (await finish(as_flow(context), applied.run_id)).written == 0
    assert await left(context) == []
