"""Every row of the decision table below, at and above its thresholds, and on facts that are not known."""

import pandas as pd
import pytest
from support.limit_facts import user, users

from rules.limits.decide import decide_limits
from rules.limits.policy import shipped_policies

POLICY = shipped_policies()["cfi"]
FACTS = {
    "min_float_rank": ("float_rank", "limit_float_rank_low", "limit_floats_unknown"),
    "min_subscription_rank": ("subscription_rank", "limit_subscription_rank_low", "limit_subscription_unknown"),
    "min_available": ("cycle_available_balance", "limit_available_balance_low", "limit_available_balance_unknown"),
    "min_repaid": ("largest_repaid", "limit_repaid_amount_low", "limit_floats_unknown"),
}
CASES = [
    pytest.param(row, name, asked, id=f"{row.tier}-{name}")
    for row in POLICY.table
    for name, asked in row.thresholds.items()
    # 0 asks nothing of a rank or a repayment.
    if asked > 0 or name == "min_available"
]


def below(row):
    """The tier before a row's, as a limit."""
    return max(amount for amount in [1_000, *(each.tier for each in POLICY.table)] if amount < row.tier)


@pytest.mark.parametrize(("row", "name", "asked"), CASES)
def test_a_row_at_its_threshold(row, name, asked):
    fact, fails_as, unknown_as = FACTS[name]
    # As good as the row asks, and not better.
    exact = {FACTS[each][0]: value for each, value in row.thresholds.items()}
    values = [asked - 1, asked, asked + 1, None]
    decisions = decide_limits(POLICY, users([{**exact, "current_limit": below(row), fact: value} for value in values]))
    assert decisions.frame["move"].tolist() == ["held", "raised", "raised", "held"]
    assert decisions.frame["after"].tolist() == [below(row), row.tier, row.tier, below(row)]
    assert fails_as in [reason.code for reason in decisions.reasons(0)]
    assert unknown_as in [reason.code for reason in decisions.reasons(3)]
    assert fails_as not in [reason.code for reason in decisions.reasons(3)]


@pytest.mark.parametrize(("row", "name", "asked"), [case for case in CASES if case.values[0].tier > 2_000])
def test_a_limit_below_its_own_row_is_lowered_after_a_month_and_never_for_the_unknown(row, name, asked):
    fact, fails_as, _ = FACTS[name]
    kept_as = {
        "limit_float_rank_low": "limit_float_rank_below",
        "limit_subscription_rank_low": "limit_subscription_rank_below",
    }.get(fails_as, fails_as)
    exact = {FACTS[each][0]: value for each, value in row.thresholds.items()}
    # A balance may be a fifth less than what its tier asks.
    kept = asked * 4 // 5 if name == "min_available" else asked
    rows = [
        {**exact, "current_limit": row.tier, "runs_below": runs, "days_below": runs, fact: value}
        for value in (kept - 1, kept, None)
        for runs in (0, 30)
    ]
    frame = decide_limits(POLICY, users(rows)).frame
    assert frame["move"].tolist() == ["held", "lowered", "held", "held", "held", "held"]
    assert frame["after"].tolist() == [row.tier, below(row), *[row.tier] * 4]
    assert frame["runs_below"].tolist() == [1, 0, 0, 0, 0, 0]
    assert frame["reasons"].iloc[0].startswith(f"limit_under_review {kept_as}")
    assert frame["reasons"].iloc[1] == kept_as


@pytest.mark.parametrize(
    ("facts", "target"),
    [
        ({}, 20_000),
        ({"largest_repaid": 9_999}, 10_000),
        ({"largest_repaid": None}, None),
        ({"largest_repaid": None, "float_rank": 7}, 10_000),
        ({"cycle_available_balance": 199_999}, 5_000),
        ({"cycle_available_balance": -1}, 1_000),
        ({"float_rank": 0}, 1_000),
        # Nothing asks for more than the row of 20.00 does, so that the cap does not matter.
        ({"float_rank": 0, "recurring_deposit_amount": None}, 1_000),
        ({"float_rank": None}, None),
        # 10 to 30% of the pay, and half of what it leaves: 86.00 fall due of 80.00.
        ({"recurring_deposit_amount": 97_200}, 8_000),
        ({"recurring_deposit_amount": 97_199}, 5_000),
        ({"recurring_deposit_amount": 80_000}, 1_000),
        ({"recurring_deposit_amount": None}, None),
        ({"recurring_deposits": 1}, 1_000),
    ],
)
def test_the_target_is_the_highest_tier_that_the_table_and_the_cap_allow(facts, target):
    found = decide_limits(POLICY, user(**facts)).frame["target"].iloc[0]
    assert (None if found is pd.NA else found) == target


def test_the_cap_says_what_bounds_it():
    decisions = decide_limits(
        POLICY,
        users(
            [
                {"current_limit": 10_000, "recurring_deposit_amount": 42_000, "essential_spend_per_pay": 0},
                {"current_limit": 10_000, "recurring_deposit_amount": 102_000},
                {"current_limit": 10_000, "recurring_deposits": 1},
                {"current_limit": 10_000, "recurring_deposit_amount": None},
                {"current_limit": 10_000, "recurring_deposit_amount": 30_000, "essential_spend_per_pay": 20_000},
            ]
        ),
    )
    assert decisions.frame["reasons"].tolist() == [
        "limit_pay_low",
        "limit_free_income_low",
        "limit_under_review limit_income_irregular",
        "limit_affordability_unknown",
        "limit_under_review limit_free_income_low",
    ]


def test_a_policy_without_the_highest_tiers_lowers_what_lies_above_it():
    cautious = shipped_policies()["cfi-cautious"]
    rows = [{"current_limit": 20_000, "runs_below": runs, "days_below": runs} for runs in (0, 30)]
    rows += [{"current_limit": 10_000}]
    decisions = decide_limits(cautious, users(rows))
    assert decisions.frame["move"].tolist() == ["held", "lowered", "held"]
    assert decisions.frame["after"].tolist() == [20_000, 10_000, 10_000]
    assert decisions.frame["reasons"].tolist() == [
        "limit_under_review limit_above_all",
        "limit_above_all",
        "limit_highest",
    ]


def test_no_decrease_is_explained_by_a_higher_limit():
    """Every way in which the limit's own tier is no longer met, one after the other."""
    pay = {"recurring_deposit_amount": 42_000, "essential_spend_per_pay": 0}
    short = [{"float_rank": 0}, {"subscription_rank": 0}, {"cycle_available_balance": 0}, {"largest_repaid": 0}, pay]
    long = {"current_limit": 20_000, "runs_below": 30, "days_below": 30}
    decisions = decide_limits(POLICY, users([{**long, **each} for each in short]))
    assert decisions.frame["move"].tolist() == ["lowered"] * len(short)
    for row in range(len(short)):
        assert all("higher limit" not in reason.sentence for reason in decisions.reasons(row))
