"""A whole run, on both databases: twice is once, held is not applied, taken back is gone, cut short goes on."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
from sqlalchemy import func, select, update
from support.evaluated import pause
from support.limit_histories import END, corrected, hit, lenient, request, rewritten
from support.limit_store import TENANT, count, held_policy, limits, meet, records, settle
from support.remembered_shards import remembered

from rules.limits.tiers import TIERS
from underwriting.domain.application import Product
from underwriting.domain.limits import LimitRunState, Scope
from underwriting.domain.profile import FloatProfile
from underwriting.limit_runs.dry_run import run_dry
from underwriting.limit_runs.rollback import roll_back
from underwriting.limit_runs.run import finish, recalculate
from underwriting.limit_runs.run_context import RunContext
from underwriting.limit_runs.shard import ShardResult, ShardSpec
from underwriting.store import audit, profiles
from underwriting.store.errors import RunInTheWay
from underwriting.store.limits import runs as limit_runs
from underwriting.store.models import (
    AuditRow,
    LimitRecordRow,
    LimitRunRow,
    LimitShardRow,
    MessageRow,
    ProfileRow,
)


async def test_a_run_writes_a_record_of_everybody_and_a_profile_of_whoever_moved(
    few_users: Path, context: RunContext
) -> None:
    report = await recalculate(context, request(few_users))
    totals = report.totals
    assert (report.state, report.calculated, totals.users) == (LimitRunState.APPLIED, 2, 60)
    assert totals.raised > 0
    assert totals.paused > 0
    said = {row.user_id: row for row in await records(context.store)}
    assert len(said) == 60
    moved = {user: row.after for user, row in said.items() if row.move != "held"}
    assert {user: limit for user, (_, limit) in (await limits(context.store)).items()} == moved
    assert report.written == len(moved) == await count(context.store, MessageRow)
    async with context.store.read() as work:
        assert await audit.verify(work) == []
        profile = await profiles.current(work, TENANT, min(moved), datetime.now(UTC))
    assert profile is not None
    assert (profile.reason, profile.created_by) == (f"limit_{said[min(moved)].move}", report.run_id)


async def test_the_same_date_twice_changes_nothing(few_users: Path, context: RunContext) -> None:
    first = await recalculate(context, request(few_users))
    before, profiles_before = await records(context.store), await limits(context.store)
    second = await recalculate(context, request(few_users))
    assert (second.run_id, second.calculated, second.written) == (first.run_id, 0, 0)
    assert await records(context.store) == before
    assert await limits(context.store) == profiles_before
    assert await count(context.store, MessageRow) == first.written
    assert second.totals == first.totals


class Interrupted(Exception):
    """What stops a run in a test."""


async def test_an_interrupted_run_goes_on_where_it_stopped(
    few_users: Path, context: RunContext, tmp_path: Path
) -> None:
    calls: list[int] = []

    async def calculate(spec: ShardSpec) -> ShardResult:
        calls.append(spec.number)
        if len(calls) == 3:
            raise Interrupted
        return await remembered(spec)

    failing = replace(context, calculate=calculate, concurrent_shards=1)
    with pytest.raises(Interrupted):
        await recalculate(failing, request(few_users, shards=4))
    assert await count(context.store, LimitRecordRow) == 45
    resumed = await recalculate(replace(failing, calculate=calculate), request(few_users, shards=4))
    assert (resumed.state, resumed.calculated, sorted(calls)) == (LimitRunState.APPLIED, 1, [0, 1, 2, 2, 3])


async def test_a_correction_of_the_history_recalculates_only_its_shard(small: Path, context: RunContext) -> None:
    first = await recalculate(context, request(small))
    said = {row.user_id: row for row in await records(context.store)}
    raised = next(user for user, row in said.items() if row.move == "raised")
    # The feed says now that it was not refreshed for weeks: no raise by it. Every file of the feeds is written anew.
    corrected(small, raised, refreshed_at=datetime(2025, 8, 1))  # noqa: DTZ001
    second = await recalculate(context, request(small))
    assert (second.run_id, second.calculated, second.written) == (first.run_id, 1, 1)
    assert (await limits(context.store))[raised] == (2, 2_000)
    after = {row.user_id: row for row in await records(context.store)}
    assert (after[raised].move, after[raised].before, after[raised].in_force) == ("held", 2_000, 2_000)
    others = [user for user in said if user != raised]
    assert [after[user] for user in others] == [said[user] for user in others]
    assert (await recalculate(context, request(small))).calculated == 0


async def test_files_that_are_only_written_anew_recalculate_nothing(small: Path, context: RunContext) -> None:
    await recalculate(context, request(small))
    rewritten(small, "transactions", lambda rows: rows.take(list(range(len(rows)))[::-1]))
    again = await recalculate(context, request(small))
    assert (again.calculated, again.written) == (0, 0)


async def test_a_shard_with_a_broken_source_fails_alone(small: Path, context: RunContext) -> None:
    async with context.store.read() as work:
        assert await work.scalar(select(func.count()).select_from(LimitRunRow)) == 0

    def spoil(rows: Any) -> Any:
        amounts = [
            None if user < "u000000015" else amount
            for user, amount in zip(rows["subject_id"].to_pylist(), rows["amount"].to_pylist(), strict=True)
        ]
        place = rows.schema.get_field_index("amount")
        return rows.set_column(place, rows.schema.field(place), [amounts])

    rewritten(small, "transactions", spoil)
    report = await recalculate(context, request(small))
    assert (report.state, list(report.failed), report.totals.users) == (LimitRunState.INCOMPLETE, [0], 30)
    assert "transactions: " in report.failed[0]
    assert all(user >= "u000000030" for user in await limits(context.store))
    mended = await recalculate(context, request(small))
    assert (mended.state, mended.calculated, list(mended.failed)) == (LimitRunState.INCOMPLETE, 1, [0])


async def test_the_next_day_starts_from_where_the_last_run_left_off(few_users: Path, context: RunContext) -> None:
    await recalculate(context, request(few_users))
    first = {row.user_id: row for row in await records(context.store)}
    await recalculate(context, request(few_users, END + timedelta(days=1)))
    async with context.store.read() as work:
        runs = await limit_runs.newest(work, TENANT)
        rows = list(await work.scalars(select(LimitRecordRow).where(LimitRecordRow.run_id == runs[0].id)))
    assert [run.business_date for run in runs] == [END + timedelta(days=1), END]
    for row in rows:
        earlier = first[row.user_id]
        assert row.before == earlier.after
        assert row.base_runs_below == earlier.runs_below
        assert (row.base_raised_on == END) == (earlier.move == "raised")
        assert not (earlier.move == row.move == "raised")


async def test_limits_are_not_written_backwards(few_users: Path, context: RunContext) -> None:
    await recalculate(context, request(few_users))
    with pytest.raises(RunInTheWay, match="limits are not written backwards"):
        await recalculate(context, request(few_users, END - timedelta(days=1)))


async def test_one_date_is_decided_by_one_policy(few_users: Path, context: RunContext) -> None:
    await recalculate(context, request(few_users))
    with pytest.raises(RunInTheWay, match="discard it or roll it back first"):
        await recalculate(context, request(few_users, policy=lenient(version=5)))


async def test_somebody_elses_word_since_the_calculation_stands(few_users: Path, context: RunContext) -> None:
    held = await recalculate(context, request(few_users, policy=held_policy()))
    said = {row.user_id: row for row in await records(context.store)}
    user = next(user for user, row in said.items() if row.move == "raised")
    await meet(context.store, user)
    await settle(context, held.run_id, LimitRunState.APPLYING)
    released = await finish(context, held.run_id)
    assert released.overtaken == 1
    assert (await limits(context.store))[user] == (1, 2_000)


async def test_a_temporary_profile_stays_in_force_above_a_new_limit(few_users: Path, context: RunContext) -> None:
    dry = await run_dry(context, request(few_users, dry_run=True))
    said = pq.read_table(dry.folder / "records-0000.parquet").to_pylist()
    user, limit = next((row["subject_id"], row["after"]) for row in said if row["move"] == "raised")
    await meet(context.store, user)
    now = datetime.now(UTC)
    async with context.store.begin() as work:
        await profiles.put(work, TENANT, user, TIERS[:1], (), "trial", None, "ann", now, now + timedelta(days=1))
    await recalculate(context, request(few_users))
    async with context.store.read() as work:
        active = await profiles.current(work, TENANT, user, now)
        later = await profiles.current(work, TENANT, user, now + timedelta(days=2))
        versions = await profiles.versions(work, TENANT, user)
    assert active is not None
    assert later is not None
    assert (active.limit, later.limit, len(versions)) == (1_000, limit, 4)


async def test_whoever_is_paused_is_not_judged(few_users: Path, context: RunContext) -> None:
    await meet(context.store, "u000000003")
    async with context.store.begin() as work:
        await pause(work, TENANT, "u000000003", datetime.now(UTC))
    report = await recalculate(context, request(few_users))
    assert report.totals.users == 59
    assert "u000000003" not in {row.user_id for row in await records(context.store)}


async def profile_of(context: RunContext, user_id: str) -> FloatProfile | None:
    async with context.store.read() as work:
        return await profiles.current(work, TENANT, user_id, datetime.now(UTC))


async def test_confirmed_fraud_pauses_the_product_and_a_correction_or_a_rollback_ends_that(
    small: Path, context: RunContext
) -> None:
    defrauder, met = "u000000003", "u000000004"
    await meet(context.store, met)
    for user in (defrauder, met):
        hit(small, user, value=True)
    report = await recalculate(context, request(small))
    assert report.totals.paused >= 2
    said = {row.user_id: row for row in await records(context.store)}
    for user, version in ((defrauder, 1), (met, 2)):
        profile = await profile_of(context, user)
        assert profile is not None
        assert (profile.version, profile.limit, profile.paused) == (version, 2_000, {Product.FLOAT})
        assert (profile.reason, said[user].reasons) == ("limit_paused", "limit_fraud")
        assert said[user].notice_due == datetime.now(UTC).date() + timedelta(days=30)
    again = await recalculate(context, request(small, full=True))
    assert (again.written, again.totals.paused) == (0, report.totals.paused)
    # It was somebody else.
    hit(small, met, value=False)
    assert (await recalculate(context, request(small))).written == 1
    cleared = await profile_of(context, met)
    assert cleared is not None
    assert (cleared.version, cleared.paused) == (3, frozenset())
    await roll_back(context, report.run_id, "ann")
    back = await profile_of(context, defrauder)
    assert back is not None
    assert (back.version, back.limit, back.paused, back.reason) == (2, 2_000, frozenset(), "limit_rolled_back")


async def test_confirmed_fraud_pauses_a_user_without_a_limit_and_the_limit_stays_0(
    small: Path, context: RunContext
) -> None:
    user = "u000000003"
    await meet(context.store, user)
    async with context.store.begin() as work:
        none = tuple(tier.model_copy(update={"enabled": False}) for tier in TIERS)
        await profiles.put(work, TENANT, user, none, (), "limit_taken", None, "ann", datetime.now(UTC))
    hit(small, user, value=True)
    await recalculate(context, request(small))
    (record,) = [row for row in await records(context.store) if row.user_id == user]
    assert (record.move, record.before, record.after, record.reasons) == ("paused", 0, 0, "limit_fraud")
    profile = await profile_of(context, user)
    assert profile is not None
    assert (profile.limit, profile.paused, profile.reason) == (0, {Product.FLOAT}, "limit_paused")


async def test_the_decision_time_is_the_one_that_the_run_was_planned_with(few_users: Path, context: RunContext) -> None:
    """Within the lender's business day, also in a run that is resumed and in a dry run."""
    moments: list[datetime] = []

    async def calculate(spec: ShardSpec) -> ShardResult:
        moments.append(spec.judged_at)
        if len(moments) == 1:
            raise Interrupted
        return await remembered(spec)

    seeing = replace(context, calculate=calculate, concurrent_shards=1)
    asked = request(few_users)
    with pytest.raises(Interrupted):
        await recalculate(seeing, asked)
    planned = datetime(2025, 9, 1, 2, tzinfo=UTC)
    async with context.store.begin() as work:
        await work.execute(update(LimitRunRow).values(judged_at=planned))
    assert (await recalculate(seeing, asked)).state is LimitRunState.APPLIED
    await run_dry(seeing, asked)
    # Midnight in New York, in summer.
    close = datetime(2025, 9, 1, 3, 59, 59, tzinfo=UTC)
    assert (moments[0], set(moments[2:-2]), set(moments[-2:])) == (close, {planned}, {close})


