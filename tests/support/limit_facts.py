"""Builders: users' facts for limit policies, as frames in the catalogue's types."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd

from rules.facts import CATALOGUE

# A user whose every gate passes, who meets the table's every row and can afford 200.00; at 50.00, free to rise.
GOOD: dict[str, Any] = {
    "history_days": 400,
    "feed_age_hours": 2.0,
    "competitor_advances_due": 0,
    "recurring_deposits": 6,
    "recurring_deposit_amount": 150_000,
    "recurring_income_cv": 0.05,
    "pay_period_days": 14,
    "days_since_pay": 5,
    "essential_spend_per_pay": 80_000,
    "debt_service_per_pay": 0,
    "returned_debits_30d": 0,
    "negative_days_30d": 0,
    "overdraft_days_60d": 0,
    "healthy_days_60d": 60,
    "balance_days_60d": 60,
    "available_balance": 300_000,
    "cycle_available_balance": 300_000,
    "float_rank": 8,
    "outstanding_floats": 0,
    "late_floats": 0,
    "repayments_of_6": 6,
    "on_time_of_6": 6,
    "largest_repaid": 10_000,
    "fraud_hit": False,
    "good_standing": True,
    "subscription_rank": 8,
    "list_match_score": 0.1,
    "list_confirmed_score": 0.1,
    "current_limit": 5_000,
    "days_since_raise": 30,
    "on_time_since_raise": 3,
    "days_since_lowering": None,
    "runs_below": 0,
    "days_below": None,
}
_OF_GATES = [
    "history_days",
    "recurring_deposits",
    "feed_age_hours",
    "pay_period_days",
    "days_since_pay",
    "returned_debits_30d",
    "negative_days_30d",
    "outstanding_floats",
    "late_floats",
    "fraud_hit",
    "good_standing",
    "list_confirmed_score",
    "list_match_score",
]
_OF_RANK = [
    "subscription_rank",
    "float_rank",
    "on_time_since_raise",
    "days_since_raise",
    "days_since_lowering",
    "cycle_available_balance",
]
# At the steps of both shipped policies, and where their dead bands end.
_BALANCES = [
    *(-5_000, -1, 0, 1),
    *(step + cent for step in (72_000, 90_000, 121_500, 120_000, 135_000, 150_000) for cent in (-1, 0)),
    *(159_999, 160_000, 199_999, 200_000, 269_999, 270_000, 900_000),
]
_AMOUNTS = [1_000, 2_000, 3_000, 4_000, 5_000, 8_000, 10_000, 20_000]


def users(rows: Sequence[dict[str, Any]]) -> pd.DataFrame:
    """A frame of users who are good but for what each row says; None is not known."""
    whole = [{**GOOD, **row} for row in rows]
    columns = {name: pd.array([row[name] for row in whole], dtype=CATALOGUE[name].dtype) for name in GOOD}
    return pd.DataFrame(columns, index=pd.Index([f"u{number}" for number in range(len(rows))], name="subject_id"))


def user(**changes: Any) -> pd.DataFrame:
    """One such user."""
    return users([changes])


def random_users(count: int, seed: int, unknown: float = 0.02) -> pd.DataFrame:
    """Users of every kind, many close to a threshold, with NULLs at the given share of all values."""
    dice = np.random.default_rng(seed)
    days = dice.integers(0, 61, count) * (dice.random(count) > 0.02)
    repayments = dice.integers(0, 7, count)
    pays = np.where(dice.random(count) < 0.3, dice.integers(0, 40_000, count), dice.integers(0, 400_000, count))
    columns: dict[str, Any] = {
        "history_days": dice.choice([0, 30, 59, 60, 61, 90, 200, 365, 366, 900], count),
        "feed_age_hours": dice.choice([0.0, 1.5, 23.9, 24.0, 71.9, 72.0, 72.1, 100.0, 400.0], count, p=_mostly(9, 2)),
        "competitor_advances_due": dice.choice([0, 0, 0, 5_000, 12_345, 60_000], count),
        "recurring_deposits": dice.choice(7, count, p=[0.05, 0.05, 0.15, 0.15, 0.1, 0.1, 0.4]),
        "recurring_deposit_amount": pays,
        "recurring_income_cv": np.round(dice.random(count) * dice.choice([0.3, 1.4], count), dice.integers(3, 17)),
        "pay_period_days": dice.choice([7, 14, 15, 30], count),
        "days_since_pay": dice.choice([0, 3, 6, 10, 11, 21, 22, 23, 30, 45, 46], count, p=_mostly(11, 4)),
        "essential_spend_per_pay": (pays * dice.random(count)).astype(np.int64),
        "debt_service_per_pay": (pays * dice.random(count) * (dice.random(count) < 0.3)).astype(np.int64),
        "returned_debits_30d": dice.choice([0, 1, 2, 3, 5], count, p=[0.75, 0.1, 0.1, 0.04, 0.01]),
        "negative_days_30d": dice.choice([0, 2, 3, 4, 9], count, p=[0.7, 0.1, 0.1, 0.05, 0.05]),
        "overdraft_days_60d": np.minimum(days, dice.choice([0, 1, 4, 20], count)),
        "healthy_days_60d": (days * dice.random(count)).astype(np.int64),
        "balance_days_60d": days,
        "available_balance": dice.integers(-50_000, 900_000, count),
        "cycle_available_balance": dice.choice(_BALANCES, count, p=_mostly(len(_BALANCES), -1, -3)),
        "float_rank": dice.integers(0, 9, count),
        "outstanding_floats": dice.choice([0, 1, 2], count, p=[0.85, 0.1, 0.05]),
        "late_floats": dice.choice([0, 1], count, p=[0.95, 0.05]),
        "repayments_of_6": repayments,
        "on_time_of_6": (repayments * np.sqrt(dice.random(count)) + 0.5).astype(np.int64),
        "largest_repaid": dice.choice([0, 2_000, 9_999, 10_000, 20_000], count),
        "fraud_hit": dice.random(count) < 0.02,
        "subscription_rank": dice.integers(0, 9, count),
        "list_match_score": dice.choice([0.0, 0.3, 0.74, 0.75, 0.9199, 0.92, 1.0], count, p=_mostly(7, 0, 1, 2)),
        "current_limit": dice.choice([0, 500, 2_500, 35_000, *_AMOUNTS], count, p=[0.01] * 4 + [0.12] * 8),
        "days_since_raise": dice.choice([0, 13, 14, 15, 29, 30, 400], count),
        "on_time_since_raise": dice.choice([0, 1, 2, 3, 4, 9], count),
        "days_since_lowering": dice.choice([0, 6, 7, 13, 14, 15, 29, 30, 59, 60, 400], count),
        "runs_below": dice.choice([0, 1, 2, 9, 40], count),
        "days_below": dice.choice([0, 1, 6, 7, 13, 14, 15, 29, 30, 31, 100], count),
        "list_confirmed_score": dice.choice([0.0, 0.9199, 0.92, 1.0], count, p=[0.5, 0.1, 0.2, 0.2]),
        "good_standing": dice.random(count) >= 0.03,
    }
    frame = pd.DataFrame({name: pd.array(values, dtype=CATALOGUE[name].dtype) for name, values in columns.items()})
    # Half of the users pass every gate, and a third has all it takes to rise; half are known through and through.
    steady, ripe, patchy = dice.random(count) < 0.5, dice.random(count) < 0.3, dice.random(count) < 0.5
    for names, rows in ((_OF_GATES, steady), (_OF_RANK, ripe)):
        for name in names:
            frame.loc[rows, name] = GOOD[name]
    for name in frame:
        frame.loc[patchy & (dice.random(count) < unknown), name] = pd.NA
    frame.index = pd.Index([f"u{number}" for number in range(count)], name="subject_id")
    return frame


def _mostly(values: int, *likely: int) -> list[float]:
    """Probabilities for so many values, of which the ones at these places share four fifths."""
    places = {place % values for place in likely}
    return [0.8 / len(places) if place in places else 0.2 / (values - len(places)) for place in range(values)]
