"""Plaid's answers as models: the members that a feed is made of, under Plaid's names."""

from decimal import Decimal
from typing import Annotated

from pydantic import Field

from underwriting.domain.plausible import Day, Moment
from underwriting.sources.feeds.answer_part import Id, Part, Text
from underwriting.sources.feeds.plaid_user import OverrideAccount


class Balances(Part):
    """An account's balances, major units; `current` is that of all booked transactions."""

    current: Decimal | None = None
    available: Decimal | None = None
    # An overdraft that the bank grants; `available` may include it.
    limit: Decimal | None = None
    iso_currency_code: Text | None = None
    last_updated_datetime: Moment | None = None


class PurposeCode(Part):
    """Plaid's personal_finance_category."""

    primary: Text
    detailed: Text | None = None


class Counterparty(Part):
    """A counterparty that Plaid recognised."""

    name: Text
    type: Text | None = None


class PlaidTransaction(Part):
    """One transaction, major units, positive is money out. An asset report has only `original_description`."""

    transaction_id: Id | None = None
    account_id: Id
    amount: Decimal
    iso_currency_code: Text | None = None
    unofficial_currency_code: Text | None = None
    date: Day
    name: Text | None = None
    original_description: Text | None = None
    merchant_name: Text | None = None
    counterparties: tuple[Counterparty, ...] | None = None
    personal_finance_category: PurposeCode | None = None
    pending: bool = False
    pending_transaction_id: Id | None = None


class PlaidAccount(Part):
    """One account; in an asset report it has its transactions and the number of their days."""

    account_id: Id
    type: Text
    subtype: Text | None = None
    balances: Balances
    transactions: Annotated[tuple[PlaidTransaction, ...], Field(max_length=200_000)] = ()
    days_available: Annotated[int, Field(ge=0, le=10_000)] | None = None


class Removed(Part):
    """A transaction that the bank took back."""

    transaction_id: Id


class ItemError(Part):
    """Why Plaid cannot read from the bank."""

    error_code: Text | None = None


class Item(Part):
    """The login at one bank; in an asset report with its accounts."""

    institution_id: Text | None = None
    error: ItemError | None = None
    date_last_updated: Moment | None = None
    accounts: Annotated[tuple[PlaidAccount, ...], Field(max_length=100)] = ()


class Report(Part):
    """An asset report."""

    date_generated: Moment
    items: Annotated[tuple[Item, ...], Field(max_length=100)]


class Updates(Part):
    """The last refresh, of item/get's `status`."""

    last_successful_update: Moment | None = None


class Status(Part):
    """The part of item/get's answer that states the last refresh."""

    transactions: Updates | None = None


class PlaidAnswer(Part):
    """Any of Plaid's answers with transactions; the transaction service adds `status` of item/get."""

    accounts: Annotated[tuple[PlaidAccount, ...], Field(max_length=100)] = ()
    item: Item | None = None
    # Instead of an answer.
    error_code: Text | None = None
    status: Status | None = None
    # transactions/get
    transactions: Annotated[tuple[PlaidTransaction, ...], Field(max_length=200_000)] | None = None
    total_transactions: int | None = None
    # transactions/sync, from an empty cursor, its pages put together
    added: Annotated[tuple[PlaidTransaction, ...], Field(max_length=200_000)] | None = None
    modified: Annotated[tuple[PlaidTransaction, ...], Field(max_length=200_000)] | None = ()
    removed: Annotated[tuple[Removed, ...], Field(max_length=200_000)] | None = ()
    transactions_update_status: Text | None = None
    has_more: bool = False
    # Plaid sends one with the last page, too.
    next_cursor: str | None = None
    # asset_report/get
    report: Report | None = None
    # a file for a sandbox user
    override_accounts: Annotated[tuple[OverrideAccount, ...], Field(max_length=100)] | None = None
