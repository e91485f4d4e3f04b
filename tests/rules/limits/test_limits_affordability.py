"""What a user can afford: worked by hand, exact to the minor unit, at every bound, and not known where it cannot be."""

from fractions import Fraction
from math import floor
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from ruamel.yaml import YAML
from support import slow_limits
from support.examples import steady
from support.limit_facts import GOOD, user, users
from support.limit_policies import policy_with

from rules.core.columns import Columns
from rules.limits.affordability import affordability_caps, affordable
from rules.limits.policy import shipped_policies
from underwriting.domain.money import MAX_MINOR

TERMS = shipped_policies()["cfi"].affordability
WRITTEN = YAML(typ="safe").load((Path(__file__).parents[3] / "rules" / "policies" / "cfi.yaml").read_text("utf-8"))
INPUTS = [
    "recurring_deposit_amount",
    "recurring_deposits",
    "recurring_income_cv",
    "essential_spend_per_pay",
    "debt_service_per_pay",
    "competitor_advances_due",
    "history_days",
    "repayments_of_6",
    "on_time_of_6",
    "healthy_days_60d",
    "overdraft_days_60d",
    "balance_days_60d",
]


def cap(terms=TERMS, **facts):
    """The cap in minor units before it goes down to a tier; None where it is not known."""
    found = affordable(terms, Columns(user(**facts)))
    return int(found.cap[0]) if found.known[0] else None


def health(**facts):
    return int(affordable(TERMS, Columns(user(**facts))).health[0])


def test_the_example_of_the_documentation():
    facts = {
        "recurring_deposit_amount": 120_000,
        "recurring_deposits": 6,
        "recurring_income_cv": 0.12,
        "essential_spend_per_pay": 80_000,
        "debt_service_per_pay": 10_000,
        "competitor_advances_due": 5_000,
        "history_days": 200,
        "repayments_of_6": 6,
        "on_time_of_6": 5,
        "healthy_days_60d": 45,
        "overdraft_days_60d": 3,
        "balance_days_60d": 60,
    }
    # .30 · 5/6 + .25 · 45/60 + .20 · 57/60 + .15 · .88 + .10 · 200/365
    assert health(**facts) == 814_294
    # (.10 + .20 · .814294) · 1,200.00 = 315.43; half of 1,200.00 - 800.00 - 100.00 - 50.00 is 125.00.
    assert cap(**facts) == 12_500
    assert cap(**facts | {"essential_spend_per_pay": 20_000}) == 31_543
    # 1,000.00 of each pay for a loan leave nothing.
    assert cap(**facts | {"essential_spend_per_pay": 20_000, "debt_service_per_pay": 100_000}) == 0
    assert affordability_caps(TERMS, user(**facts)).tolist() == [12_500]


@pytest.mark.parametrize(
    ("deposits", "expected"), [(0, 0), (1, 0), (2, 18_000), (3, 30_000), (4, 30_000), (6, 30_000), (None, None)]
)
def test_how_far_the_income_is_trusted(deposits, expected):
    facts = {"recurring_deposit_amount": 100_000, "recurring_income_cv": 0.0, "essential_spend_per_pay": 0}
    assert cap(**facts, recurring_deposits=deposits) == expected


@pytest.mark.parametrize(
    ("facts", "expected"),
    [
        ({}, 992_500),
        ({"recurring_income_cv": 0.0}, 1_000_000),
        ({"recurring_income_cv": 1.0}, 850_000),
        ({"recurring_income_cv": 7.5}, 850_000),
        ({"recurring_income_cv": -1.0}, 1_000_000),
        # Read to the nearest millionth.
        ({"recurring_income_cv": 0.0000004}, 1_000_000),
        ({"recurring_income_cv": 0.0000006}, 999_999),
        # Nobody was ever late who never had to repay, but nothing is proven either.
        ({"recurring_income_cv": 0.0, "repayments_of_6": 0, "on_time_of_6": 0}, 700_000),
        ({"recurring_income_cv": 0.0, "repayments_of_6": 3, "on_time_of_6": 2}, 900_000),
        ({"recurring_income_cv": 0.0, "healthy_days_60d": 0}, 750_000),
        ({"recurring_income_cv": 0.0, "overdraft_days_60d": 60}, 800_000),
        ({"recurring_income_cv": 0.0, "overdraft_days_60d": 1}, 996_666),
        ({"recurring_income_cv": 0.0, "balance_days_60d": 1, "healthy_days_60d": 1}, 1_000_000),
        ({"recurring_income_cv": 0.0, "history_days": 0}, 900_000),
        ({"recurring_income_cv": 0.0, "history_days": 364}, 999_726),
        ({"recurring_income_cv": 0.0, "history_days": 365}, 1_000_000),
        ({"recurring_income_cv": 0.0, "history_days": 366}, 1_000_000),
        # Shares stay shares, whatever a source may count.
        ({"recurring_income_cv": 0.0, "on_time_of_6": 9, "repayments_of_6": 9, "healthy_days_60d": 99}, 1_000_000),
        ({"recurring_income_cv": 0.0, "overdraft_days_60d": -9, "balance_days_60d": 99}, 1_000_000),
    ],
)
def test_health_part_by_part_in_millionths(facts, expected):
    assert health(**facts) == expected


