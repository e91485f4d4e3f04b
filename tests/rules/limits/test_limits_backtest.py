"""A policy held against floats whose end is known: exposure, losses avoided, good users held back; month by month."""

from datetime import date, timedelta
from functools import reduce
from operator import add

import pandas as pd
import pyarrow as pa
import pytest
from support.limit_facts import random_users, users

from rules.facts import input_schema
from rules.limits.backtest import MonthFigures, limits_after, month_figures, settled
from rules.limits.decide import decide_limits
from rules.limits.policy import shipped_policies

CFI, CAUTIOUS = (shipped_policies()[name] for name in ("cfi", "cfi-cautious"))
END = date(2026, 3, 31)


def taken(*floats):
    """Floats: user, amount, whether it was repaid."""
    frame = pd.DataFrame(floats, columns=["subject_id", "amount", "repaid"])
    return frame.astype({"amount": "int64", "repaid": "boolean"})


@pytest.mark.parametrize(
    ("due", "repaid", "expected"),
    [
        (date(2026, 3, 1), date(2026, 3, 1), True),
        (date(2026, 3, 1), date(2026, 3, 31), True),
        # Repaid after the history ends: nobody knew.
        (date(2026, 3, 1), date(2026, 4, 1), pd.NA),
        (date(2026, 1, 30), date(2026, 4, 1), False),
        (date(2026, 1, 30), None, False),
        (date(2026, 1, 31), None, pd.NA),
        (date(2026, 4, 20), None, pd.NA),
    ],
)
def test_how_a_float_ended(due, repaid, expected):
    floats = pd.DataFrame({"due_on": [due], "repaid_on": [repaid]})
    outcome = settled(floats, END, lost_after_days=60)
    assert outcome.isna().tolist() == [expected is pd.NA]
    if expected is not pd.NA:
        assert outcome.tolist() == [expected]


def test_losses_avoided_and_good_users_held_back():
    # Ends at 80.00, at 10.00 and, without a limit, nowhere.
    decisions = decide_limits(CFI, users([{}, {"fraud_hit": True}, {"current_limit": None}]))
    figures = month_figures(
        decisions,
        taken(
            ("u0", 8_000, True),
            ("u0", 10_000, True),
            ("u0", 9_000, False),
            ("u1", 5_000, False),
            ("u1", 1_000, True),
            ("u1", 500, None),
            ("u2", 5_000, False),
            ("stranger", 5_000, False),
        ),
    )
    assert figures == MonthFigures(
        users=3,
        exposure=9_000,
        raised=1,
        lowered=1,
        money_up=3_000,
        money_down=4_000,
        floats=6,
        unsettled=1,
        losses=14_000,
        losses_avoided=1_000 + 4_000,
        good_users=2,
        good_users_held_back=1,
        good_held_back=2_000,
    )


def test_a_month_without_floats():
    figures = month_figures(decide_limits(CFI, users([{}])), taken())
    assert (figures.floats, figures.losses, figures.exposure) == (0, 0, 8_000)


def test_the_figures_of_shards_add_up():
    facts = random_users(2_000, 5)
    dice = pd.Series(range(5_000))
    floats = pd.DataFrame(
        {
            "subject_id": "u" + (dice * 7 % 2_100).astype(str),
            "amount": dice * 31 % 20_000,
            "repaid": pd.array([(True, False, None)[number % 3] for number in dice], dtype="boolean"),
        }
    )
    whole = month_figures(decide_limits(CFI, facts), floats)
    parts = (facts.iloc[:700], facts.iloc[700:701], facts.iloc[701:])
    assert reduce(add, (month_figures(decide_limits(CFI, part), floats) for part in parts)) == whole
    cautious = month_figures(decide_limits(CAUTIOUS, facts), floats)
    assert cautious.losses == whole.losses
    assert cautious.losses_avoided > whole.losses_avoided > 0
    assert cautious.good_held_back > whole.good_held_back > 0


def test_the_limits_are_handed_on_as_the_table_that_facts_are_computed_from():
    rows = [{}, {"fraud_hit": True}, {"days_since_raise": 3}, {"days_since_raise": None}, {"current_limit": None}]
    facts = users([*rows, {"essential_spend_per_pay": 150_000, "days_since_raise": 366}])
    table = limits_after(decide_limits(CFI, facts), facts, date(2028, 3, 1))
    assert pa.Table.from_pandas(table, preserve_index=False).cast(input_schema("current_limits")).to_pylist() == [
        {"subject_id": f"u{number}", "currency": "USD", "amount": amount, "raised_on": day, "runs_below": runs}
        for number, amount, day, runs in (
            (0, 8_000, date(2028, 3, 1), 0),
            (1, 1_000, date(2028, 1, 31), 0),
            (2, 5_000, date(2028, 2, 27), 0),
            (3, 8_000, date(2028, 3, 1), 0),
            (5, 5_000, date(2027, 3, 1), 1),
        )
    ]


def test_a_walk_of_three_months_raises_one_tier_a_month_and_lowers_after_two():
    facts = users([{}, {"essential_spend_per_pay": 150_000, "current_limit": 10_000}])
    walked = []
    day = date(2026, 1, 1)
    for _ in range(3):
        decisions = decide_limits(CFI, facts)
        walked.append(decisions.frame["after"].tolist())
        table = limits_after(decisions, facts, day)
        day += timedelta(days=30)
        facts = facts.assign(
            current_limit=table["amount"].to_numpy(),
            days_since_raise=pd.array([(day - each).days for each in table["raised_on"]], dtype="Int64"),
            runs_below=table["runs_below"].to_numpy(),
        )
    assert walked == [[8_000, 10_000], [10_000, 8_000], [20_000, 8_000]]
