"""What limit runs decided about each user. The runs themselves stay, with their totals.

The records of the newest old run stay too, so that the next run always has limits to go on from, whatever is rolled
back meanwhile.
"""

from collections import defaultdict
from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, and_, delete, exists, func, or_, select, update
from sqlalchemy.orm import aliased

from underwriting.domain.limits import LimitRunState
from underwriting.domain.retention import MINIMUMS, NOT_DEMANDED, Kind, Term
from underwriting.store import audit, notices
from underwriting.store.columns import from_now
from underwriting.store.limits.runs import VOID
from underwriting.store.models import (
    LimitRecordRow,
    LimitRunRow,
    LimitShardRow,
    NoticeRow,
    NoticeWarningRow,
    ProfileRow,
)
from underwriting.store.retention.records import Key, Page, Record, RecordType, Wanted, narrowed, next_key, paged
from underwriting.store.session import Work

FINAL = (LimitRunState.APPLIED, LimitRunState.INCOMPLETE, *VOID)
UNFINISHED = Term(None, "the limit run is not finished")
NO_NOTICE = Term(None, "its notice to the customer is not sent")
# Records of one transaction: a run has one for each user, and nothing else depends on them.
PAGE = 5_000
_KEY = (LimitRecordRow.run_id, LimitRecordRow.user_id)
ADVERSE = ("lowered", "paused")


async def _records(work: Work, wanted: Wanted, after: Key | None) -> Page:
    run, record = LimitRunRow, LimitRecordRow
    columns = (
        *_KEY,
        record.move,
        record.notice_due,
        record.applied_version,
        run.tenant,
        run.state,
        _took_effect(run).label("at"),
    )
    past = record.run_id.in_(select(run.id).where(_is_over(wanted)))
    of_runs = select(*columns).join(run, run.id == record.run_id)
    query = narrowed(of_runs, wanted, run.tenant, record.user_id, past)
    rows = (await work.execute(paged(query, _KEY, after, PAGE))).all()
    runs, users = {row.run_id for row in rows}, {row.user_id for row in rows}
    # Most records need no notice.
    about = {row.run_id for row in rows if row.notice_due is not None}
    owed = await notices.owed_among(work, about, users) if about else set()
    sent: dict[tuple[str, str], datetime] = {}
    told = select(NoticeRow.subject_id, NoticeRow.customer_id, NoticeRow.sent_at)
    for run_id, user_id, at in await work.execute(
        told.where(NoticeRow.subject_id.in_(runs), NoticeRow.customer_id.in_(users))
    ):
        sent[run_id, user_id] = max(at, sent.get((run_id, user_id), at))

    def term(row: Any) -> Term:
        key = (row.run_id, row.user_id)
        if row.state not in FINAL:
            return UNFINISHED
        if key in owed:
            return NO_NOTICE
        since = max(work.day_of(at) for at in (row.at, sent.get(key, row.at)))
        days = wanted.demands.term(row.tenant, row.user_id, Kind.LIMITS, since)
        # What changed a limit, upwards too, is kept: the run may have to be rolled back.
        harmless = row.move not in ADVERSE and row.notice_due is None and row.applied_version is None
        return NOT_DEMANDED if wanted.person is not None and harmless and days.until is not None else days

    records = [Record(Kind.LIMITS, row.tenant, row.user_id, (row.run_id, row.user_id), term(row)) for row in rows]
    return records, next_key(rows, lambda row: (row.run_id, row.user_id), PAGE)


def _took_effect(run: Any) -> Any:
    return func.coalesce(run.applied_at, run.created_at)


def _is_over(wanted: Wanted) -> ColumnElement[bool]:
    """Which runs are finished, old enough, and not the ones that the next run goes on from."""
    run, later = LimitRunRow, aliased(LimitRunRow)
    bound = wanted.before(MINIMUMS[Kind.LIMITS].months)
    followed = exists().where(
        later.tenant == run.tenant,
        later.product == run.product,
        later.scope == "",
        later.business_date > run.business_date,
        later.applied_at < bound,
        later.state.in_((LimitRunState.APPLIED, LimitRunState.INCOMPLETE)),
    )
    return and_(run.state.in_(FINAL), _took_effect(run) < bound, or_(run.state.in_(VOID), followed))