async def test_one_user_at_a_time(few_users: Path, context: RunContext) -> None:
    report = await recalculate(context, request(few_users, scope=Scope(user_id="u000000005")))
    assert (report.totals.users, report.shards, report.state) == (1, 1, LimitRunState.APPLIED)
    everybody = await recalculate(context, request(few_users))
    assert everybody.totals.users == 60


async def test_a_dry_run_says_the_same_and_stores_nothing(few_users: Path, context: RunContext) -> None:
    dry = await run_dry(context, request(few_users, dry_run=True))
    assert [await count(context.store, table) for table in (LimitRunRow, LimitShardRow, ProfileRow, AuditRow)] == [
        0
    ] * 4
    real = await recalculate(context, request(few_users))
    assert dry.totals == real.totals
    assert dry.state is None


async def test_a_run_that_somebody_works_on_is_left_alone(few_users: Path, context: RunContext) -> None:
    held = await recalculate(context, request(few_users, policy=held_policy()))
    async with context.store.begin() as work:
        assert await limit_runs.claim(work, held.run_id, None, timedelta(seconds=30)) is not None
    again = await recalculate(context, request(few_users, policy=held_policy()))
    assert (again.busy, again.calculated) == (True, 0)


async def test_who_lost_the_fence_writes_nothing(few_users: Path, context: RunContext) -> None:
    async def stolen(spec: ShardSpec) -> ShardResult:
        result = await remembered(spec)
        async with context.store.begin() as work:
            (run,) = await limit_runs.newest(work, TENANT)
            run_id = run.id
            await limit_runs.release(work, limit_runs.Claimed(run_id, run.fence))
            await limit_runs.claim(work, run_id, None, timedelta(seconds=30))
        return result

    with pytest.raises(limit_runs.LeaseLost):
        await recalculate(replace(context, calculate=stolen, concurrent_shards=1), request(few_users))
    assert await count(context.store, LimitRecordRow) == 0
