"""What the next run has to know of each limit: when it last moved, and since when it has been below."""

from datetime import date
from typing import Any

import pandas as pd

from rules.core.columns import Mask
from rules.limits.decisions import LimitDecisions


def last_moves_after(decisions: LimitDecisions, facts: pd.DataFrame, business_date: date) -> pd.DataFrame:
    """`raised_on`, `lowered_on`, `runs_below` and `below_since` of every row after the decisions of a business date.

    `facts` are those of the decisions, with the days since earlier moves. None where a limit never moved.
    """
    runs = decisions.frame["runs_below"]
    since = _day(facts["days_below"], business_date).fillna(pd.Timestamp(business_date))
    return pd.DataFrame(
        {
            "raised_on": _moved(facts["days_since_raise"], decisions.raised, business_date),
            "lowered_on": _moved(facts["days_since_lowering"], decisions.lowered, business_date),
            "runs_below": runs,
            "below_since": since.where(runs.gt(0).to_numpy()).dt.date,
        },
        index=facts.index,
    )


def _moved(days: "pd.Series[Any]", moved: Mask, business_date: date) -> "pd.Series[Any]":
    """The day of the last move of one kind, this run's included."""
    day: pd.Series[Any] = _day(days, business_date).mask(moved, pd.Timestamp(business_date)).dt.date
    return day


def _day(days: "pd.Series[Any]", business_date: date) -> "pd.Series[Any]":
    return pd.Timestamp(business_date) - pd.to_timedelta(days.astype("Float64"), unit="D")
