"""An account's bookings as a bank feed: payer and purpose, as far as the bank's codes show them."""

from collections.abc import Sequence
from datetime import UTC, date, datetime, time

from underwriting.domain.histories import Category, TransactionFeed
from underwriting.domain.histories import Transaction as FeedTransaction
from underwriting.playground.berka.files import CURRENCY, Account, BerkaError, Transaction
from underwriting.playground.berka.statements import booked_before, signed

# The bank's purpose codes, as published and as in the English edition (with its spelling).
PURPOSES = {
    "UROK": Category.INTEREST, "interest credited": Category.INTEREST,
    "DUCHOD": Category.BENEFITS, "old-age pension": Category.BENEFITS,
    # The Czech household payment: rent, energy and fees of the flat in one.
    "SIPO": Category.HOUSING, "household": Category.HOUSING,
    "POJISTNE": Category.INSURANCE, "insurrance payment": Category.INSURANCE,
    "SLUZBY": Category.FEE, "payment for statement": Category.FEE,
    "SANKC. UROK": Category.OVERDRAFT_FEE, "sanction interest if negative balance": Category.OVERDRAFT_FEE,
    "UVER": Category.LOAN, "loan payment": Category.LOAN,
}  # fmt: skip
# Without a purpose, the operation counts. A collection from another bank comes from one account every month: it is pay,
# or serves as pay. Cash paid in may be anything, and so may a remittance.
OPERATIONS = {
    "PREVOD Z UCTU": Category.OTHER_INCOME, "collection from another bank": Category.OTHER_INCOME,
    "VYBER": Category.CASH, "withdrawal in cash": Category.CASH,
    "VYBER KARTOU": Category.CASH, "credit card withdrawal": Category.CASH,
}  # fmt: skip


def transaction_feed(account: Account, bookings: Sequence[Transaction], as_of: date) -> TransactionFeed:
    """The account from its opening to the day before `as_of`, as the bank would have fed it that night."""
    return TransactionFeed(
        currency=CURRENCY,
        covered_from=account.opened_on,
        opening_balance=0,
        # The bank publishes bookings only: none is pending.
        holds=0,
        refreshed_at=datetime.combine(as_of, time(), UTC),
        transactions=tuple(
            FeedTransaction(
                line_no=number,
                booked_on=row.booked_on,
                amount=signed(row),
                category=_category(row),
                counterparty=f"{row.bank} {row.account}" if row.bank and row.account else None,
            )
            for number, row in enumerate(booked_before(account, bookings, as_of))
        ),
    )


def _category(row: Transaction) -> Category | None:
    """The purpose of a booking, None if the bank does not state it; BerkaError for an unknown code."""
    if row.purpose and row.purpose not in PURPOSES:
        raise BerkaError(f"{row.place}: k_symbol: {row.purpose!r} is not known; known are {', '.join(PURPOSES)}")
    return PURPOSES[row.purpose] if row.purpose else OPERATIONS.get(row.operation)