@pytest.mark.parametrize(
    ("pay", "essential", "due", "expected"),
    [
        (100_000, 99_999, 0, 0),
        (100_000, 99_998, 0, 1),
        (100_000, 99_997, 0, 1),
        (100_000, 100_000, 0, 0),
        (100_000, 150_000, 0, 0),
        (100_000, 90_000, 10_000, 0),
        (100_000, 60_000, 20_000, 10_000),
    ],
)
def test_half_of_what_a_pay_leaves_rounded_down(pay, essential, due, expected):
    assert cap(recurring_deposit_amount=pay, essential_spend_per_pay=essential, competitor_advances_due=due) == expected


@pytest.mark.parametrize(
    ("pay", "tier"),
    [
        # Of 10.00, 20.00 and 200.00 fall due 11.00, 23.00 and 207.00.
        (3_666, 0),
        (3_667, 1_000),
        (3_670, 1_000),
        (7_666, 1_000),
        (7_667, 2_000),
        (68_999, 10_000),
        (69_000, 20_000),
        (10_000_000, 20_000),
    ],
)
def test_down_to_the_highest_tier_that_fits_with_its_fee(pay, tier):
    facts = user(recurring_deposit_amount=pay, recurring_income_cv=0.0, essential_spend_per_pay=0)
    assert affordable(TERMS, Columns(facts)).tier.tolist() == [tier]
    assert affordability_caps(TERMS, facts).tolist() == [floor(pay * Fraction(3, 10))]


@pytest.mark.parametrize("name", INPUTS)
def test_an_unknown_input_makes_the_cap_unknown(name):
    assert cap() is not None
    assert cap(**{name: None}) is None
    assert affordability_caps(TERMS, user(**{name: None})).isna().all()


@pytest.mark.parametrize("name", [name for name in INPUTS if name != "recurring_deposits"])
def test_income_that_is_too_rare_makes_the_cap_nothing_whatever_else_is_unknown(name):
    assert cap(**{name: None}, recurring_deposits=1) == 0


def test_no_day_with_a_known_balance_makes_the_cap_unknown():
    assert cap(balance_days_60d=0, healthy_days_60d=0, overdraft_days_60d=0) is None


def test_the_largest_numbers_do_not_overflow():
    terms = policy_with(
        ("full_history_days: 365", "full_history_days: 2000"),
        ("base_share: 0.10", "base_share: 0.9999"),
        ("health_share: 0.20", "health_share: 0.0001"),
        ("free_share: 0.5", "free_share: 1"),
    ).affordability
    facts = {"recurring_deposit_amount": MAX_MINOR, "essential_spend_per_pay": 0, "history_days": 10**12}
    assert cap(terms, **facts, recurring_income_cv=0.0) == MAX_MINOR
    assert cap(terms, **facts | {"history_days": 1_999}, recurring_income_cv=1.0) == floor(
        MAX_MINOR * (Fraction(9_999, 10_000) + Fraction(849_950, 10**10))
    )
    extremes = {name: 2**62 for name in INPUTS if name not in {"recurring_income_cv", "essential_spend_per_pay"}}
    assert cap(terms, **extremes, recurring_income_cv=1e300, essential_spend_per_pay=-(2**62)) is not None


AMOUNTS = st.integers(0, 10**6) | st.integers(0, MAX_MINOR)
USERS = st.fixed_dictionaries(
    {
        "recurring_deposit_amount": AMOUNTS,
        "recurring_deposits": st.integers(0, 6),
        "recurring_income_cv": st.floats(0, 2),
        "essential_spend_per_pay": AMOUNTS,
        "debt_service_per_pay": st.just(0) | AMOUNTS,
        "competitor_advances_due": st.just(0) | AMOUNTS,
        "history_days": st.integers(0, 1_000),
        "repayments_of_6": st.just(6),
        "on_time_of_6": st.integers(0, 6),
        "healthy_days_60d": st.integers(0, 30),
        "overdraft_days_60d": st.integers(0, 30),
        "balance_days_60d": st.integers(30, 60),
    }
)


@steady(60)
@given(st.lists(USERS, min_size=1, max_size=30))
def test_the_cap_is_exact_to_the_minor_unit(rows):
    found = affordable(TERMS, Columns(users(rows)))
    assert found.cap.tolist() == [slow_limits.cap(WRITTEN, {**GOOD, **row}) for row in rows]


@steady(60)
@given(st.lists(USERS, min_size=1, max_size=20), st.data())
def test_more_income_more_health_and_less_due_never_lower_the_cap(rows, data):
    better = []
    for row in rows:
        change = data.draw(st.sampled_from(sorted({*INPUTS} - {"repayments_of_6", "balance_days_60d"})))
        more = data.draw(st.integers(1, 50))
        falls = change in {
            "overdraft_days_60d",
            "essential_spend_per_pay",
            "debt_service_per_pay",
            "competitor_advances_due",
            "recurring_income_cv",
        }
        better.append({**row, change: max(0, row[change] - more) if falls else row[change] + more})
    before, after = (affordable(TERMS, Columns(users(each))) for each in (rows, better))
    assert (after.cap >= before.cap).all()
    assert (after.tier >= before.tier).all()
