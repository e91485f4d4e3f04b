"""An account's bookings become statements: in booking order, classified, up to the day before the loan."""

from collections.abc import Sequence
from datetime import date
from pathlib import Path

import pytest
from support.berka import Bank

from underwriting.domain.documents import BankStatements, LineCategory
from underwriting.playground.berka.bank import read_bank
from underwriting.playground.berka.files import Account, BerkaError, Transaction
from underwriting.playground.berka.statements import MAX_A_DAY, bank_statements, category

ACCOUNT = Account(place="account.csv:2", account_id="11", date="960101")


def booking(amount: str, balance: str, *, day: str = "960110", kind: str = "credit", purpose: str = "") -> Transaction:
    return Transaction(
        place="trans.csv:2",
        account_id="11",
        date=day,
        type=kind,
        amount=amount,
        balance=balance,
        k_symbol=purpose,
        operation="",
        bank="",
        account="",
    )


def statements(bookings: Sequence[Transaction], as_of: date = date(1996, 2, 1)) -> BankStatements:
    return bank_statements(ACCOUNT, bookings, as_of)


def test_lines_are_signed_in_minor_units_and_in_booking_order(tmp_path: Path) -> None:
    found = read_bank(Bank(tmp_path / "bank").folder)[0].statements
    assert (found.currency, found.opening_balance) == ("CZK", 0)
    assert (found.period_start, found.period_end) == (date(1996, 1, 5), date(1997, 1, 9))
    assert [(line.line_no, line.booked_on.day, line.amount, line.balance, line.category) for line in found.lines] == [
        (0, 5, 50_000, 50_000, "income"),
        (1, 10, 1_000_000, 1_050_000, "income"),
        (2, 10, -1_260, 1_048_740, "fee"),
        (3, 10, -30_000, 1_018_740, "spending"),
        # The files give 20.00 and round it; the balance grew by 20.10.
        (4, 31, 2_010, 1_020_750, "income"),
    ]


def test_what_is_booked_on_the_day_of_the_loan_is_not_known_yet() -> None:
    eve, day = booking("5", "5", day="960131"), booking("6", "11", day="960201")
    assert [line.amount for line in statements([eve, day]).lines] == [500]


def test_a_day_that_returns_to_its_own_balance_is_put_in_order() -> None:
    # 20 more would end the day, if it came before the two that cancel each other out.
    day = [booking("20", "120"), booking("50", "100"), booking("50", "50", kind="withdrawal")]
    found = statements([booking("100", "100", day="960109"), *day])
    assert [line.balance for line in found.lines] == [10_000, 5_000, 10_000, 12_000]


@pytest.mark.parametrize(("balance", "reconciles"), [("9.9", True), ("10.1", True), ("9.89", False), ("10.11", False)])
def test_a_balance_may_miss_by_the_rounding(balance: str, reconciles: bool) -> None:
    if reconciles:
        assert len(statements([booking("10", balance)]).lines) == 1
    else:
        with pytest.raises(BerkaError, match=r"trans\.csv:2: .* do not follow from 0\.00 CZK, the one before"):
            statements([booking("10", balance)])


def test_a_day_that_is_too_long_to_put_in_order_is_refused() -> None:
    assert len(statements([booking("0", "0")] * MAX_A_DAY).lines) == MAX_A_DAY
    with pytest.raises(BerkaError, match="do not follow"):
        statements([booking("0", "0")] * (MAX_A_DAY + 1))


def test_an_account_without_bookings_has_statements_without_lines() -> None:
    assert statements([]).lines == ()


@pytest.mark.parametrize(
    ("kind", "purpose", "expected"),
    [
        ("credit", "", LineCategory.INCOME),
        ("PRIJEM", "DUCHOD", LineCategory.INCOME),
        ("credit", "interest credited", LineCategory.INCOME),
        ("withdrawal", " ", LineCategory.SPENDING),
        ("withdrawal in cash", "", LineCategory.SPENDING),
        ("VYBER", "", LineCategory.SPENDING),
        ("VYDAJ", "SIPO", LineCategory.SPENDING),
        ("withdrawal", "insurrance payment", LineCategory.SPENDING),
        ("withdrawal", "payment for statement", LineCategory.FEE),
        ("withdrawal", "sanction interest if negative balance", LineCategory.FEE),
        ("VYDAJ", "SANKC. UROK", LineCategory.FEE),
        ("VYDAJ", "UVER", LineCategory.DEBT_SERVICE),
    ],
)
def test_the_bank_s_codes_say_what_a_booking_is_for(kind: str, purpose: str, expected: LineCategory) -> None:
    assert category(booking("1", "1", kind=kind, purpose=purpose)) is expected
