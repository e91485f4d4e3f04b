"""What counts as a bank account of the user, and what another account than the main one tells."""

from dataclasses import replace
from datetime import timedelta

import pytest
from support.feeds import AS_OF, CHECKING, SAVINGS, feed, reading, row
from support.users import user_facts_of

from underwriting.sources.feeds.raw import AccountKind

CARD = replace(CHECKING, kind=AccountKind.OTHER, currency=None, balance=None)
SECOND = replace(CHECKING, place="accounts.9", account_id="second")


def days_ago(days):
    return AS_OF - timedelta(days=days)


@pytest.mark.parametrize(
    ("accounts", "count"),
    [([CHECKING], 1), ([CHECKING, SAVINGS], 2), ([CHECKING, SAVINGS, SECOND], 3)],
)
@pytest.mark.parametrize("others", [0, 7])
def test_cards_loans_and_retirement_savings_are_no_bank_accounts(accounts, count, others):
    cards = [replace(CARD, place=f"accounts.{n + 20}", account_id=f"card-{n}") for n in range(others)]
    assert feed(accounts=[*accounts, *cards]).linked_accounts == count


GAMBLING = ("ENTERTAINMENT_CASINOS_AND_GAMBLING", "ENTERTAINMENT")
PAYS = [row(1200_00, "ACME CORP DES:PAYROLL", on=days_ago(3 + 14 * n)) for n in range(13)]
SHOPPING = [row(-40_00, "POS KROGER", on=days_ago(n)) for n in range(1, 180, 4)]


def facts(read):
    found = user_facts_of("transactions", read.feed, as_of=AS_OF)
    return {name: value for name, value in found.items() if value is not None}


def of_both(*rows, **more):
    return reading(*PAYS, *SHOPPING, *rows, accounts=[CHECKING, SAVINGS, SECOND], **more)


@pytest.mark.parametrize("account", ["second", "savings"])
@pytest.mark.parametrize(
    ("amount", "says", "codes", "fact"),
    [
        (100_00, "EARNIN", (), "competitor_advances_due"),
        (-105_00, "EARNIN", (), "competitor_advance_providers"),
        (-250_00, "KOLBAR AUTO LOAN", (), "debt_service_per_pay"),
        (-50_00, "QZX 0042", GAMBLING, "gambling_spend_90d"),
        (90_00, "RETURNED ITEM UNPAID", (), "returned_debits_30d"),
        (-34_00, "NSF FEE", (), "overdraft_fees_30d"),
    ],
)
def test_trouble_on_another_account_is_counted_and_its_facts_are_not_known(account, amount, says, codes, fact):
    read = of_both(row(amount, says, on=days_ago(9), account=account, codes=codes))
    assert read.missing == "transactions left out: 1 that count against the user on other accounts"
    assert facts(of_both())[fact] == 0
    assert fact not in facts(read)
    # What it cannot change stays known.
    assert facts(read)["recurring_deposits"] == 6
    assert facts(read)["current_balance"] == 100_00


@pytest.mark.parametrize(("days", "is_known"), [(29, False), (30, True), (31, True)])
def test_trouble_before_a_window_does_not_matter_to_it(days, is_known):
    found = facts(of_both(row(90_00, "RETURNED ITEM UNPAID", on=days_ago(days), account="second")))
    assert ("returned_debits_30d" in found) is is_known
    assert "returned_debits_60d" not in found


@pytest.mark.parametrize(
    ("amount", "says", "more"),
    [
        # Nothing is wrong with these.
        (-250_00, "TRANSFER TO CHK", {}),
        (-60_00, "POS KROGER", {}),
        (900_00, "KOLBAR LOANS", {}),
        (34_00, "NSF FEE REFUND", {}),
        # Not booked yet.
        (-250_00, "KOLBAR AUTO LOAN", {"pending": True}),
    ],
)
def test_other_lines_of_another_account_change_nothing(amount, says, more):
    assert of_both(row(amount, says, on=days_ago(9), account="second", **more)).missing is None


def test_trouble_after_the_day_asked_for_is_not_known_then():
    rows = [row(-34_00, "NSF FEE", on=days_ago(1), account="second")]
    assert of_both(*rows, as_of=days_ago(1)).missing is not None
    assert of_both(*rows, as_of=days_ago(2)).missing is None


def test_trouble_on_an_account_in_another_currency_is_not_counted():
    euros = replace(SECOND, currency="EUR")
    rows = [*PAYS, *SHOPPING, row(-34_00, "NSF FEE", account="second")]
    assert reading(*rows, accounts=[CHECKING, euros]).missing is None
