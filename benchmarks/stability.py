"""How stable limits are under version 1 of the policy and now: moves, reversed moves, adverse actions, losses.

`python -m benchmarks.stability [--users 2000] [--months 6] [--seed 18]`: generated histories, decided day by day as by
`limits backtest`, everybody from the first limit on.
"""

import argparse
import json
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from rules.limits.backtest import MonthFigures, ends_of, settled, under_limits
from rules.limits.decisions import LimitDecisions
from rules.limits.policy import LimitPolicy, shipped_policies
from rules.limits.tiers import TIERS
from underwriting.domain.limits import IdRange
from underwriting.limit_runs.backtest import LOST_AFTER_DAYS, steps
from underwriting.limit_runs.history import History
from underwriting.limit_runs.past_facts import NOT_REWOUND, days_of, reading
from underwriting.playground.generator.calendar import Window
from underwriting.playground.generator.columns import subject_ids
from underwriting.playground.generator.histories import Histories
from underwriting.playground.generator.world import shipped_world
from underwriting.playground.generator.write import Plan, write

END = date(2026, 6, 30)
# Months of history before the first run: no fact looks further back than 300 days, and most no further than 90.
MONTHS_BEFORE = 4
UNDONE_DAYS, STOPPED_DAYS = 30, 60
LOWEST = TIERS[0].amount
MEMORY_MB = 1024

# The steps of cfi's version 1, which read one day's balance: a decrease on the second run, no pauses.
STEP_BEFORE = {
    "min_on_time_share": "0",
    "rest_days": 0,
    "pay_within": "12",
    "dead_band": "0",
    "cycles_below": 0,
    "days_below": 0,
    "at_once": ["few_returned_debits", "running_income", "no_fraud", "not_listed"],
    "pauses": [],
}
# Its gates required two deposits, whatever their variation, and no late float.
GATES_BEFORE = {
    "recurring_income": {"min_deposits": 2},
    "steady_income": {"max_variation": 10},
    "few_late_repayments": {"max_count": 6},
}


@dataclass
class LimitsByDay:
    """The limits of every user, by day, under one policy, and the floats with the limits that they were taken under."""

    limits: list[np.ndarray[Any, np.dtype[np.int64]]] = field(default_factory=list)
    adverse: int = 0
    floats: list[pd.DataFrame] = field(default_factory=list)

    def add(self, decisions: LimitDecisions, taken: pd.DataFrame) -> None:
        """One day."""
        self.limits.append(decisions.frame["after"].mask(decisions.paused, 0).to_numpy(np.int64))
        self.adverse += int(decisions.lowered.sum() + decisions.paused.sum())
        self.floats.append(under_limits(decisions, taken))

    def figures(self, stopped_on: Mapping[int, int]) -> dict[str, Any]:
        """The figures of all days; `stopped_on` has the place of each user whose income stops, and the day."""
        limits = np.array(self.limits)
        change = np.sign(np.diff(limits, axis=0))
        days, users = limits.shape
        ends: MonthFigures = ends_of(pd.concat(self.floats))
        months = days / 30.4375
        return {
            "moves_per_user_month": round(np.count_nonzero(change) / users / months, 4),
            "undone_share": round(undone(change), 4),
            "adverse_actions_per_user_year": round(self.adverse / users / months * 12, 4),
            "average_limit": round(float(limits.mean()) / 100, 2),
            "losses": round((ends.losses - ends.losses_avoided) / 100),
            "losses_avoided": round(ends.losses_avoided / 100),
            "good_users_held_back": ends.good_users_held_back,
            **until_lowered(limits, stopped_on),
        }


def undone(change: np.ndarray[Any, np.dtype[np.int64]]) -> float:
    """The share of moves after which the same user's limit moves the other way within 30 days."""
    moves = counted = 0
    for day, user in zip(*np.nonzero(change[:-UNDONE_DAYS]), strict=True):
        following = change[day + 1 : day + 1 + UNDONE_DAYS, user]
        moves += 1
        counted += bool((following == -change[day, user]).any())
    return counted / moves if moves else 0.0


def until_lowered(limits: np.ndarray[Any, np.dtype[np.int64]], stopped_on: Mapping[int, int]) -> dict[str, Any]:
    """Days from the day on which income stops to the first decrease, of users who have more than the lowest tier."""
    waited, never = [], 0
    for user, day in stopped_on.items():
        after = limits[day : day + STOPPED_DAYS, user]
        if after[0] > LOWEST:
            lower = np.flatnonzero(np.diff(after) < 0)
            if len(lower):
                waited.append(int(lower[0]) + 1)
            else:
                never += 1
    days = round(float(np.mean(waited)), 1) if waited else None
    return {"stopped_users": len(waited) + never, "stopped_not_lowered": never, "days_until_stopped_lowers": days}


def before(policy: LimitPolicy) -> LimitPolicy:
    """The current policy with the steps and gates of version 1; the rest, with guard and table, is as now."""
    now = policy.model_dump(mode="json")
    changes = {"step": now["step"] | STEP_BEFORE, "gates": now["gates"] | GATES_BEFORE}
    return policy.model_copy(update={"name": "cfi-before", "balance": "available_balance", **changes})


def decide_daily(
    folder: Path, window: Window, first: date, policies: Mapping[str, LimitPolicy]
) -> dict[str, LimitsByDay]:
    """Every policy, over the same days."""
    days = days_of(first, window.end)
    by_policy = {name: LimitsByDay() for name in policies}
    with reading(History.open(str(folder)), IdRange(None, None), MEMORY_MB) as past_facts:
        floats = past_facts.floats()
        floats["repaid"] = settled(floats, window.end, LOST_AFTER_DAYS)
        taken_on = dict(iter(floats.groupby(pd.to_datetime(floats["taken_on"]).dt.date)))
        for day, name, decisions in steps(past_facts, policies, days):
            by_policy[name].add(decisions, taken_on.get(day + timedelta(days=1), floats[:0]))
    return by_policy


def stopping(window: Window, users: int, seed: int, first: date) -> dict[int, int]:
    """The place of each user whose income stops in time to be watched, and the number of that day."""
    histories = Histories(shipped_world(), window, seed, np.arange(users))
    order = np.argsort(np.array(subject_ids(histories.numbers)))
    since = histories.traits.stopped_on[order] - (first - window.first).days
    days = (window.end - first).days + 1
    return {int(user): int(since[user]) for user in np.flatnonzero((since >= 0) & (since <= days - STOPPED_DAYS))}


def main() -> None:
    """Generate the history, decide every day, print the figures."""
    asked = argparse.ArgumentParser(description=__doc__)
    asked.add_argument("--users", type=int, default=2_000)
    asked.add_argument("--months", type=int, default=6)
    asked.add_argument("--seed", type=int, default=18)
    given = asked.parse_args()
    window = Window(END, given.months + MONTHS_BEFORE)
    first = Window(END, given.months).first
    after = shipped_policies()["cfi"]
    with tempfile.TemporaryDirectory(prefix="stability-") as scratch:
        folder = Path(scratch) / "history"
        for _ in write(shipped_world(), Plan(given.users, given.seed, window, personas=0.0), folder):
            pass
        by_policy = decide_daily(folder, window, first, {"before": before(after), "after": after})
    stopped = stopping(window, given.users, given.seed, first)
    figures = {name: one.figures(stopped) for name, one in by_policy.items()}
    print(pd.DataFrame(figures).to_string())
    print(NOT_REWOUND)
    print(
        json.dumps(
            {"users": given.users, "months": given.months, "seed": given.seed, "policy": str(after.ref), **figures}
        )
    )


if __name__ == "__main__":
    main()
