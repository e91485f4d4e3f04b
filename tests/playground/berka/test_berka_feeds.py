"""The bank's accounts as feeds: purposes by its own codes, payers by their account, and what recurs among them."""

from datetime import date
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pytest
from support.berka import Bank, needs_real_bank, real_applicants

from rules.facts import compute_facts, tables_of, users_as_of
from underwriting.domain.histories import TransactionFeed
from underwriting.playground.berka.bank import read_bank
from underwriting.playground.berka.feeds import transaction_feed
from underwriting.playground.berka.files import Account, BerkaError, Transaction
from underwriting.playground.berka.statements import ROUNDING

ACCOUNT = Account(place="account.csv:2", account_id="11", date="960101")


def booking(amount: str, balance: str, day: str = "960110", **more: str) -> Transaction:
    columns = {"type": "credit", "k_symbol": "", "operation": "", "bank": "", "account": ""} | more
    return Transaction(place="trans.csv:2", account_id="11", date=day, amount=amount, balance=balance, **columns)


def pension(months: int) -> TransactionFeed:
    """A pension of 8,000 every month's 12th, from the account that pays it."""
    code = {"k_symbol": "DUCHOD", "operation": "PREVOD Z UCTU", "bank": "YZ", "account": "4711"}
    rows = [booking("8000", str(8000 * month), f"96{month:02}12", **code) for month in range(1, months + 1)]
    return transaction_feed(ACCOUNT, rows, date(1996, months, 28))


@pytest.mark.parametrize(
    ("columns", "category", "counterparty"),
    [
        ({"k_symbol": "DUCHOD", "bank": "AB", "account": "7"}, "benefits", "AB 7"),
        ({"k_symbol": "old-age pension"}, "benefits", None),
        ({"operation": "collection from another bank", "bank": "AB", "account": "7"}, "other_income", "AB 7"),
        ({"operation": "credit in cash"}, None, None),
        ({"k_symbol": "interest credited"}, "interest", None),
        ({"k_symbol": "SIPO", "type": "withdrawal"}, "housing", None),
        ({"k_symbol": "insurrance payment", "type": "withdrawal"}, "insurance", None),
        ({"k_symbol": "payment for statement", "type": "withdrawal"}, "fee", None),
        ({"k_symbol": "SANKC. UROK", "type": "withdrawal"}, "overdraft_fee", None),
        ({"operation": "withdrawal in cash", "type": "withdrawal"}, "cash", None),
        ({"operation": "remittance to another bank", "type": "withdrawal", "bank": "AB", "account": "7"}, None, "AB 7"),
    ],
)
def test_what_a_booking_is_for(columns: dict[str, str], category: str | None, counterparty: str | None) -> None:
    sign = "-" if columns.get("type") == "withdrawal" else ""
    feed = transaction_feed(ACCOUNT, [booking("10", f"{sign}10", **columns)], date(1996, 2, 1))
    assert [(one.category, one.counterparty) for one in feed.transactions] == [(category, counterparty)]


def test_a_code_that_the_bank_does_not_have_is_refused() -> None:
    with pytest.raises(BerkaError, match=r"trans\.csv:2: k_symbol: 'GIFT' is not known"):
        transaction_feed(ACCOUNT, [booking("10", "10", k_symbol="GIFT")], date(1996, 2, 1))


def test_the_feed_is_the_statement_s_account(tmp_path: Path) -> None:
    for applicant in read_bank(Bank(tmp_path / "bank").folder):
        amounts = [one.amount for one in applicant.feed.transactions]
        lines = [line.amount for line in applicant.statements.lines]
        # A line takes what the balance grew by; the files round amounts and balances each for themselves.
        assert all(abs(amount - line) <= ROUNDING for amount, line in zip(amounts, lines, strict=True))
        assert applicant.feed.covered_from == applicant.statements.period_start


def recurring(feeds: dict[str, tuple[TransactionFeed, date]]) -> pd.DataFrame:
    """The facts on income of every feed."""
    parts = [tables_of(name, [feed]) | users_as_of([name], as_of, None, "CZK") for name, (feed, as_of) in feeds.items()]
    tables = {table: pa.concat_tables(part[table] for part in parts if table in part) for table in parts[0]}
    return compute_facts("transactions", tables)


def test_a_pension_is_found_as_recurring_income() -> None:
    facts = recurring({"pensioner": (pension(6), date(1996, 6, 28))}).loc["pensioner"]
    assert (facts["income_streams"], facts["recurring_deposits"]) == (1, 6)
    assert (facts["recurring_deposit_amount"], facts["days_since_pay"]) == (8000_00, 16)


@needs_real_bank
class TestRealBank:
    """Two thirds of the accounts are only ever paid in cash, which nobody can call pay."""

    def test_money_from_another_bank_that_comes_every_month_is_found_as_income(self) -> None:
        paid = {}
        for one in real_applicants():
            credited = [row for row in one.feed.transactions if row.category == "other_income"]
            recent = [row for row in credited if (one.as_of - row.booked_on).days < 120]
            if len({(row.booked_on.year, row.booked_on.month) for row in recent}) >= 3:
                paid[one.customer_id] = (one.feed, one.as_of)
        facts = recurring(paid)
        assert len(paid) == 64
        assert set(facts["income_streams"]) == {1}
        assert facts["pay_period_days"].between(28, 31).all()
        assert (facts["recurring_deposits"] >= 3).all()

    def test_nothing_else_is_taken_for_it(self) -> None:
        """Cash paid in and interest are no stream."""
        unpaid = {
            one.customer_id: (one.feed, one.as_of)
            for one in real_applicants()
            if not any(row.category == "other_income" for row in one.feed.transactions)
        }
        assert len(unpaid) > 100
        assert set(recurring(unpaid)["income_streams"].dropna()) <= {0}
