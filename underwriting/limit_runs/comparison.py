"""Compares two policies on the same history, date and limits: whose limit differs and by how much, with a picture."""

import asyncio
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import pandas as pd
import pyarrow as pa

from rules.limits.compare import Comparison, movers, side_by_side, tally
from rules.limits.compare import summary as summed_up
from rules.limits.decide import decide_limits
from rules.limits.policy import LimitPolicy
from rules.limits.tiers import CURRENCY, FIRST_LIMIT
from underwriting.domain.limits import IdRange
from underwriting.limit_runs.dry_run import unsaved_run
from underwriting.limit_runs.files import make_folder, write, write_table
from underwriting.limit_runs.history import History
from underwriting.limit_runs.past_facts import ranges_of, reading
from underwriting.limit_runs.pictures import comparison_picture
from underwriting.limit_runs.request import Request
from underwriting.limit_runs.run_context import RunContext
from underwriting.settings import settings
from underwriting.store.limits import bases as limit_bases

# How the columns of amounts begin, which are minor units. Those of a file are named so.
AMOUNTS = ("before", "after_", "target_", "affordability_cap_", "difference")


@dataclass(frozen=True)
class Compared:
    """The results of two policies, and the users whose limits differ, the largest difference first."""

    comparison: Comparison
    movers: pd.DataFrame


async def compare(context: RunContext, request: Request, other: LimitPolicy) -> Compared:
    """Decide by the request's policy and by `other`, from the limits that the store has in force."""
    history, ranges = await asyncio.to_thread(ranges_of, request.history, context.config.limits_shard_users)
    tallies, moved = [], []
    for done, ids in enumerate(ranges, 1):
        async with context.store.read() as work:
            run, now = unsaved_run(request, "comparison"), datetime.now(UTC)
            bases = await limit_bases.bases(work, run, ids, now, FIRST_LIMIT)
        memory = context.config.limits_memory_mb
        frame = await asyncio.to_thread(_frame, history, ids, memory, bases, request, other)
        tallies.append(tally(frame))
        moved.append(movers(frame))
        await context.progress("comparing", done, len(ranges))
    everybody = pd.concat(moved)
    order = everybody["difference"].abs().sort_values(ascending=False, kind="stable").index
    return Compared(summed_up(pd.concat(tallies)), everybody.loc[order])


def write_comparison(found: Compared, names: tuple[str, str], folder: Path) -> None:
    """`movers.csv`, `movers.parquet` and `comparison.png` in the folder."""
    make_folder(folder)
    amounts = [name for name in map(str, found.movers) if name.startswith(AMOUNTS)]
    named = found.movers.rename(columns={name: f"{name}_minor" for name in amounts}).assign(currency=CURRENCY)
    sealed = settings().limits_sealed
    write(folder / "movers.csv", named.to_csv().encode(), sealed=sealed)
    write_table(folder / "movers.parquet", pa.Table.from_pandas(named), sealed=sealed)
    write(folder / "comparison.png", comparison_picture(found.comparison.limits, names))


def _frame(
    history: History,
    ids: IdRange,
    memory_mb: int,
    bases: pa.Table,
    request: Request,
    other: LimitPolicy,
) -> pd.DataFrame:
    with reading(history, ids, memory_mb, bases) as past_facts:
        facts = past_facts.facts(request.business_date, request.judged_at)
    return side_by_side(decide_limits(request.policy, facts), decide_limits(other, facts))
