"""Users at the edges: days on both sides of every window, amounts on both sides of every threshold, gaps in between."""

from collections.abc import Iterator
from datetime import UTC, date, datetime, time, timedelta
from random import Random

from underwriting.domain.documents import Document
from underwriting.domain.histories import (
    INCOME,
    Category,
    CurrentLimit,
    Float,
    FloatHistory,
    Transaction,
    TransactionFeed,
)

AS_OF = date(2024, 3, 1)
JUDGED_AT = datetime.combine(AS_OF, time(6), UTC)
# Windows of 30, 35, 60, 90 and 300 days, the three days that a feed stands for, and what lies after as_of.
EDGES = [-40, -1, 0, 1, 2, 3, 4, 5, 28, 29, 30, 31, 33, 34, 35, 58, 59, 60, 61, 88, 89, 90, 91, 299, 300, 400]
SIZES = [-500_000, -5_001, -100, -1, 0, 1, 49_99, 50_00, 50_01, 149_99, 150_00, 150_01, 300_000]
# Days between deposits: inside, at and outside of every cadence, and more than twice its longest.
GAPS = [0, 1, 4, 5, 7, 9, 10, 11, 14, 15, 18, 19, 20, 24, 25, 30, 36, 37, 38, 39, 72, 73]
CURRENCIES = ["USD", "USD", "USD", "USD", "USD", "JPY"]


def ago(days: int) -> date:
    return AS_OF - timedelta(days=days)


# Those that the facts tell apart come more often.
KINDS = [
    None,
    *Category,
    *[Category(kind) for kind in ("refund", "transfer", "overdraft_fee", "returned", "advance")] * 3,
]
Booking = tuple[int, int, Category | None, str | None]


def nasty_user(random: Random) -> tuple[Document, ...]:
    """What is known of one user."""
    return _feed(random), _history(random), _limit(random)


def _payroll(random: Random) -> Iterator[Booking]:
    """One payer's deposits, in one cadence or none."""
    payer, kind = random.choice(["Acme", "Acme", "Zeta", "", None]), random.choice(sorted(INCOME))
    regular, usual = random.choice(GAPS), random.choice([149_99, 150_00, 150_00, 150_01])
    day = random.choice([-1, 0, 1, 7, 14, 15, 28, 29, 60, 72, 73])
    for _ in range(random.randint(0, 9)):
        yield day, random.choice([usual, usual, usual, usual, 150_000, -150_00]), kind, payer
        day += random.choice([regular, regular, regular, *GAPS])


def _feed(random: Random) -> TransactionFeed:
    """A feed that covers more or less, refreshed earlier or later."""
    bookings: list[Booking] = [
        (random.choice(EDGES), random.choice(SIZES), random.choice(KINDS), random.choice(["Acme", None]))
        for _ in range(random.choice([0, random.randint(1, 12)]))
    ]
    for _ in range(random.randint(0, 3)):
        bookings += _payroll(random)
    lines = [
        Transaction(line_no=number, booked_on=ago(day), amount=amount, category=kind, counterparty=payer)
        for number, (day, amount, kind, payer) in enumerate(sorted(bookings, key=lambda booking: -booking[0]))
    ]
    random.shuffle(lines)
    refreshed_on = ago(random.choice([-30, -1, 0, 0, 0, 0, 0, 0, 1, 3, 4, 40]))
    return TransactionFeed(
        currency=random.choice(CURRENCIES),
        covered_from=ago(random.choice([day for day in EDGES if day >= 0] + [89, 300, 400] * 4)),
        opening_balance=random.choice([*SIZES, 0, 50_00, 50_00, 50_00]),
        holds=random.choice([0, 1, 150_00]),
        refreshed_at=datetime.combine(refreshed_on, time(5, 59), UTC),
        transactions=tuple(lines),
    )


def _history(random: Random) -> FloatHistory:
    taken = tuple(_float(random, number) for number in range(random.randint(0, 9)))
    return FloatHistory(currency=random.choice(CURRENCIES), floats=taken)


def _float(random: Random, number: int) -> Float:
    taken = random.choice(EDGES)
    due = taken - random.randint(0, 14)
    # A float is not repaid before it is taken.
    repaid = random.choice([None, *(day for day in (due - 1, due, due + 1, 0, 1, -1) if day <= taken)])
    failures = random.randint(0, 2)
    return Float(
        float_id=str(number),
        amount=random.choice([0, 1_000, 10_000]),
        fee=0,
        taken_on=ago(taken),
        due_on=ago(due),
        repaid_on=None if repaid is None else ago(repaid),
        collection_attempts=failures + random.randint(0, 1),
        collection_failures=failures,
    )


def _limit(random: Random) -> CurrentLimit:
    raised = random.choice([None, -1, 0, 0, 1, 1, 2, 30])
    return CurrentLimit(
        currency=random.choice(CURRENCIES),
        amount=5_000,
        raised_on=None if raised is None else ago(raised),
        runs_below=random.randint(0, 3),
        lowered_on=random.choice([None, ago(-1), ago(0), ago(1), ago(30)]),
        below_since=random.choice([None, ago(0), ago(1), ago(30)]),
    )
