"""An account's bookings as bank statements: put in order, classified, and checked against the running balance."""

from collections.abc import Iterator, Sequence
from datetime import date, timedelta
from itertools import groupby

from underwriting.domain.documents import BankStatements, LineCategory, StatementLine
from underwriting.domain.money import Money
from underwriting.playground.berka.files import CURRENCY, Account, BerkaError, Transaction

# Amounts and balances in the files are rounded to 0.10 CZK, so a balance may differ by as much.
ROUNDING = 10
# The search for a day's order remembers every subset of the day's bookings that leads to no order.
MAX_A_DAY = 16

# Codes as published and as in the English edition (with its spelling).
DIRECTIONS = {
    "PRIJEM": 1, "credit": 1,
    "VYDAJ": -1, "withdrawal": -1,
    "VYBER": -1, "withdrawal in cash": -1,
}  # fmt: skip
PURPOSES = {
    "UROK": LineCategory.INCOME, "interest credited": LineCategory.INCOME,
    "DUCHOD": LineCategory.INCOME, "old-age pension": LineCategory.INCOME,
    "SIPO": LineCategory.SPENDING, "household": LineCategory.SPENDING,
    "POJISTNE": LineCategory.SPENDING, "insurrance payment": LineCategory.SPENDING,
    "SLUZBY": LineCategory.FEE, "payment for statement": LineCategory.FEE,
    # Charged while the balance is below zero, which the balance itself says too.
    "SANKC. UROK": LineCategory.FEE, "sanction interest if negative balance": LineCategory.FEE,
    "UVER": LineCategory.DEBT_SERVICE, "loan payment": LineCategory.DEBT_SERVICE,
}  # fmt: skip
# Bookings without a purpose. Money in is income, also cash: two of three accounts never get anything else. Money out is
# spending: cash, card payments and transfers to other banks.
UNSTATED = {1: LineCategory.INCOME, -1: LineCategory.SPENDING}


def bank_statements(account: Account, bookings: Sequence[Transaction], as_of: date) -> BankStatements:
    """The account from its opening to the day before `as_of`; nothing booked later is looked at.

    The day itself is left out because a decision is made before that day's bookings are. BerkaError where a balance
    does not follow from the one before.
    """
    rows = booked_before(account, bookings, as_of)
    before = [0, *(row.balance for row in rows)]
    return BankStatements(
        currency=CURRENCY,
        period_start=account.opened_on,
        period_end=as_of - timedelta(days=1),
        opening_balance=0,
        lines=tuple(
            _line(number, row, row.balance - balance)
            for number, (row, balance) in enumerate(zip(rows, before[:-1], strict=True))
        ),
    )


def booked_before(account: Account, bookings: Sequence[Transaction], as_of: date) -> list[Transaction]:
    """The account's bookings up to the day before `as_of`, in booking order; errors as above."""
    period_end = as_of - timedelta(days=1)
    if account.opened_on > period_end:
        raise BerkaError(f"{account.place}: account {account.account_id} was opened after {period_end}")
    known = sorted((row for row in bookings if row.booked_on <= period_end), key=lambda row: row.booked_on)
    if known and known[0].booked_on < account.opened_on:
        raise BerkaError(f"{known[0].place}: account {account.account_id} was opened only on {account.opened_on}")
    return list(_in_booking_order(known))


def category(row: Transaction) -> LineCategory:
    """The purpose of a booking; BerkaError for an unknown code."""
    if row.purpose and row.purpose not in PURPOSES:
        raise BerkaError(f"{row.place}: k_symbol: {row.purpose!r} is not known; known are {', '.join(PURPOSES)}")
    return PURPOSES[row.purpose] if row.purpose else UNSTATED[_direction(row)]


def _line(number: int, row: Transaction, amount: int) -> StatementLine:
    """A line whose balance follows to the haléř: its amount is the difference, which the files' rounding may change."""
    return StatementLine(
        line_no=number, booked_on=row.booked_on, amount=amount, balance=row.balance, category=category(row)
    )


def _direction(row: Transaction) -> int:
    if row.type not in DIRECTIONS:
        raise BerkaError(f"{row.place}: type: {row.type!r} is not known; known are {', '.join(DIRECTIONS)}")
    return DIRECTIONS[row.type]


def signed(row: Transaction) -> int:
    """The amount, positive for money in; BerkaError for an unknown type."""
    return _direction(row) * row.amount


def _in_booking_order(rows: Sequence[Transaction]) -> Iterator[Transaction]:
    """The rows by day; within a day, ordered so that every balance follows from the one before."""
    balance = 0
    for day, found in groupby(rows, key=lambda row: row.booked_on):
        bookings = list(found)
        ordered = _chain(bookings, balance) if len(bookings) <= MAX_A_DAY else None
        if ordered is None:
            before = Money(minor=balance, currency=CURRENCY)
            raise BerkaError(f"{bookings[0].place}: the balances of {day} do not follow from {before}, the one before")
        yield from ordered
        balance = ordered[-1].balance


def _chain(day: Sequence[Transaction], opening: int) -> list[Transaction] | None:
    """An order of the day's bookings in which every balance follows from the one before; None if there is none.

    The files keep no order within a day, neither by line nor by number.
    """
    astray: set[tuple[int, frozenset[int]]] = set()

    def order_from(balance: int, left: frozenset[int]) -> list[Transaction] | None:
        if not left:
            return []
        if (balance, left) in astray:
            return None
        for number in sorted(left):
            row = day[number]
            if abs(balance + signed(row) - row.balance) <= ROUNDING:
                rest = order_from(row.balance, left - {number})
                if rest is not None:
                    return [row, *rest]
        astray.add((balance, left))
        return None

    return order_from(opening, frozenset(range(len(day))))
