"""A policy held against floats whose end is known: exposure, losses avoided, good users held back; month by month."""

from datetime import date, timedelta
from functools import reduce
from operator import add

import pandas as pd
import pyarrow as pa
import pytest
from support.limit_facts import random_users, user, users

from rules.facts import input_schema
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
from rules.limits.policy import shipped_policies

CFI, CAUTIOUS = (shipped_policies()[name] for name in ("cfi", "cfi-cautious"))
END = date(2026, 3, 31)


def taken(*floats):
    """Floats: user, amount, whether it was repaid."""
    frame = pd.DataFrame(floats, columns=["subject_id", "amount", "repaid"])
    return frame.astype({"amount": "int64", "repaid": "boolean"})


def month_figures(decisions, floats):
    """Of a month of one day."""
    return exposure_of(decisions) + moves_of(decisions) + ends_of(under_limits(decisions, floats))


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
    # Ends at 80.00, at 10.00, at 0 since the product is paused, and, without a limit, nowhere.
    rows = [{}, {"returned_debits_30d": 3}, {"current_limit": None}, {"fraud_hit": True}]
    figures = month_figures(
        decide_limits(CFI, users(rows)),
        taken(
            ("u0", 8_000, True),
            ("u0", 10_000, True),
            ("u0", 9_000, False),
            ("u1", 5_000, False),
            ("u1", 1_000, True),
            ("u1", 500, None),
            ("u2", 5_000, False),
            ("u3", 3_000, False),
            ("stranger", 5_000, False),
        ),
    )
    assert figures == MonthFigures(
        users=4,
        exposure=9_000,
        raised=1,
        lowered=1,
        paused=1,
        money_up=3_000,
        money_down=4_000,
        floats=7,
        unsettled=1,
        losses=17_000,
        losses_avoided=1_000 + 4_000 + 3_000,
        good_users=2,
        good_users_held_back=1,
        good_held_back=2_000,
    )


def test_a_pause_counts_once_in_a_walk_that_gives_paused_users_the_limit_0():
    assert [moves_of(decide_limits(CFI, user(fraud_hit=True, current_limit=limit))).paused for limit in (5_000, 0)] == [
        1,
        0,
    ]


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
    poor = {"essential_spend_per_pay": 150_000, "days_since_raise": 366}
    rows = [
        {},
        {"returned_debits_30d": 3, "days_below": 5, "runs_below": 5},
        {"days_since_raise": 3, "days_since_lowering": 10},
        {"days_since_raise": None},
        {"current_limit": None},
        poor,
        {**poor, "runs_below": 4, "days_below": 9},
        {"fraud_hit": True},
    ]
    facts = users(rows)
    table = limits_after(decide_limits(CFI, facts), facts, date(2028, 3, 1))
    found = pa.Table.from_pandas(table, preserve_index=False).select(input_schema("current_limits").names)
    day, month_ago, year_ago = date(2028, 3, 1), date(2028, 1, 31), date(2027, 3, 1)
    assert found.cast(input_schema("current_limits")).to_pylist() == [
        {
            "subject_id": f"u{number}",
            "currency": "USD",
            "amount": amount,
            "raised_on": raised_on,
            "runs_below": runs,
            "lowered_on": lowered_on,
            "below_since": below_since,
        }
        for number, amount, raised_on, runs, lowered_on, below_since in (
            (0, 8_000, day, 0, None, None),
            (1, 1_000, month_ago, 0, day, None),
            (2, 5_000, date(2028, 2, 27), 0, date(2028, 2, 20), None),
            (3, 8_000, day, 0, None, None),
            (5, 5_000, year_ago, 1, None, day),
            (6, 5_000, year_ago, 5, None, date(2028, 2, 21)),
            (7, 0, month_ago, 0, None, None),
        )
    ]


def walk(days, facts_of, limit, policy=CFI):
    """Daily runs: the limit after each, with its move. `facts_of` is what is known of a user on a day of the walk."""
    start = date(2026, 1, 1)
    standing = {"current_limit": limit, "days_since_raise": None}
    walked = []
    for number in range(days):
        day = start + timedelta(days=number)
        facts = users([{**facts_of(number), **standing}])
        decisions = decide_limits(policy, facts)
        (row,) = limits_after(decisions, facts, day).to_dict("records")
        following = day + timedelta(days=1)
        standing = {
            "current_limit": row["amount"],
            "runs_below": row["runs_below"],
            **{
                name: None if pd.isna(row[column]) else (following - row[column]).days
                for name, column in (
                    ("days_since_raise", "raised_on"),
                    ("days_since_lowering", "lowered_on"),
                    ("days_below", "below_since"),
                )
            },
        }
        walked.append((decisions.frame["move"].iloc[0], row["amount"]))
    return walked


def falling(first, by, last, floor=0):
    """Balances of a pay cycle: from the pay on less every day. The mean of a cycle is the same on every day."""
    days = [max(first - by * day, floor) for day in range(last)]
    mean = sum(days) // last
    return lambda number: {"available_balance": days[number % last], "cycle_available_balance": mean}


# Ranks that carry the limit and no more, so that what moves it is the balance alone.
RANKS = {3_000: 2, 4_000: 3, 5_000: 4, 20_000: 8}


def test_a_balance_that_falls_before_every_payday_moves_nothing():
    """From 1,900.00 by 100.00 a day, fortnightly: the mean of a cycle is 1,250.00, which keeps 50.00."""
    cycle = falling(190_000, 10_000, 14)
    assert cycle(0)["cycle_available_balance"] == 125_000
    walked = walk(56, lambda day: {**cycle(day), "float_rank": RANKS[5_000]}, 5_000)
    assert set(walked) == {("held", 5_000)}


def test_a_balance_that_is_low_for_good_lowers_once_a_month():
    """From 800.00 down to 250.00 in twelve days: the table supports 20.00, and a limit of 200.00 goes down by steps."""
    cycle = falling(80_000, 5_000, 12)
    assert cycle(11)["available_balance"] == 25_000
    walked = walk(100, lambda day: {**cycle(day), "pay_period_days": 12}, 20_000)
    moves = [(day, limit) for day, (move, limit) in enumerate(walked) if move != "held"]
    assert moves == [(30, 10_000), (61, 8_000), (92, 5_000)]
    # In the first month of daily runs nothing was lowered but once.
    assert [move for move, _ in walked[:31]].count("lowered") == 1


def test_a_month_that_was_low_in_between_is_not_below_for_long():
    """Three weeks below, and a mean above the dead band again: the count begins anew."""
    low, kept = 100_000, 120_000
    walked = walk(
        60,
        lambda day: {"cycle_available_balance": kept if day in (21, 45) else low, "float_rank": RANKS[5_000]},
        5_000,
    )
    assert set(walked) == {("held", 5_000)}


def test_a_walk_raises_one_tier_after_its_time_and_rests_after_a_decrease():
    def facts(day):
        return {"returned_debits_30d": 3 if day == 20 else 0, "on_time_since_raise": 4}

    walked = walk(140, facts, 5_000)
    moves = [(day, move, limit) for day, (move, limit) in enumerate(walked) if move != "held"]
    cool, rest = CFI.step.cool_down_days, CFI.step.rest_days
    expected = [(0, "raised", 8_000)]
    if cool <= 20:
        expected.append((cool, "raised", 10_000))
    assert moves == [*expected, (20, "lowered", 1_000), (20 + rest, "raised", 2_000)] + [
        (20 + rest + cool * (number + 1), "raised", limit)
        for number, limit in enumerate((3_000, 4_000, 5_000))
        if 20 + rest + cool * (number + 1) < 140
    ]
