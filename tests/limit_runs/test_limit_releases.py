"""What staff do with a limit run: release it, discard it, take it back; and the notices that customers are owed."""

from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import select, text, update
from support.documents import sql_queries
from support.limit_histories import corrected, hit, request
from support.limit_store import TENANT, held_policy, limits, meet, records, settle

from rules.limits.tiers import CURRENCY, TIERS
from underwriting.domain.application import Product
from underwriting.domain.limits import LimitRunState, LimitShardState
from underwriting.limit_runs.adoption import limits_in
from underwriting.limit_runs.rollback import roll_back
from underwriting.limit_runs.run import finish, recalculate
from underwriting.limit_runs.run_context import RunContext
from underwriting.notices import about
from underwriting.store import audit, notices, profiles
from underwriting.store.errors import NotHeld, RunInTheWay, UnknownLimitRun
from underwriting.store.limits import runs as limit_runs
from underwriting.store.limits import shards as limit_shards
from underwriting.store.limits.profiles import adopt
from underwriting.store.models import LimitRecordRow
from underwriting.store.session import Store


async def users_owed_a_notice(store: Store, until: date) -> list[str]:
    """The users to whom a notice is due by that day."""
    async with store.read() as work:
        return [owed.customer_id for owed in await notices.due(work, TENANT, until, limit=100)]


async def test_a_held_run_applies_nothing_until_a_person_releases_it(few_users: Path, context: RunContext) -> None:
    strict = request(few_users, policy=held_policy())
    held = await recalculate(context, strict)
    assert held.state is LimitRunState.HELD
    assert "the policy's ceiling is" in held.guard.reasons[0]
    assert (await limits(context.store), held.totals.users) == ({}, 60)
    assert (await recalculate(context, strict)).state is LimitRunState.HELD
    assert (await finish(context, held.run_id)).written == 0
    await settle(context, held.run_id, LimitRunState.APPLYING)
    released = await finish(context, held.run_id)
    assert (released.state, released.written) == (LimitRunState.APPLIED, len(await limits(context.store)))
    assert released.written == held.totals.raised + held.totals.lowered + held.totals.paused
    async with context.store.read() as work:
        entries = {entry.action: entry.actor for entry in await audit.entries(work, held.run_id)}
    assert entries["limits.released"] == "ann"
    with pytest.raises(NotHeld):
        await settle(context, held.run_id, LimitRunState.DISCARDED)


async def test_after_a_rollback_the_same_date_decides_the_same_again(history: Path, context: RunContext) -> None:
    """Limits that were taken over were raised long before the rollback, whose versions of the profiles are of today."""
    now = datetime.now(UTC)
    adopted = limits_in(history / "current_limits.parquet", CURRENCY, TIERS, now)
    async with context.store.begin() as work:
        assert await adopt(work, TENANT, adopted, CURRENCY, TIERS, "tester") > 0
    first = await recalculate(context, request(history))
    decided = await decisions(context.store, first.run_id)
    assert min(first.totals.raised, first.totals.lowered, first.totals.paused) > 0
    for _ in range(2):
        await roll_back(context, first.run_id, "ann")
        again = await recalculate(context, request(history))
        assert again.run_id != first.run_id
        assert await decisions(context.store, again.run_id) == decided
        first = again


async def decisions(store: Store, run_id: str) -> list[tuple[object, ...]]:
    """What a run decided about everybody, and what it rests on."""
    row = LimitRecordRow
    columns = (row.user_id, row.move, row.before, row.after, row.reasons, row.runs_below, row.below_since)
    base = (row.base_raised_on, row.base_lowered_on, row.base_runs_below, row.base_below_since)
    async with store.read() as work:
        found = await work.execute(select(*columns, *base).where(row.run_id == run_id).order_by(row.user_id))
        return [tuple(each) for each in found]


