"""An account's bookings as a bank feed: who paid, and what for, as far as the bank's own codes tell."""

from collections.abc import Sequence
from datetime import UTC, date, datetime, time

from underwriting.domain.histories import Category, TransactionFeed
from underwriting.domain.histories import Transaction as FeedTransaction
from underwriting.playground.berka.files import CURRENCY, Account, BerkaError, Transaction
from underwriting.playground.berka.statements import booked_before, signed

# By the bank's purpose codes, as it published them and as the English edition translates them (its spelling).
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
# Where there is no purpose, by the operation. Money that another bank collects for the holder comes from one account
# every month: pay, or what is lived from like pay. Cash paid in may be anything, and so may a remittance.
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
    """What a booking is for, None where the bank does not tell; BerkaError for a code that it does not have."""
    if row.purpose and row.purpose not in PURPOSES:
        raise BerkaError(f"{row.place}: k_symbol: {row.purpose!r} is not known; known are {', '.join(PURPOSES)}")
    return PURPOSES[row.purpose] if row.purpose else OPERATIONS.get(row.operation)
