"""The accounts of one of Plaid's custom sandbox users, a file that a tester writes."""

from collections.abc import Iterator, Sequence
from datetime import date
from decimal import Decimal
from typing import Annotated

from pydantic import Field

from underwriting.domain.money import CurrencyCode
from underwriting.domain.plausible import Day
from underwriting.sources.feeds.answer_part import Part, Text
from underwriting.sources.feeds.raw import AccountKind, RawAccount, RawTransaction, Skip, Skipped, minor_units

# The currency of an account without transactions: Plaid's sandbox is a US one.
HOME = "USD"
MONTHLY_INCOME = "monthly-income"


class OverrideTransaction(Part):
    """One transaction, major units, positive is money out."""

    date_posted: Day
    amount: Decimal
    description: Text = ""
    currency: CurrencyCode = HOME


class InflowModel(Part):
    """Monthly money in or out that is not listed as transactions; only incomes are used."""

    type: Text
    income_amount: Decimal | None = None
    payment_day_of_month: Annotated[int, Field(ge=1, le=28)] | None = None
    transaction_name: Text | None = None


class OverrideAccount(Part):
    """One account. Its `starting_balance` is the current balance; zero where it is left out."""

    type: Text
    subtype: Text | None = None
    starting_balance: Decimal = Decimal(0)
    transactions: Annotated[tuple[OverrideTransaction, ...], Field(max_length=200_000)] = ()
    inflow_model: InflowModel | None = None


def booked_account(
    place: str, one: OverrideAccount, kind: AccountKind
) -> tuple[RawAccount, list[RawTransaction], list[Skipped]]:
    """The account, its transactions in our sign (listed ones, then those of its inflow model), and skipped ones."""
    if kind is AccountKind.OTHER:
        return RawAccount(place, place, kind, None, None), [], []
    currency = one.transactions[0].currency if one.transactions else HOME
    listed = [
        RawTransaction(
            place=f"{place}.transactions.{index}",
            account_id=place,
            booked_on=row.date_posted,
            amount=-minor_units(f"{place}.transactions.{index}.amount", row.amount, row.currency),
            description=row.description,
        )
        for index, row in enumerate(one.transactions)
        if row.currency == currency
    ]
    balance = minor_units(f"{place}.starting_balance", one.starting_balance, currency)
    account = RawAccount(place, place, kind, currency, balance)
    foreign = [row.date_posted for row in one.transactions if row.currency != currency]
    skipped = [Skipped(Skip.OTHER_CURRENCY, place, posted) for posted in foreign]
    return account, [*listed, *_inflows(place, one.inflow_model, currency, listed)], skipped


def _inflows(
    place: str, model: InflowModel | None, currency: str, listed: Sequence[RawTransaction]
) -> Iterator[RawTransaction]:
    """The model's income on its day of every month, over the days that the listed transactions span."""
    if model is None or model.type != MONTHLY_INCOME or not listed:
        return
    amount = minor_units(f"{place}.inflow_model.income_amount", model.income_amount or Decimal(0), currency)
    first, last = min(row.booked_on for row in listed), max(row.booked_on for row in listed)
    for month in range(first.year * 12 + first.month - 1, last.year * 12 + last.month):
        day = date(month // 12, month % 12 + 1, model.payment_day_of_month or 1)
        if first <= day <= last:
            yield RawTransaction(
                place=f"{place}.inflow_model",
                account_id=place,
                booked_on=day,
                amount=amount,
                description=model.transaction_name or "",
            )
