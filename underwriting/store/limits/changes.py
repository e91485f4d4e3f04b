"""From the records of a limit run to profiles: a shard's versions, events and audit entry in one transaction.

A record whose limit is not the one in force is still to be applied. Once applied, both are equal, and a second call
changes nothing. A profile that somebody else changed since the record was made stays as it is.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from hashlib import sha256
from typing import Any

from sqlalchemy import ColumnElement, case, false, func, literal, null, or_, select, update

from underwriting.domain.decision import ADVERSE_ACTION_NOTICE
from underwriting.domain.limits import IdRange, LimitShardState
from underwriting.domain.profile import Tier
from underwriting.store import audit, profiles
from underwriting.store.bulk import copy_rows
from underwriting.store.columns import from_now
from underwriting.store.limits import shards as limit_shards
from underwriting.store.limits.profiles import Change, Drafts, current_profiles, event_rows, following, profile_rows
from underwriting.store.limits.records import of_shard
from underwriting.store.limits.runs import Claimed
from underwriting.store.models import LimitRecordRow, LimitRunRow, LimitShardRow, MessageRow, NoticeRow, ProfileRow
from underwriting.store.profile_rows import versions_in_force
from underwriting.store.session import Work

# Whether a record pauses the product.
_PAUSES = LimitRecordRow.move == "paused"
# Users named in one statement: databases bind some thirty thousand values at most.
PAGE = 5_000


@dataclass(frozen=True)
class Applied:
    """How many limits were written, and the users whose profile somebody else changed later."""

    written: int
    overtaken: tuple[str, ...]


async def apply_shard(
    work: Work, claimed: Claimed, run: LimitRunRow, shard: LimitShardRow, tiers: Sequence[Tier], now: datetime
) -> Applied:
    """Write what is still to be applied of a shard; LeaseLost if the run is not ours any more.

    `tiers` are those of a user who has no profile yet.
    """
    differs = or_(LimitRecordRow.after != LimitRecordRow.in_force, LimitRecordRow.paused != _PAUSES)
    rows = await _records(work, run, shard, LimitRecordRow.after, _PAUSES, LimitRecordRow.after.is_not(None), differs)
    changes = [
        Change(row.user_id, row.limit, _reason(row), row.base_version, None if row.paused == row.pause else row.pause)
        for row in rows
    ]
    in_force = _in_force(LimitRecordRow.after, _PAUSES, work.day_of(now))
    return await _apply(work, claimed, run, shard.number, changes, in_force, tiers, now, LimitShardState.APPLIED)


async def roll_back_shard(
    work: Work, claimed: Claimed, run: LimitRunRow, shard: LimitShardRow, tiers: Sequence[Tier], now: datetime
) -> Applied:
    """Restore the limits from before the run for the users whose limits the shard changed, as new versions.

    A product that it paused is paused no more.
    """
    differs = or_(LimitRecordRow.before != LimitRecordRow.in_force, LimitRecordRow.paused)
    applied = LimitRecordRow.applied_version.is_not(None)
    rows = await _records(work, run, shard, LimitRecordRow.before, false(), applied, differs)
    # What is known of a user changes every day, and that is no new limit: a wrong one is taken back all the same.
    changes = [
        Change(
            row.user_id,
            row.limit,
            "limit_rolled_back",
            row.base_version,
            False if row.paused else None,
            (row.in_force, row.paused),
        )
        for row in rows
    ]
    in_force = _in_force(LimitRecordRow.before, false(), work.day_of(now))
    return await _apply(work, claimed, run, shard.number, changes, in_force, tiers, now, LimitShardState.ROLLED_BACK)


def _in_force(limit: Any, paused: ColumnElement[bool], today: date) -> dict[str, Any]:
    """The columns about what is in force from today on, with the day on which its notice is due.

    Notice is due 30 days after a user has less than before the run or by it, or the product is paused (12 CFR
    1002.9(a)(1)(iii)). A raise that is taken back is such an action as well (1002.2(c)(1)(ii)). A correction of what
    the run applied before does not move the day, unless the notice of that was sent already: then another is due.
    """
    before = highest_known()
    highest = case((LimitRecordRow.in_force > before, LimitRecordRow.in_force), else_=before)
    from_today = literal(today + ADVERSE_ACTION_NOTICE)
    due = case((_notice_sent(), from_today), else_=func.coalesce(LimitRecordRow.notice_due, from_today))
    notice_due = case((or_(limit < highest, paused), due), else_=null())
    return {"in_force": limit, "paused": paused, "highest": highest, "notice_due": notice_due}


def _notice_sent() -> ColumnElement[bool]:
    """Whether a notice of what was applied last was sent."""
    sent = select(NoticeRow.id).where(
        NoticeRow.subject_id == LimitRecordRow.run_id,
        NoticeRow.customer_id == LimitRecordRow.user_id,
        NoticeRow.number == LimitRecordRow.applied_version,
    )
    return sent.correlate(LimitRecordRow).exists()


def highest_known() -> ColumnElement[int]:
    """The highest limit of a user before the run or by it, before what is applied now."""
    return func.coalesce(LimitRecordRow.highest, LimitRecordRow.before)


def _reason(row: Any) -> str:
    """Why the profile's next version is written."""
    if row.pause != row.paused:
        return "limit_paused" if row.pause else "limit_unpaused"
    return "limit_raised" if row.limit > row.in_force else "limit_lowered"