async def test_notice_is_due_thirty_days_after_a_decrease_or_a_pause_was_applied(
    few_users: Path, context: RunContext
) -> None:
    held = await recalculate(context, request(few_users, policy=held_policy()))
    assert {row.notice_due for row in await records(context.store)} == {None}, "nobody's limit is lowered yet"
    await settle(context, held.run_id, LimitRunState.APPLYING)
    await finish(context, held.run_id)
    day = datetime.now(UTC).date() + timedelta(days=30)
    said = await records(context.store)
    assert {row.notice_due for row in said if row.move in {"held", "raised"}} == {None}
    told = [row.user_id for row in said if row.move in {"lowered", "paused"}]
    assert {row.notice_due for row in said if row.user_id in told} == {day}
    for until, found in ((day - timedelta(days=1), []), (day, told), (day + timedelta(days=1), told)):
        assert await users_owed_a_notice(context.store, until) == found
    await roll_back(context, held.run_id, "ann")
    taken_back = [row.user_id for row in said if row.move == "raised"]
    assert taken_back
    days = {row.user_id: row.notice_due for row in await records(context.store) if row.notice_due}
    assert days == dict.fromkeys(taken_back, day)
    assert await users_owed_a_notice(context.store, day) == taken_back
    async with context.store.read() as work:
        owed = await notices.get(work, TENANT, held.run_id, taken_back[0])
        notice = await about.read(work, owed)
    assert (notice.limit_before, notice.limit_after) == ("30.00", "20.00")
    assert [reason.code for reason in notice.reasons] == ["limit_rolled_back"]


async def test_a_correction_moves_no_notice_of_what_was_applied_before(small: Path, context: RunContext) -> None:
    await recalculate(context, request(small, shards=1))
    said = await records(context.store)
    raised = next(row.user_id for row in said if row.move == "raised")
    told = [row.user_id for row in said if row.notice_due is not None]
    assert told
    applied = datetime.now(UTC).date() - timedelta(days=5)
    earlier = update(LimitRecordRow).where(LimitRecordRow.notice_due.is_not(None))
    async with context.store.begin() as work:
        await work.execute(earlier.values(notice_due=applied + timedelta(days=30)))
    corrected(small, raised, refreshed_at=datetime(2025, 8, 1))  # noqa: DTZ001
    assert (await recalculate(context, request(small, shards=1))).written == 1
    after = {row.user_id: row.notice_due for row in await records(context.store)}
    assert {after[user] for user in told} == {applied + timedelta(days=30)}
    assert after[raised] == datetime.now(UTC).date() + timedelta(days=30), "the raise was taken back today"


async def test_a_correction_after_the_notice_owes_another_one(small: Path, context: RunContext) -> None:
    await recalculate(context, request(small, shards=1))
    rows = {row.user_id: row for row in await records(context.store)}
    user = next(user for user, row in rows.items() if row.move == "lowered")
    due = datetime.now(UTC).date() + timedelta(days=30)
    async with context.store.begin() as work:
        (run,) = await limit_runs.newest(work, TENANT)
        owed = await notices.get(work, TENANT, run.id, user)
        await notices.record(
            work, owed, how="letter", sent_at=datetime.now(UTC), sent_by="ann", content=b"Your limit is lower."
        )
        earlier = update(LimitRecordRow).where(LimitRecordRow.notice_due.is_not(None))
        await work.execute(earlier.values(notice_due=due - timedelta(days=5)))
    assert user not in await users_owed_a_notice(context.store, due)
    hit(small, user, True)
    await recalculate(context, request(small, shards=1))
    after = {row.user_id: row for row in await records(context.store)}
    assert (after[user].move, after[user].notice_due) == ("paused", due)
    assert user in await users_owed_a_notice(context.store, due)
    assert {row.notice_due for row in after.values() if row.user_id != user} <= {None, due - timedelta(days=5)}


async def test_a_discarded_run_makes_room_for_another(few_users: Path, context: RunContext) -> None:
    held = await recalculate(context, request(few_users, policy=held_policy()))
    await settle(context, held.run_id, LimitRunState.DISCARDED)
    await settle(context, held.run_id, LimitRunState.DISCARDED)
    assert (await finish(context, held.run_id)).state is LimitRunState.DISCARDED
    another = await recalculate(context, request(few_users))
    assert another.run_id != held.run_id
    assert another.state is LimitRunState.APPLIED


