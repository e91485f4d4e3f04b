"""Policies walked through a history day by day, each with limits of its own, side by side; figures by month.

Everybody begins with the first limit. Each day's decisions are held against the floats that users took on the next; how
those ended, the history knows.
"""

import asyncio
from collections.abc import Iterator, Mapping, Sequence
from datetime import date, timedelta
from itertools import groupby
from pathlib import Path

import pandas as pd

from rules.limits.backtest import (
    MonthFigures,
    ends_of,
    limits_after,
    moves_of,
    settled,
    standing_of,
    under_limits,
)
from rules.limits.decide import decide_limits
from rules.limits.decisions import LimitDecisions
from rules.limits.policy import LimitPolicy
from underwriting.domain.limits import IdRange
from underwriting.limit_runs.backtest_steps import NOT_REWOUND, Walker, days_of, last_of_month, ranges_of, walking
from underwriting.limit_runs.history import History
from underwriting.limit_runs.pictures import backtested
from underwriting.limit_runs.request import Progress

# Ours: a float is taken for lost once it is past due for longer than any persona's repayment takes.
LOST_AFTER_DAYS = 30

# A policy, by name and version, to its months by their last days.
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
    """Walk through the days from `first` to `last`, the last day that the history knows of; figures by month."""
    history, ranges = await asyncio.to_thread(ranges_of, location, shard_users)
    days = days_of(first, last)
    months = dict.fromkeys(map(last_of_month, days))
    sums = {str(policy.ref): dict.fromkeys(months, MonthFigures()) for policy in policies}
    for done, ids in enumerate(ranges, 1):
        for name, walked in (await asyncio.to_thread(_walk, history, ids, memory_mb, policies, days, last)).items():
            for day, figures in walked.items():
                sums[name][day] += figures
        await progress("walking", done, len(ranges))
    return sums


def write_backtest(walked: Walked, folder: Path) -> None:
    """`backtest.csv`, a row for each policy and month, `backtest.png`, and what of the past is not known."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "not_rewindable.txt").write_text(f"{NOT_REWOUND}\n", "utf-8")
    frame_of(walked).to_csv(folder / "backtest.csv", index=False)
    (folder / "backtest.png").write_bytes(backtested(walked))


def frame_of(walked: Walked) -> pd.DataFrame:
    """A row for each policy and month."""
    rows = [
        {"policy": name, "month": day, **vars(one)} for name, months in walked.items() for day, one in months.items()
    ]
    return pd.DataFrame(rows)


def steps(
    walker: Walker, policies: Sequence[LimitPolicy], days: Sequence[date]
) -> Iterator[tuple[date, LimitPolicy, LimitDecisions]]:
    """Day by day what each policy decides, from the facts as they were known then and from limits of its own."""
    limits: dict[str, pd.DataFrame] = {}
    for day in days:
        for judged_at, those in groupby(policies, key=lambda policy: policy.business_day.moment(day)):
            past = walker.past(day, judged_at)
            for policy in those:
                facts = walker.with_limits(past, limits.get(str(policy.ref)))
                decisions = decide_limits(policy, facts)
                limits[str(policy.ref)] = limits_after(decisions, facts, day)
                yield day, policy, decisions


def _walk(
    history: History, ids: IdRange, memory_mb: int, policies: Sequence[LimitPolicy], days: Sequence[date], last: date
) -> dict[str, dict[date, MonthFigures]]:
    with walking(history, ids, memory_mb) as walker:
        floats = walker.floats()
        floats["repaid"] = settled(floats, last, LOST_AFTER_DAYS)
        taken_on = dict(iter(floats.groupby(pd.to_datetime(floats["taken_on"]).dt.date)))
        months: dict[str, dict[date, _Month]] = {str(policy.ref): {} for policy in policies}
        for day, policy, decisions in steps(walker, policies, days):
            month = months[str(policy.ref)].setdefault(last_of_month(day), _Month())
            month.add(decisions, taken_on.get(day + timedelta(days=1), floats[:0]))
        return {name: {day: month.figures for day, month in each.items()} for name, each in months.items()}


class _Month:
    """The days of one month under one policy."""

    def __init__(self) -> None:
        self._moves, self._standing, self._taken = MonthFigures(), MonthFigures(), list[pd.DataFrame]()

    def add(self, decisions: LimitDecisions, taken: pd.DataFrame) -> None:
        """A day's decisions, and the floats that were taken under them: those of the next day."""
        self._moves += moves_of(decisions)
        self._standing = standing_of(decisions)
        self._taken.append(under_limits(decisions, taken))

    @property
    def figures(self) -> MonthFigures:
        return self._standing + self._moves + ends_of(pd.concat(self._taken))