async def _records(
    work: Work,
    run: LimitRunRow,
    shard: LimitShardRow,
    limit: Any,
    pause: ColumnElement[bool],
    *wanted: ColumnElement[bool],
) -> Sequence[Any]:
    """The wanted records of a shard, with the limit, and the pause of the product, that each shall have."""
    in_force = (LimitRecordRow.in_force, LimitRecordRow.paused, LimitRecordRow.base_version)
    mine = of_shard(run.id, shard.number, IdRange(shard.first_id, shard.end_id))
    query = (
        select(LimitRecordRow.user_id, limit.label("limit"), pause.label("pause"), *in_force)
        .where(mine, *wanted)
        .order_by(LimitRecordRow.user_id)
    )
    return (await work.execute(query)).all()


async def _apply(
    work: Work,
    claimed: Claimed,
    run: LimitRunRow,
    number: int,
    changes: Sequence[Change],
    in_force: Mapping[str, Any],
    tiers: Sequence[Tier],
    now: datetime,
    state: LimitShardState,
) -> Applied:
    await limit_shards.note_shard(work, claimed, number, state=state, applied_at=from_now())
    written: dict[str, int] = {}
    for start in range(0, len(changes), PAGE):
        page = changes[start : start + PAGE]
        versions = await _write(work, run, page, tiers, now)
        await _note(work, run, page, versions, in_force)
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
    """Write the next version of each profile that its change may follow; the versions, by user."""
    current = await current_profiles(work, run, [change.user_id for change in changes], now)
    follow = await following(work, run, current, changes)
    drafts = Drafts(run, current, tiers, now)
    plain = [drafts.of(change) for change in follow if change.user_id not in current.temporary]
    await copy_rows(work, ProfileRow, profile_rows(run.tenant, plain))
    await copy_rows(work, MessageRow, event_rows(run.tenant, plain, now))
    written = {one.user_id: one.version for one in plain}
    for change in follow:
        if change.user_id in current.temporary:
            written[change.user_id] = await _below_a_temporary(work, run, change, now)
    return written


async def _below_a_temporary(work: Work, run: LimitRunRow, change: Change, now: datetime) -> int:
    """A permanent version that the active temporary one follows at once; returns the number of the latter."""
    base = (await versions_in_force(work, run.tenant, change.user_id, now)).permanent
    in_force = await profiles.put(
        work,
        run.tenant,
        change.user_id,
        base.with_limit(change.limit),
        change.pauses(base.paused, run.product),
        change.reason,
        None,
        run.id,
        now,
    )
    return in_force.version


async def _note(
    work: Work,
    run: LimitRunRow,
    changes: Sequence[Change],
    written: Mapping[str, int],
    in_force: Mapping[str, Any],
) -> None:
    """Note in the records what is in force now. Most users have the next version, so one statement serves them all."""
    plain = [one.user_id for one in changes if written.get(one.user_id) == one.follows + 1]
    following = LimitRecordRow.base_version + 1
    record = update(LimitRecordRow).where(LimitRecordRow.run_id == run.id)
    await work.execute(
        record.where(LimitRecordRow.user_id.in_(plain)).values(
            applied_version=following, base_version=following, **in_force
        )
    )
    others: dict[int, list[str]] = {}
    for user_id in written.keys() - set(plain):
        others.setdefault(written[user_id], []).append(user_id)
    for version, user_ids in others.items():
        await work.execute(
            record.where(LimitRecordRow.user_id.in_(user_ids)).values(
                applied_version=version, base_version=version, **in_force
            )
        )
