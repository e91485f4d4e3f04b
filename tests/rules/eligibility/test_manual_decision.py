"""What a person may approve of a referred evaluation, and what comes of it."""

from datetime import date, timedelta

import pytest
from support.eligibility import book_of
from support.evaluated import TIERS, eligibility
from support.judged_users import profile
from support.reviews import NOW

from rules.core.reasons import reason
from rules.eligibility.manual_decision import approved, rejected
from underwriting.domain.application import Product
from underwriting.domain.decision import Verdict
from underwriting.domain.eligibility import Decider

LATER = NOW + timedelta(hours=1)
FLOATS = profile().model_copy(update={"tiers": TIERS})
LOANS = [
    book_of("GoodStanding", product="loan", name="safety", superseding=True),
    book_of("GoodStanding", product="loan", name="one", offers=[10_000, 30_000]),
    book_of("GoodStanding", product="loan", name="two", offers=[20_000, 30_000], instalments=3),
]


def word(up_to: int | None = None, product: Product = Product.FLOAT, cap: int | None = 5000) -> tuple[int, ...]:
    """The amounts that are approved."""
    then = eligibility(Verdict.REFERRED, affordability_cap=cap)
    return approved(then, product, LOANS, FLOATS, up_to, LATER).approved_amounts


@pytest.mark.parametrize(
    ("up_to", "cap", "amounts"),
    [
        (None, 5000, (1000, 2000)),
        (None, 2299, (1000,)),
        (None, 2300, (1000, 2000)),
        (None, None, (1000, 2000)),
        (2000, 5000, (1000, 2000)),
        (1999, 5000, (1000,)),
    ],
)
def test_a_float_is_approved_up_to_profile_affordability_and_word(
    up_to: int | None, cap: int | None, amounts: tuple[int, ...]
) -> None:
    assert word(up_to, cap=cap) == amounts


@pytest.mark.parametrize(
    ("up_to", "cap", "why"),
    [
        (2001, 5000, "at most 20.00 USD can be approved"),
        (2000, 2299, "at most 10.00 USD can be approved"),
        (999, 5000, "at least 10.00 USD can be approved"),
        (None, 1099, "there is no amount to approve"),
    ],
)
def test_no_more_and_no_less_than_there_is(up_to: int | None, cap: int | None, why: str) -> None:
    with pytest.raises(ValueError, match=why):
        word(up_to, cap=cap)


def test_a_loan_is_approved_among_what_any_of_its_books_offers() -> None:
    assert word(product=Product.LOAN, cap=None) == (10_000, 20_000, 30_000)
    assert word(20_000, Product.LOAN, cap=10_000) == (10_000, 20_000)


@pytest.mark.parametrize(
    ("cap", "amounts"), [(6_667, (20_000,)), (9_999, (20_000,)), (10_000, (10_000, 20_000, 30_000))]
)
def test_of_a_loan_an_instalment_has_to_be_affordable(cap: int, amounts: tuple[int, ...]) -> None:
    assert word(product=Product.LOAN, cap=cap) == amounts
    with pytest.raises(ValueError, match="there is no amount to approve"):
        word(product=Product.LOAN, cap=6_666)


def test_notice_of_a_referral_stays_due_on_its_day_however_late_the_person_decides() -> None:
    then = eligibility(Verdict.REFERRED)
    late = rejected(then, (reason("income_low"),), NOW.date(), then.decided_at + timedelta(hours=23))
    assert late.decided_at.date() > then.decided_at.date()
    assert late.notice_due == then.notice_due == date(2026, 4, 1)
    evening = rejected(then, (reason("income_low"),), NOW.date() - timedelta(days=1), LATER)
    assert evening.notice_due == date(2026, 3, 31), "received in the evening before, where the lender is"


def test_the_rest_of_the_evaluation_stands() -> None:
    then = eligibility(Verdict.REFERRED)
    yes = approved(then, Product.FLOAT, LOANS, FLOATS, None, LATER)
    no = rejected(then, (reason("income_low"),), NOW.date(), LATER)
    assert (yes.verdict, yes.reasons, yes.notice_due) == (Verdict.APPROVED, (), None)
    assert (no.verdict, no.reasons, no.notice_due) == (Verdict.REJECTED, (reason("income_low"),), then.notice_due)
    for settled in (yes, no):
        assert (settled.decided_by, settled.decided_at) == (Decider.PERSON, LATER)
        assert (settled.books, settled.facts, settled.profile_version) == (then.books, then.facts, 1)