async def _delete_records(work: Work, records: Sequence[Record]) -> None:
    users = defaultdict[str, list[str]](list)
    for record in records:
        run_id, user_id = record.key
        users[run_id].append(user_id)
    for run_id, user_ids in users.items():
        for table in (NoticeRow, NoticeWarningRow):
            about = (table.subject_id == run_id, table.customer_id.in_(user_ids))
            await work.execute(delete(table).where(*about))
        mine = (LimitRecordRow.run_id == run_id, LimitRecordRow.user_id.in_(user_ids))
        await work.execute(delete(LimitRecordRow).where(*mine))


async def emptied_runs(work: Work, wanted: Wanted) -> list[str]:
    """Runs that are over and have no records any more, but still a folder and the bounds of their shards."""
    left = exists().where(LimitRecordRow.run_id == LimitRunRow.id)
    query = select(LimitRunRow.id).where(LimitRunRow.purged_at.is_(None), _is_over(wanted), ~left)
    if wanted.tenant is not None:
        query = query.where(LimitRunRow.tenant == wanted.tenant)
    return list(await work.scalars(query.order_by(LimitRunRow.id)))


async def close_run(work: Work, run_id: str, by: str) -> None:
    """Note that the records of a run are deleted: it cannot be rolled back any more, and names no user."""
    run = await work.get_one(LimitRunRow, run_id)
    scope = run.scope
    if scope.startswith("user:") and not await _has_versions(work, run):
        scope = f"user:{run_id}"
    closed = update(LimitRunRow).where(LimitRunRow.id == run_id)
    await work.execute(closed.values(purged_at=from_now(), note=None, scope=scope))
    shards = update(LimitShardRow).where(LimitShardRow.run_id == run_id)
    await work.execute(shards.values(first_id=None, end_id=None, trouble=None))
    await audit.append(work, "limits.purged", run_id, by)


async def _has_versions(work: Work, run: LimitRunRow) -> bool:
    """Whether a version of the profile names the run of one user; then it says whose the run was."""
    mine = (ProfileRow.tenant == run.tenant, ProfileRow.user_id == run.scope.removeprefix("user:"))
    return bool(await work.scalar(select(exists().where(*mine, ProfileRow.created_by == run.id))))


async def runs_of(work: Work, tenant: str, person: str) -> list[str]:
    """Finished runs that have no record of a person any more, but may name the person in their files or bounds."""
    record = exists().where(LimitRecordRow.run_id == LimitRunRow.id, LimitRecordRow.user_id == person)
    mine = (LimitRunRow.tenant == tenant, LimitRunRow.state.in_(FINAL), LimitRunRow.purged_at.is_(None))
    return list(await work.scalars(select(LimitRunRow.id).where(*mine, ~record).order_by(LimitRunRow.id)))


async def forget_bounds(work: Work, tenant: str, person: str, by: str) -> None:
    """Where a person without a record is the bound of a shard, the next user of the run is it instead.

    A run about this one user that has no record of the user any more is closed.
    """
    for run_id in await runs_of(work, tenant, person):
        if (await work.get_one(LimitRunRow, run_id)).scope == f"user:{person}":
            await close_run(work, run_id, by)
            continue
        bounds = or_(LimitShardRow.first_id == person, LimitShardRow.end_id == person)
        shards = list(await work.scalars(select(LimitShardRow).where(LimitShardRow.run_id == run_id, bounds)))
        if not shards:
            continue
        behind = select(func.min(LimitRecordRow.user_id)).where(
            LimitRecordRow.run_id == run_id, LimitRecordRow.user_id > person
        )
        # Without anybody behind, any id between the person's and all others will do.
        following = await work.scalar(behind) or f"{person[:-1]}{chr(ord(person[-1]) + 1)}"
        for shard in shards:
            shard.first_id = following if shard.first_id == person else shard.first_id
            shard.end_id = following if shard.end_id == person else shard.end_id
            shard.trouble = shard.trouble and shard.trouble.replace(person, following)
        await work.flush()


LIMITS = RecordType(frozenset({Kind.LIMITS}), _records, _delete_records)
