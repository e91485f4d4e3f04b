"""What falls due from one pay: instalments of loans with interest and fees, and floats with their fee."""

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.eligibility import book_of, codes, judged, profile_of

from rules.core.problems import RulebookError
from rules.limits.tiers import TIERS
from underwriting.domain.application import Product
from underwriting.domain.decision import Verdict

ALL = (1000, 2000, 3000, 4000, 5000, 8000, 10_000, 20_000)
APPROVED, REJECTED, REFERRED = Verdict.APPROVED, Verdict.REJECTED, Verdict.REFERRED
LOAN = {"product": "loan", "offers": [20_000, 35_000], "instalments": 4}


def test_a_loan_has_no_tiers_and_opens_what_its_book_offers():
    book = book_of("GoodStanding", product="loan", offers=[20_000, 35_000])
    made = judged(book, product=Product.LOAN, profile=profile_of(0), cap=30_000)
    assert (made.verdict, made.approved_amounts) == (APPROVED, (20_000,))


@pytest.mark.parametrize(
    ("cap", "amounts"),
    # An instalment is rounded up: 20,001 in four are 5,001 in the dearest.
    [(5_000, (20_000,)), (5_001, (20_000, 20_001)), (8_749, (20_000, 20_001)), (8_750, (20_000, 20_001, 35_000))],
)
def test_of_a_loan_an_instalment_has_to_be_affordable(cap, amounts):
    book = book_of("GoodStanding", product="loan", offers=[20_000, 20_001, 35_000], instalments=4)
    assert judged(book, cap=cap, product=Product.LOAN).approved_amounts == amounts


def test_a_loan_of_which_no_instalment_is_affordable_is_rejected():
    book = book_of("GoodStanding", product="loan", offers=[20_000], instalments=4)
    made = judged(book, cap=4_999, product=Product.LOAN)
    assert (made.verdict, codes(made)) == (REJECTED, ["amount_unaffordable"])


@pytest.mark.parametrize(
    ("terms", "due"),
    [
        ({}, 5_000),
        ({"fee": 1_000}, 5_250),
        # 200.00 over four months at 36% of 365 days: a month of 31 days costs 3.0575%.
        ({"annual_rate": 0.36}, 5_388),
        ({"annual_rate": 0.36, "instalment_days": 14}, 5_174),
        ({"annual_rate": 0.36, "fee": 1_000}, 5_658),
    ],
)
def test_an_instalment_has_its_part_of_interest_and_fees(terms, due):
    book = book_of("GoodStanding", **LOAN, **terms)
    assert book.due_a_pay(20_000) == due
    assert judged(book, cap=due, product=Product.LOAN).approved_amounts == (20_000,)
    assert codes(judged(book, cap=due - 1, product=Product.LOAN)) == ["amount_unaffordable"]


@given(
    st.integers(1, 10**7),
    st.integers(1, 52),
    st.decimals(0, 2, places=4),
    st.integers(0, 10**5),
    st.integers(1, 366),
)
def test_the_instalments_pay_the_loan_off_with_less_than_a_unit_each_to_spare(amount, pays, rate, fee, days):
    terms = {"instalments": pays, "annual_rate": float(rate), "fee": fee, "instalment_days": days}
    book = book_of("GoodStanding", product="loan", offers=[amount], **terms)
    owed, growth = Fraction(amount + fee), 1 + Fraction(rate) * days / 365
    spare = Fraction(0)
    for _ in range(pays):
        owed, spare = owed * growth - book.due_a_pay(amount), spare * growth + 1
    assert -spare < owed <= 0


@given(st.integers(0, 25_000))
def test_no_float_is_approved_whose_amount_and_fee_are_above_the_cap(cap):
    made = judged(book_of("GoodStanding", offers=list(ALL)), cap=cap, profile=profile_of(20_000))
    assert made.approved_amounts == tuple(tier.amount for tier in TIERS if tier.amount + tier.fee <= cap)


@pytest.mark.parametrize("terms", [{"annual_rate": 0.1}, {"fee": 1}, {"instalment_days": 7}, {"instalments": 2}])
def test_only_a_regular_book_for_loans_has_costs(terms):
    with pytest.raises(RulebookError, match="only a regular book for loans has"):
        book_of("GoodStanding", offers=[1000], **terms)
