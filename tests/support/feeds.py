"""Small bank feeds to judge, and where the real ones lie."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, date, datetime, time
from pathlib import Path
from typing import Any

import pytest

from underwriting.domain.histories import Category, TransactionFeed
from underwriting.sources.answers import parse_model
from underwriting.sources.feeds import plaid
from underwriting.sources.feeds.assemble import transaction_feed
from underwriting.sources.feeds.categoriser import categorise
from underwriting.sources.feeds.missing_data import FeedReading
from underwriting.sources.feeds.plaid_answers import PlaidAnswer
from underwriting.sources.feeds.raw import AccountKind, RawAccount, RawFeed, RawTransaction

# The real files are no part of this repository.
PLAID = Path(__file__).parents[3] / "shared" / "data" / "plaid"
needs_plaid = pytest.mark.skipif(not PLAID.is_dir(), reason=f"the Plaid feeds are not in {PLAID}")

AS_OF = date(2026, 3, 31)
CHECKING = RawAccount("accounts.0", "checking", AccountKind.CHECKING, "USD", 100_00)
SAVINGS = RawAccount("accounts.1", "savings", AccountKind.SAVINGS, "USD", 500_00)


def row(amount: int, says: str = "", *, on: date = AS_OF, account: str = "checking", **more: object) -> RawTransaction:
    """One raw transaction of the checking account, minor units, positive is money in."""
    return RawTransaction("transactions.0", account, on, amount, says, **more)  # type: ignore[arg-type]


def feed(
    *rows: RawTransaction,
    accounts: Sequence[RawAccount] = (CHECKING,),
    refreshed_on: date = AS_OF,
    days: int = 365,
    as_of: date = AS_OF,
) -> TransactionFeed:
    """The document of a feed refreshed at midnight."""
    return reading(*rows, accounts=accounts, refreshed_on=refreshed_on, days=days, as_of=as_of).feed


def reading(
    *rows: RawTransaction,
    accounts: Sequence[RawAccount] = (CHECKING,),
    refreshed_on: date = AS_OF,
    days: int = 365,
    as_of: date = AS_OF,
    **more: Any,
) -> FeedReading:
    """The same with what the feed lacks."""
    raw = RawFeed(datetime.combine(refreshed_on, time(), UTC), accounts, rows, **more)
    return transaction_feed(raw, "USD", days, as_of)


def judged(amount: float, says: str, **more: object) -> tuple[Category | None, str | None]:
    """Category and name of one transaction of so many dollars."""
    judgement = next(categorise([row(round(amount * 100), says, **more)], "USD"))
    return judgement.category, judgement.counterparty


def real_feed(name: str) -> RawFeed:
    """A file of the real feeds, read."""
    return plaid.raw_feed(parse_model("plaid", PlaidAnswer, (PLAID / name).read_bytes()))


def of_account(raw: RawFeed, number: int) -> RawFeed:
    """The feed as if the user had linked only one of the accounts."""
    account = raw.accounts[number]
    rows = [one for one in raw.transactions if one.account_id == account.account_id]
    return replace(raw, accounts=[account], transactions=rows)