async def test_a_discarded_correction_leaves_what_was_applied(small: Path, context: RunContext) -> None:
    await recalculate(context, request(small, policy=held_policy()))
    async with context.store.read() as work:
        (run,) = await limit_runs.newest(work, TENANT)
    await settle(context, run.id, LimitRunState.APPLYING)
    await finish(context, run.id)
    applied = await limits(context.store)
    due = datetime.now(UTC).date() + timedelta(days=31)
    owed = await users_owed_a_notice(context.store, due)
    assert owed
    user = min(user for user, (_, limit) in applied.items() if limit > 2_000)
    corrected(small, user, refreshed_at=datetime(2025, 8, 1))  # noqa: DTZ001
    held = await recalculate(context, request(small, policy=held_policy()))
    assert held.state is LimitRunState.HELD
    await settle(context, run.id, LimitRunState.DISCARDED)
    async with context.store.read() as work:
        shards = await limit_shards.shards(work, run.id)
        assert (await limit_runs.get(work, run.id)).state is LimitRunState.INCOMPLETE
    assert [shard.state for shard in shards].count(LimitShardState.FAILED) == 1
    assert await limits(context.store) == applied
    assert await users_owed_a_notice(context.store, due) == owed, "what was lowered is lowered still"


async def test_a_rollback_writes_everybody_their_limit_from_before(few_users: Path, context: RunContext) -> None:
    for user in ("u000000000", "u000000001"):
        await meet(context.store, user)
    report = await recalculate(context, request(few_users))
    moved = await limits(context.store)
    back = await roll_back(context, report.run_id, "ann")
    after = await limits(context.store)
    assert (back.written, back.overtaken) == (report.written, 0)
    said = {row.user_id: row for row in await records(context.store)}
    for user, (version, _) in moved.items():
        changed = said[user].move != "held"
        assert after[user] == (version + changed, 2_000)
    assert (await roll_back(context, report.run_id, "ann")).written == 0
    assert await limits(context.store) == after
    anew = await recalculate(context, request(few_users))
    assert (anew.state, anew.written) == (LimitRunState.APPLIED, report.written)


async def test_a_rollback_leaves_later_words_alone(few_users: Path, context: RunContext) -> None:
    report = await recalculate(context, request(few_users))
    user = min(await limits(context.store))
    async with context.store.begin() as work:
        now = datetime.now(UTC)
        await profiles.put(work, TENANT, user, TIERS, (), "support", None, "ann", now)
    back = await roll_back(context, report.run_id, "ann")
    assert (back.written, back.overtaken) == (report.written - 1, 1)
    assert (await limits(context.store))[user] == (2, 2_000)


async def test_a_rollback_takes_back_a_limit_of_whoever_was_only_refreshed_since(
    few_users: Path, context: RunContext
) -> None:
    """Events say every day that something is known anew of a user; a pause of another product is no limit either."""
    report = await recalculate(context, request(few_users))
    refreshed, paused, raised, twice, *_ = sorted(await limits(context.store))
    async with context.store.begin() as work:
        now = datetime.now(UTC)
        await profiles.refresh(work, TENANT, refreshed, "system", now)
        for user, tiers, pauses in ((paused, None, {Product.LOAN}), (raised, TIERS, ())):
            found = await profiles.current(work, TENANT, user, now)
            await profiles.put(work, TENANT, user, tiers or found.tiers, pauses, "support", None, "ann", now)
        applied = (await profiles.current(work, TENANT, twice, now)).tiers
        for tiers in (TIERS, applied):
            await profiles.put(work, TENANT, twice, tiers, (), "support", None, "ann", now)
    back = await roll_back(context, report.run_id, "ann")
    assert (back.written, back.overtaken) == (report.written - 2, 2)
    (query,) = sql_queries("runbooks.md", "Wrong limits were applied")
    async with context.store.read() as work:
        left = await work.execute(text(query.replace("RUN_ID", report.run_id)))
    assert {row.user_id for row in left} == {raised, twice}, "the runbook finds who was left alone"
    after = await limits(context.store)
    assert after[twice][0] == 3, "who gave it back the limit meant it"
    assert (after[refreshed], after[paused], after[raised]) == ((3, 2_000), (3, 2_000), (2, 2_000))
    async with context.store.read() as work:
        found = await profiles.current(work, TENANT, paused, now)
    assert (found.reason, found.paused) == ("limit_rolled_back", {Product.LOAN})


async def test_what_changed_nothing_cannot_be_rolled_back(few_users: Path, context: RunContext) -> None:
    held = await recalculate(context, request(few_users, policy=held_policy()))
    with pytest.raises(RunInTheWay, match="changed nothing"):
        await roll_back(context, held.run_id, "ann")
    with pytest.raises(UnknownLimitRun):
        await roll_back(context, "lim_00000000000000000000000000", "ann")
