"""A bank feed of several accounts, read and not yet judged: what every provider's format comes down to."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from decimal import Decimal
from enum import StrEnum

from underwriting.domain.histories import Category
from underwriting.domain.money import MAX_MINOR, minor_digits

# Finer digits are noise of a binary fraction on its way through JSON.
_NOISE = Decimal("1e-6")


class FeedError(ValueError):
    """The feed says what no honest bank says, or leaves out what has to be known; the value is not quoted.

    `place` is where, as in "transactions.3.amount".
    """

    def __init__(self, place: str, why: str) -> None:
        super().__init__(f"{place}: {why}")


class AccountKind(StrEnum):
    """What an account is for. Only a checking, deposit or savings account can be the main one, in this order."""

    CHECKING = "checking"
    # A checking or a savings account; nobody says which.
    DEPOSIT = "deposit"
    SAVINGS = "savings"
    OTHER = "other"


@dataclass(frozen=True)
class RawAccount:
    """One linked account. The balance is that of all booked transactions, in minor units; None where nobody says."""

    place: str
    account_id: str
    kind: AccountKind
    currency: str | None
    balance: int | None
    institution_id: str | None = None
    # The first day from which no transaction is missing, where the provider says so.
    covered_from: date | None = None
    # What the bank calls available, and when it was asked for this account, where the provider says so.
    available: int | None = None
    refreshed_at: datetime | None = None


@dataclass(frozen=True)
class RawTransaction:
    """One transaction as the bank tells it; the amount in minor units, positive is money in."""

    place: str
    account_id: str
    booked_on: date
    amount: int
    description: str
    transaction_id: str | None = None
    # The provider's own name for the other side, and its codes for the purpose, the finest first.
    counterparty: str | None = None
    codes: tuple[str, ...] = ()
    # Set where the provider speaks our own language.
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
    ELSEWHERE = "that speak against the user on other accounts"


@dataclass(frozen=True)
class Skipped:
    """A transaction that cannot be used. The bank counts it all the same, on a day that may not be known."""

    why: Skip
    account_id: str
    booked_on: date | None = None
    pending: bool = False

    @property
    def holds_unknown(self) -> bool:
        """Whether it may hold money back."""
        return self.pending and self.why is not Skip.PLANNED


@dataclass(frozen=True)
class RawFeed:
    """All accounts that a user has linked, their transactions in booking order, and when the bank was last asked.

    `refreshed_at` is None where only single accounts say so, or nobody does.
    """

    refreshed_at: datetime | None
    accounts: Sequence[RawAccount]
    transactions: Sequence[RawTransaction]
    skipped: Sequence[Skipped] = ()
    # As in the document that comes of it.
    still_reading: bool = False
    login_required: bool = False
    changes_unknown: bool = False


def minor_units(place: str, amount: Decimal, currency: str) -> int:
    """A provider's decimal amount in minor units; FeedError where it is finer than the currency, or too large."""
    digits = minor_digits(currency)
    if not amount.is_finite() or abs(amount) > MAX_MINOR:
        raise FeedError(place, "is more than this system handles")
    minor = amount.quantize(_NOISE).scaleb(digits)
    if minor != minor.to_integral_value() or abs(minor) > MAX_MINOR:
        raise FeedError(place, f"is finer than the {digits} decimal places of {currency}, or too large")
    return int(minor)


def utc_day(place: str, moment: datetime) -> date:
    """The day of an aware moment; FeedError for one at the edge of the calendar, which has none in UTC."""
    try:
        return moment.astimezone(UTC).date()
    except OverflowError:
        raise FeedError(place, "is no moment of our time") from None


def without_repeats(transactions: Sequence[RawTransaction]) -> list[RawTransaction]:
    """Each transaction once, in the order and with the words of its last telling: a provider's pages overlap.

    A transaction without an id is taken as it is, since two equal ones on one day may both be meant. A pending one
    whose booking is told as well is left out.
    """
    settled = {row.settles for row in transactions if row.settles}
    last: Mapping[str, int] = {row.transaction_id: at for at, row in enumerate(transactions) if row.transaction_id}
    return [
        row
        for at, row in enumerate(transactions)
        if row.transaction_id is None
        or (last[row.transaction_id] == at and not (row.pending and row.transaction_id in settled))
    ]
