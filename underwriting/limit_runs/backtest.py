"""Policies decide every day of a history, each from limits of its own; figures by month.

Everybody begins with the first limit. Each day's decisions are compared with the floats that users took on the next
day, whose end the history knows.
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
    exposure_of,
    limits_after,
    moves_of,
    settled,
    under_limits,
)
from rules.limits.decide import decide_limits
from rules.limits.decisions import LimitDecisions
from rules.limits.policy import LimitPolicy
from rules.limits.tiers import CURRENCY
from underwriting.domain.limits import IdRange
from underwriting.limit_runs.files import make_folder, write
from underwriting.limit_runs.history import History
from underwriting.limit_runs.past_facts import NOT_REWOUND, PastFacts, days_of, last_of_month, ranges_of, reading
from underwriting.limit_runs.pictures import backtest_picture
from underwriting.limit_runs.run_context import Progress

# Ours: a float is taken for lost once it is past due for longer than any persona's repayment takes.
LOST_AFTER_DAYS = 30

# What a policy is called beside the others, to its months by their last days.
MonthsByPolicy = Mapping[str, Mapping[date, MonthFigures]]


async def backtest(
    location: str,
    policies: Mapping[str, LimitPolicy],
    first: date,
    last: date,
    shard_users: int,
    memory_mb: int,
    progress: Progress,
) -> MonthsByPolicy:
    """Decide every day from `first` to `last`, which is the last day that the history knows of; figures by month."""
    history, ranges = await asyncio.to_thread(ranges_of, location, shard_users)
    days = days_of(first, last)
    months = dict.fromkeys(map(last_of_month, days))
    sums = {name: dict.fromkeys(months, MonthFigures()) for name in policies}
    for done, ids in enumerate(ranges, 1):
        for name, months_of_range in (
            await asyncio.to_thread(_backtest_range, history, ids, memory_mb, policies, days, last)
        ).items():
            for day, figures in months_of_range.items():
                sums[name][day] += figures
        await progress("backtesting", done, len(ranges))
    return sums


def write_backtest(by_policy: MonthsByPolicy, folder: Path) -> None:
    """`backtest.csv`, a row for each policy and month, `backtest.png`, and what of the past is not known."""
    make_folder(folder)
    write(folder / "not_rewindable.txt", f"{NOT_REWOUND}\n".encode())
    write(folder / "backtest.csv", frame_of(by_policy).to_csv(index=False).encode())
    write(folder / "backtest.png", backtest_picture(by_policy))


def frame_of(by_policy: MonthsByPolicy) -> pd.DataFrame:
    """A row for each policy and month, amounts in minor units and named so."""
    rows = [
        {"policy": name, "month": day, "currency": CURRENCY, **one.as_json()}
        for name, months in by_policy.items()
        for day, one in months.items()
    ]
    return pd.DataFrame(rows)


def steps(
    past_facts: PastFacts, policies: Mapping[str, LimitPolicy], days: Sequence[date]
) -> Iterator[tuple[date, str, LimitDecisions]]:
    """Day by day what each policy decides, from the facts as they were known then and from limits of its own.

    Policies go by their names in the mapping: two may have the same name and version in their texts.
    """
    limits: dict[str, pd.DataFrame] = {}
    for day in days:
        for judged_at, those in groupby(policies.items(), key=lambda named: named[1].business_day.moment(day)):
            past = past_facts.past(day, judged_at)
            for name, policy in those:
                facts = past_facts.with_limits(past, limits.get(name))
                decisions = decide_limits(policy, facts)
                limits[name] = limits_after(decisions, facts, day)
                yield day, name, decisions


def _backtest_range(
    history: History,
    ids: IdRange,
    memory_mb: int,
    policies: Mapping[str, LimitPolicy],
    days: Sequence[date],
    last: date,
) -> dict[str, dict[date, MonthFigures]]:
    with reading(history, ids, memory_mb) as past_facts:
        floats = past_facts.floats()
        floats["repaid"] = settled(floats, last, LOST_AFTER_DAYS)
        taken_on = dict(iter(floats.groupby(pd.to_datetime(floats["taken_on"]).dt.date)))
        months: dict[str, dict[date, _Month]] = {name: {} for name in policies}
        for day, name, decisions in steps(past_facts, policies, days):
            month = months[name].setdefault(last_of_month(day), _Month())
            month.add(decisions, taken_on.get(day + timedelta(days=1), floats[:0]))
        return {name: {day: month.figures for day, month in each.items()} for name, each in months.items()}


class _Month:
    """The days of one month under one policy."""

    def __init__(self) -> None:
        self._moves, self._exposure, self._taken = MonthFigures(), MonthFigures(), list[pd.DataFrame]()

    def add(self, decisions: LimitDecisions, taken: pd.DataFrame) -> None:
        """A day's decisions, and the floats that were taken under them: those of the next day."""
        self._moves += moves_of(decisions)
        self._exposure = exposure_of(decisions)
        self._taken.append(under_limits(decisions, taken))

    @property
    def figures(self) -> MonthFigures:
        return self._exposure + self._moves + ends_of(pd.concat(self._taken))
