"""From the records of a limit run to profiles: a shard's versions, events and audit entry in one transaction.

A record whose limit is not the one in force is still to be applied; once it is, both are the same, and a second time
changes nothing. A profile that somebody else changed since the record was made is left alone: theirs is the later word.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256
from typing import Any

from sqlalchemy import ColumnElement, select, update

from underwriting.domain.limits import LimitShardState
from underwriting.domain.profile import Tier
from underwriting.store import audit, limit_shards, profiles
from underwriting.store.bulk import copy_rows
from underwriting.store.columns import from_now
from underwriting.store.limit_profiles import Change, Drafts, event_rows, profile_rows, standing
from underwriting.store.limit_runs import Claimed
from underwriting.store.models import LimitRecordRow, LimitRunRow, MessageRow, ProfileRow
from underwriting.store.profile_rows import standing_of
from underwriting.store.session import Work

# Users named in one statement: databases bind some thirty thousand values at most.
PAGE = 5_000


@dataclass(frozen=True)
class Applied:
    """How many limits were written, and of whom somebody else's later word stands."""

    written: int
    overtaken: tuple[str, ...]


async def apply_shard(
    work: Work, claimed: Claimed, run: LimitRunRow, number: int, tiers: Sequence[Tier], now: datetime
) -> Applied:
    """Write what is still to be applied of a shard; LeaseLost where the run is not ours any more.

    `tiers` are those of a user who has no profile yet.
    """
    wanted = (LimitRecordRow.after.is_not(None), LimitRecordRow.after != LimitRecordRow.in_force)
    rows = await _records(work, run, number, LimitRecordRow.after, *wanted)
    changes = [
        Change(
            row.user_id, row.limit, "limit_raised" if row.limit > row.in_force else "limit_lowered", row.base_version
        )
        for row in rows
    ]
    state = LimitShardState.APPLIED
    return await _apply(work, claimed, run, number, changes, LimitRecordRow.after, tiers, now, state)


async def roll_back_shard(
    work: Work, claimed: Claimed, run: LimitRunRow, number: int, tiers: Sequence[Tier], now: datetime
) -> Applied:
    """Give everybody whose limit the shard changed the limit from before the run, by a version of its own."""
    wanted = (LimitRecordRow.applied_version.is_not(None), LimitRecordRow.before != LimitRecordRow.in_force)
    rows = await _records(work, run, number, LimitRecordRow.before, *wanted)
    changes = [Change(row.user_id, row.limit, "limit_rolled_back", row.base_version) for row in rows]
    state = LimitShardState.ROLLED_BACK
    return await _apply(work, claimed, run, number, changes, LimitRecordRow.before, tiers, now, state)


async def _records(
    work: Work, run: LimitRunRow, number: int, limit: Any, *wanted: ColumnElement[bool]
) -> Sequence[Any]:
    query = (
        select(LimitRecordRow.user_id, limit.label("limit"), LimitRecordRow.in_force, LimitRecordRow.base_version)
        .where(LimitRecordRow.run_id == run.id, LimitRecordRow.shard == number, *wanted)
        .order_by(LimitRecordRow.user_id)
    )
    return (await work.execute(query)).all()


async def _apply(
    work: Work,
    claimed: Claimed,
    run: LimitRunRow,
    number: int,
    changes: Sequence[Change],
    limit: Any,
    tiers: Sequence[Tier],
    now: datetime,
    state: LimitShardState,
) -> Applied:
    await limit_shards.note_shard(work, claimed, number, state=state, applied_at=from_now())
    written: dict[str, int] = {}
    for start in range(0, len(changes), PAGE):
        page = changes[start : start + PAGE]
        versions = await _write(work, run, page, tiers, now)
        await _note(work, run, page, versions, limit)
        written |= versions
    overtaken = tuple(change.user_id for change in changes if change.user_id not in written)
    lines = [f"{one.user_id} {written[one.user_id]} {one.limit}" for one in changes if one.user_id in written]
    digest = sha256("\n".join(lines).encode()).hexdigest()
    details: dict[str, audit.Detail] = {
        "shard": number,
        "written": len(written),
        "overtaken": len(overtaken),
        "versions": digest,
    }
    await audit.append(work, f"limits.shard_{state}", run.id, "system", **details)
    return Applied(len(written), overtaken)


async def _write(
    work: Work, run: LimitRunRow, changes: Sequence[Change], tiers: Sequence[Tier], now: datetime
) -> dict[str, int]:
    """Write the next version of each profile that is still the one its change follows; the versions, by user."""
    there = await standing(work, run, [change.user_id for change in changes], now)
    follow = [change for change in changes if there.newest.get(change.user_id, 0) == change.follows]
    drafts = Drafts(run, there, tiers, now)
    plain = [drafts.of(change) for change in follow if change.user_id not in there.temporary]
    await copy_rows(work, ProfileRow, profile_rows(run.tenant, plain))
    await copy_rows(work, MessageRow, event_rows(run.tenant, plain, now))
    written = {one.user_id: one.version for one in plain}
    for change in follow:
        if change.user_id in there.temporary:
            written[change.user_id] = await _below_a_temporary(work, run, change, now)
    return written


async def _below_a_temporary(work: Work, run: LimitRunRow, change: Change, now: datetime) -> int:
    """A permanent version that the active temporary one follows at once; the number of the latter."""
    base = (await standing_of(work, run.tenant, change.user_id, now)).permanent
    in_force = await profiles.put(
        work, run.tenant, change.user_id, base.with_limit(change.limit), base.paused, change.reason, None, run.id, now
    )
    return in_force.version


async def _note(
    work: Work, run: LimitRunRow, changes: Sequence[Change], written: Mapping[str, int], limit: Any
) -> None:
    """Say in the records what is in force now. Most users have the next version, so one statement serves them all."""
    plain = [one.user_id for one in changes if written.get(one.user_id) == one.follows + 1]
    following = LimitRecordRow.base_version + 1
    record = update(LimitRecordRow).where(LimitRecordRow.run_id == run.id)
    await work.execute(
        record.where(LimitRecordRow.user_id.in_(plain)).values(
            in_force=limit, applied_version=following, base_version=following
        )
    )
    for user_id in written.keys() - set(plain):
        version = written[user_id]
        await work.execute(
            record.where(LimitRecordRow.user_id == user_id).values(
                in_force=limit, applied_version=version, base_version=version
            )
        )
