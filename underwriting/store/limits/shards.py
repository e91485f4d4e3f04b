"""The shards of a limit run and their states."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import insert, select, update

from underwriting.domain.limits import IdRange, LimitShardState
from underwriting.store.limits.runs import Claimed, ensure
from underwriting.store.models import LimitShardRow
from underwriting.store.session import Work


async def plan(work: Work, run_id: str, ranges: Sequence[IdRange]) -> None:
    """The shards of a run that has none yet. Shards that exist stay as they are, since they cover every id."""
    rows = [
        {
            "run_id": run_id,
            "number": number,
            "first_id": ids.first,
            "end_id": ids.end,
            "state": LimitShardState.PENDING,
        }
        for number, ids in enumerate(ranges)
    ]
    await work.execute(insert(LimitShardRow), rows)


async def shards(work: Work, run_id: str) -> list[LimitShardRow]:
    """The run's shards, in order."""
    query = select(LimitShardRow).where(LimitShardRow.run_id == run_id).order_by(LimitShardRow.number)
    return list(await work.scalars(query))


async def note_shard(work: Work, claimed: Claimed, number: int, **values: Any) -> None:
    """Store a shard's state; LeaseLost if the run is not ours any more."""
    await ensure(work, claimed)
    await work.execute(
        update(LimitShardRow)
        .where(LimitShardRow.run_id == claimed.run_id, LimitShardRow.number == number)
        .values(**values)
    )
