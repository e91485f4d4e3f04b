"""Money is exact, and refuses what is not money."""

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from underwriting.domain.money import Money, annual_percentage_rate, instalment


@pytest.mark.parametrize(
    ("amount", "currency", "minor"),
    [
        ("2500.00", "USD", 250_000),
        ("0.01", "EUR", 1),
        ("500", "JPY", 500),
        ("1.234", "BHD", 1_234),
        ("10.0", "JPY", 10),
    ],
)
def test_parse_counts_minor_units(amount: str, currency: str, minor: int) -> None:
    assert Money.parse(amount, currency).minor == minor


@pytest.mark.parametrize(
    ("amount", "currency", "message"),
    [
        ("12.345", "USD", "finer"),
        ("10.5", "JPY", "finer"),
        ("NaN", "USD", "plain decimal"),
        ("1e3", "USD", "plain decimal"),
        ("ten", "USD", "not a decimal"),
        ("99999999999999", "USD", "more than"),
        ("1.00", "ZZZ", "ISO 4217"),
        ("1.00", "XAU", "no minor unit"),
    ],
)
def test_parse_says_what_is_wrong(amount: str, currency: str, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        Money.parse(amount, currency)


@given(st.integers(-(10**12), 10**12), st.sampled_from(["USD", "JPY", "BHD"]))
def test_decimal_form_reads_back_as_the_same_money(minor: int, currency: str) -> None:
    money = Money(minor=minor, currency=currency)
    assert Money.parse(money.decimal, currency) == money


@pytest.mark.parametrize(
    ("principal", "rate", "months", "due"),
    [
        (120_000, "0", 12, 10_000),
        (100_000, "0", 3, 33_334),
        (250_000, "0.24", 12, 23_640),
        (250_000, "0.24", 1, 255_000),
    ],
)
def test_instalment_follows_the_annuity_formula_and_rounds_up(principal: int, rate: str, months: int, due: int) -> None:
    assert instalment(Money(minor=principal, currency="USD"), Decimal(rate), months).minor == due


@given(st.integers(1, 10**9), st.integers(1, 120), st.integers(0, 100))
def test_instalments_repay_at_least_the_principal(principal: int, months: int, percent: int) -> None:
    due = instalment(Money(minor=principal, currency="USD"), Decimal(percent) / 100, months)
    assert due.minor * months >= principal


@pytest.mark.parametrize(("principal", "rate", "months"), [(0, "0.1", 12), (100, "-0.1", 12), (100, "0.1", 0)])
def test_instalment_refuses_what_is_no_loan(principal: int, rate: str, months: int) -> None:
    with pytest.raises(ValueError, match="instalment needs"):
        instalment(Money(minor=principal, currency="USD"), Decimal(rate), months)


@pytest.mark.parametrize(
    ("rate", "months", "fee", "expected"),
    [
        ("0.36", 24, "0", "0.36"),
        ("0.24", 1, "0", "0.24"),
        ("0", 12, "0", "0"),
        # 100 back for 98 after one month: 2/98 a month.
        ("0", 1, "0.02", "0.244897959"),
        # 102 back for 90: 12/90 a month.
        ("0.24", 1, "0.1", "1.6"),
    ],
)
def test_the_percentage_rate_counts_the_fee(rate: str, months: int, fee: str, expected: str) -> None:
    assert annual_percentage_rate(Decimal(rate), months, Decimal(fee)) == Decimal(expected)


def test_the_percentage_rate_of_weeks() -> None:
    # 100 back for 98 after one week: 2/98 a week.
    assert annual_percentage_rate(Decimal(0), 1, Decimal("0.02"), Decimal(52)) == Decimal("1.06122449")


@given(st.integers(1, 60), st.integers(0, 60), st.integers(0, 50))
def test_instalments_at_the_percentage_rate_are_worth_what_is_paid_out(months: int, percent: int, fee: int) -> None:
    share = Decimal(fee) / 100
    monthly = float(annual_percentage_rate(Decimal(percent) / 100, months, share)) / 12
    due = float(instalment(Money(minor=10**11, currency="USD"), Decimal(percent) / 100, months).minor) / 10**11
    worth = sum(due / (1 + monthly) ** month for month in range(1, months + 1))
    assert worth == pytest.approx(1 - float(share), rel=1e-6)


@pytest.mark.parametrize(("rate", "months", "fee"), [("-0.1", 12, "0"), ("0.1", 0, "0"), ("0.1", 12, "1")])
def test_a_percentage_rate_needs_a_loan(rate: str, months: int, fee: str) -> None:
    with pytest.raises(ValueError, match="a rate needs"):
        annual_percentage_rate(Decimal(rate), months, Decimal(fee))
