"""The records of a limit run for each user, written shard by shard; each time all records of the shard are replaced."""

from collections.abc import Sequence
from typing import Any

import pyarrow as pa
from sqlalchemy import ColumnElement, and_, delete, func, select

from underwriting.domain.limits import IdRange, LimitShardState
from underwriting.store.bulk import copy_rows
from underwriting.store.columns import from_now
from underwriting.store.limits import runs as limit_runs
from underwriting.store.limits import shards as limit_shards
from underwriting.store.limits.bases import within
from underwriting.store.limits.runs import Claimed
from underwriting.store.models import LimitRecordRow, LimitRunRow
from underwriting.store.session import Work

# The columns about what is in force and what was applied; the other columns are about the decision.
APPLIED_COLUMNS = ("in_force", "base_version", "applied_version", "paused", "notice_due", "highest")


def of_shard(run_id: str, number: int, ids: IdRange) -> ColumnElement[bool]:
    """The records of a shard, whose ids are all in `ids`: by these, the primary key finds them.

    By the shard's number alone, all records of the run would be read for each of its shards.
    """
    return and_(LimitRecordRow.run_id == run_id, LimitRecordRow.shard == number, within(LimitRecordRow.user_id, ids))


async def propose(work: Work, claimed: Claimed, number: int, ids: IdRange, rows: pa.Table, **shard: Any) -> None:
    """Replace the shard's records and note its values; LeaseLost if the run is not ours.

    `rows` have the columns of `LimitRecordRow`. If an earlier calculation was applied to a user, its columns are kept,
    so that a correction follows the version that this run wrote.
    """
    await limit_runs.ensure(work, claimed)
    mine = of_shard(claimed.run_id, number, ids)
    columns = [getattr(LimitRecordRow, name) for name in ("user_id", *APPLIED_COLUMNS)]
    applied = {
        row.user_id: row for row in await work.execute(select(*columns).where(mine, LimitRecordRow.applied_version > 0))
    }
    # Applied records of users who are not in the history any more are kept.
    gone = applied.keys() - set(rows["user_id"].to_pylist()) if applied else set()
    await work.execute(delete(LimitRecordRow).where(mine, LimitRecordRow.user_id.not_in(gone)))
    await copy_rows(work, LimitRecordRow, _with_applied(rows, applied) if applied else rows)
    state = {"state": LimitShardState.PROPOSED, "proposed_at": from_now(), "trouble": None, **shard}
    await limit_shards.note_shard(work, claimed, number, **state)


async def applied(work: Work, run_id: str) -> int:
    """How many users' profiles a run has changed."""
    query = select(func.count()).where(LimitRecordRow.run_id == run_id, LimitRecordRow.applied_version.is_not(None))
    return int(await work.scalar(query) or 0)


async def of_user(
    work: Work, tenant: str, user_id: str, run_ids: Sequence[str] | None = None, limit: int = 1
) -> list[tuple[LimitRunRow, LimitRecordRow]]:
    """The runs of a tenant that decided about a user, with what they decided, newest first; of `run_ids` if given."""
    query = (
        select(LimitRunRow, LimitRecordRow)
        .join(LimitRecordRow, LimitRecordRow.run_id == LimitRunRow.id)
        .where(LimitRecordRow.user_id == user_id, LimitRunRow.tenant == tenant)
        .order_by(LimitRunRow.id.desc())
        .limit(limit)
    )
    if run_ids is not None:
        query = query.where(LimitRunRow.id.in_(run_ids))
    return [(run, record) for run, record in await work.execute(query)]


def _with_applied(rows: pa.Table, applied: dict[str, Any]) -> pa.Table:
    """The rows, with what was applied of users' earlier records."""
    users = rows["user_id"].to_pylist()
    for name in APPLIED_COLUMNS:
        given = rows[name].to_pylist()
        values = [
            getattr(applied[user], name) if user in applied else one for user, one in zip(users, given, strict=True)
        ]
        place = rows.schema.get_field_index(name)
        rows = rows.set_column(place, name, pa.array(values, rows.schema.field(name).type))
    return rows
