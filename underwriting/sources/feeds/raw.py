"""A bank feed of several accounts before categorisation: the common form of all providers' formats."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from decimal import Decimal
from enum import StrEnum

from underwriting.domain.histories import Category
from underwriting.domain.money import MAX_MINOR, minor_digits

# Further decimals are the noise of a binary fraction in JSON.
_NOISE = Decimal("1e-6")


class FeedError(ValueError):
    """The feed has an impossible value or lacks a required one; the message does not quote the value.

    `place` is the path in the answer, such as "transactions.3.amount".
    """

    def __init__(self, place: str, why: str) -> None:
        super().__init__(f"{place}: {why}")


class AccountKind(StrEnum):
    """What an account is for. Only a checking, deposit or savings account can be the main one, in this order."""

    CHECKING = "checking"
    # A checking or a savings account; the provider does not say which.
    DEPOSIT = "deposit"
    SAVINGS = "savings"
    OTHER = "other"


@dataclass(frozen=True)
class RawAccount:
    """One linked account. The balance is that of all booked transactions, in minor units; None where unknown."""

    place: str
    account_id: str
    kind: AccountKind
    currency: str | None
    balance: int | None
    institution_id: str | None = None
    # The first day from which no transaction is missing, where the provider states it.
    covered_from: date | None = None
    # The bank's own available balance, and the refresh of this account, where the provider states them.
    available: int | None = None
    refreshed_at: datetime | None = None


@dataclass(frozen=True)
class RawTransaction:
    """One transaction as the bank reports it; the amount in minor units, positive is money in."""

    place: str
    account_id: str
    booked_on: date
    amount: int
    description: str
    transaction_id: str | None = None
    # The provider's name of the counterparty, and its codes for the purpose, the most detailed first.
    counterparty: str | None = None
    codes: tuple[str, ...] = ()
    # Set where the provider uses our categories.
    category: Category | None = None
    pending: bool = False
    # The id of the pending transaction that this one books.
    settles: str | None = None


class Skip(StrEnum):
    """Why a transaction cannot be used."""

    OTHER_CURRENCY = "in another currency than their account"
    UNLISTED = "of accounts that are not listed"
    UNREADABLE_AMOUNT = "with amounts that the currency does not have"
    DATED_AHEAD = "dated after the refresh"
    PLANNED = "planned for later"
    ELSEWHERE = "that count against the user on other accounts"


@dataclass(frozen=True)
class Skipped:
    """A transaction that cannot be used. It changes the balance all the same, on a day that may not be known."""

    why: Skip
    account_id: str
    booked_on: date | None = None
    pending: bool = False

    @property
    def holds_unknown(self) -> bool:
        """Whether it may be a hold of unknown amount."""
        return self.pending and self.why is not Skip.PLANNED


@dataclass(frozen=True)
class RawFeed:
    """All linked accounts of a user, their transactions in booking order, and the last refresh.

    `refreshed_at` is None where only single accounts state it, or none does.
    """

    refreshed_at: datetime | None
    accounts: Sequence[RawAccount]
    transactions: Sequence[RawTransaction]
    skipped: Sequence[Skipped] = ()
    # As in `TransactionFeed`.
    still_reading: bool = False
    login_required: bool = False
    changes_unknown: bool = False


def minor_units(place: str, amount: Decimal, currency: str) -> int:
    """A provider's decimal amount in minor units; FeedError where it has too many decimals, or is too large."""
    digits = minor_digits(currency)
    if not amount.is_finite() or abs(amount) > MAX_MINOR:
        raise FeedError(place, "is more than this system handles")
    minor = amount.quantize(_NOISE).scaleb(digits)
    if minor != minor.to_integral_value() or abs(minor) > MAX_MINOR:
        raise FeedError(place, f"is finer than the {digits} decimal places of {currency}, or too large")
    return int(minor)


def utc_day(place: str, moment: datetime) -> date:
    """The UTC day of an aware moment; FeedError for one at the edge of the calendar, which has none."""
    try:
        return moment.astimezone(UTC).date()
    except OverflowError:
        raise FeedError(place, "is no moment of our time") from None


def deduplicated(transactions: Sequence[RawTransaction]) -> list[RawTransaction]:
    """Each transaction once, by its last occurrence, since a provider's pages overlap.

    All transactions without an id are kept: two equal ones on one day may be two purchases. A pending one whose
    booking is there is left out.
    """
    settled = {row.settles for row in transactions if row.settles}
    last = {row.transaction_id: index for index, row in enumerate(transactions)}
    return [
        row
        for index, row in enumerate(transactions)
        if row.transaction_id is None
        or (last[row.transaction_id] == index and not (row.pending and row.transaction_id in settled))
    ]
