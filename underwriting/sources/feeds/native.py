"""The project's own format of a bank feed, for providers other than Plaid; described in docs/feeds.md."""

from typing import Annotated

from pydantic import Field

from underwriting.domain.documents import Amount
from underwriting.domain.histories import Category
from underwriting.domain.ids import SourceId
from underwriting.domain.money import CurrencyCode
from underwriting.domain.plausible import Day, Moment
from underwriting.sources.feeds.answer_part import Id, Part, Text
from underwriting.sources.feeds.raw import AccountKind, RawAccount, RawFeed, RawTransaction


class NativeAccount(Part):
    """One linked account; the balance is the current one of all booked transactions, minor units."""

    account_id: Id
    kind: AccountKind
    currency: CurrencyCode
    # None where the bank does not state it.
    balance: Amount | None
    available: Amount | None = None
    refreshed_at: Moment | None = None
    institution_id: SourceId | None = None
    covered_from: Day | None = None


class NativeTransaction(Part):
    """One transaction, minor units, positive is money in; in booking order, which is their order within a day."""

    transaction_id: Id | None = None
    account_id: Id
    booked_on: Day
    amount: Amount
    description: Text = ""
    counterparty: Text | None = None
    # Set by a provider that knows the category in our terms; the categoriser keeps it.
    category: Category | None = None
    pending: bool = False
    # Of a booked transaction: the id of the pending one that it books.
    pending_transaction_id: Id | None = None


class NativeFeed(Part):
    """The answer of a transaction service in the project's own format."""

    refreshed_at: Moment
    still_reading: bool = False
    login_required: bool = False
    accounts: Annotated[tuple[NativeAccount, ...], Field(max_length=100)]
    transactions: Annotated[tuple[NativeTransaction, ...], Field(max_length=200_000)]


def raw_feed(answer: NativeFeed) -> RawFeed:
    """The feed of an answer in the project's own format."""
    return RawFeed(
        refreshed_at=answer.refreshed_at,
        accounts=[
            RawAccount(
                place=f"accounts.{number}",
                account_id=one.account_id,
                kind=one.kind,
                currency=one.currency,
                balance=one.balance,
                institution_id=one.institution_id,
                covered_from=one.covered_from,
                available=one.available,
                refreshed_at=one.refreshed_at,
            )
            for number, one in enumerate(answer.accounts)
        ],
        transactions=[
            RawTransaction(
                place=f"transactions.{number}",
                account_id=one.account_id,
                booked_on=one.booked_on,
                amount=one.amount,
                description=one.description,
                transaction_id=one.transaction_id,
                counterparty=one.counterparty,
                category=one.category,
                pending=one.pending,
                settles=one.pending_transaction_id,
            )
            for number, one in enumerate(answer.transactions)
        ],
        still_reading=answer.still_reading,
        login_required=answer.login_required,
    )
