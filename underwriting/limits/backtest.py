"""Policies walked through a history month by month, each with limits of its own, side by side.

Everybody begins with the first limit. Each month's decisions are held against the floats that users took until the
next; how those ended, the history knows.
"""

import asyncio
from collections.abc import Mapping, Sequence
from datetime import date, timedelta
from pathlib import Path

import pandas as pd

from rules.limits.backtest import MonthFigures, limits_after, month_figures, settled
from rules.limits.decide import decide_limits
from rules.limits.policy import LimitPolicy
from underwriting.domain.limits import IdRange
from underwriting.limits.history import History
from underwriting.limits.order import Progress
from underwriting.limits.pictures import backtested
from underwriting.limits.walk import Walker, month_ends, ranges_of, walking

# Ours: a float is taken for lost once it is past due for longer than any persona's repayment takes.
LOST_AFTER_DAYS = 30

# A policy's name to its months.
Walked = Mapping[str, Mapping[date, MonthFigures]]


async def backtest(
    location: str,
    policies: Sequence[LimitPolicy],
    first: date,
    last: date,
    shard_users: int,
    memory_mb: int,
    progress: Progress,
) -> Walked:
    """Walk through the ends of the months from `first` to `last`, the last day that the history knows of."""
    history, ranges = await asyncio.to_thread(ranges_of, location, shard_users)
    days = month_ends(first, last)
    sums = {policy.name: dict.fromkeys(days, MonthFigures()) for policy in policies}
    for done, ids in enumerate(ranges, 1):
        for name, months in (await asyncio.to_thread(_walk, history, ids, memory_mb, policies, days, last)).items():
            for day, figures in months.items():
                sums[name][day] += figures
        await progress("walking", done, len(ranges))
    return sums


def write_backtest(walked: Walked, folder: Path) -> None:
    """`backtest.csv`, a row for each policy and month, and `backtest.png`."""
    folder.mkdir(parents=True, exist_ok=True)
    frame_of(walked).to_csv(folder / "backtest.csv", index=False)
    (folder / "backtest.png").write_bytes(backtested(walked))


def frame_of(walked: Walked) -> pd.DataFrame:
    """A row for each policy and month."""
    rows = [
        {"policy": name, "month": day, **vars(one)} for name, months in walked.items() for day, one in months.items()
    ]
    return pd.DataFrame(rows)


def _walk(
    history: History, ids: IdRange, memory_mb: int, policies: Sequence[LimitPolicy], days: Sequence[date], last: date
) -> dict[str, dict[date, MonthFigures]]:
    with walking(history, ids, memory_mb) as walker:
        floats = walker.floats()
        floats["repaid"] = settled(floats, last, LOST_AFTER_DAYS)
        return {policy.name: _months(walker, policy, floats, days) for policy in policies}


def _months(
    walker: Walker, policy: LimitPolicy, floats: pd.DataFrame, days: Sequence[date]
) -> dict[date, MonthFigures]:
    limits, figures, taken_on = None, {}, pd.to_datetime(floats["taken_on"])
    for day, following in zip(days, [*days[1:], date.max - timedelta(days=1)], strict=True):
        walker.rewind(day)
        facts = walker.facts(day, limits)
        decisions = decide_limits(policy, facts)
        taken = floats[(taken_on > pd.Timestamp(day)) & (taken_on.dt.date <= following)]
        figures[day] = month_figures(decisions, taken)
        limits = limits_after(decisions, facts, day)
    return figures
