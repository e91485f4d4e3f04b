"""What counts as a bank account of the user."""

from dataclasses import replace

import pytest
from support.feeds import CHECKING, SAVINGS, feed

from underwriting.feeds.raw import AccountKind

CARD = replace(CHECKING, kind=AccountKind.OTHER, currency=None, balance=None)
SECOND = replace(CHECKING, place="accounts.9", account_id="second")


@pytest.mark.parametrize(
    ("accounts", "count"),
    [([CHECKING], 1), ([CHECKING, SAVINGS], 2), ([CHECKING, SAVINGS, SECOND], 3)],
)
@pytest.mark.parametrize("others", [0, 7])
def test_cards_loans_and_retirement_savings_are_no_bank_accounts(accounts, count, others):
    cards = [replace(CARD, place=f"accounts.{n + 20}", account_id=f"card-{n}") for n in range(others)]
    assert feed(accounts=[*accounts, *cards]).linked_accounts == count
