"""Bank statements made from monthly bookings, such as salary and rent.

A booking's amount depends on the customer and the month only, so that requests on different dates show the same past.
"""

import random
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date

from underwriting.domain.documents import BankStatements, LineCategory, StatementLine
from underwriting.playground.sandbox.source_request import SourceRequest


@dataclass(frozen=True)
class MonthlyBooking:
    """One booking on `day` (1 to 28) of every month, or of every `every`-th one, counted from the first."""

    day: int
    # Major units, positive is money in; each booking differs from it by up to `spread` of it.
    amount: float
    category: LineCategory
    spread: float = 0.0
    every: int = 1
    offset: int = 0


def seeded(*parts: object) -> random.Random:
    """A generator of the same random numbers for the same parts, in every process."""
    return random.Random(":".join(map(str, parts)))  # noqa: S311 - test data, nothing secret


def month_start(day: date, back: int) -> date:
    """The first day of the month that wrong_fields `back` months before the month of `day`."""
    year, month = divmod(day.year * 12 + day.month - 1 - back, 12)
    return date(year, month + 1, 1)


def bank_statements(plan: tuple[MonthlyBooking, ...], opening: float, request: SourceRequest) -> BankStatements:
    """The requested whole months and the current one up to `as_of`; balances reconcile to the minor unit."""
    start = month_start(request.as_of, request.months)
    size = seeded(request.subject).uniform(0.94, 1.06) * request.unit
    balance = opening_balance = round(opening * size)
    lines: list[StatementLine] = []
    for booked_on, booking, amount in _bookings(plan, start, request):
        minor = round(amount * size)
        balance += minor
        lines.append(
            StatementLine(
                line_no=len(lines), booked_on=booked_on, amount=minor, balance=balance, category=booking.category
            )
        )
    return BankStatements(
        currency=request.currency,
        period_start=start,
        period_end=request.as_of,
        opening_balance=opening_balance,
        lines=tuple(lines),
    )


def _bookings(
    plan: tuple[MonthlyBooking, ...], start: date, request: SourceRequest
) -> Iterator[tuple[date, MonthlyBooking, float]]:
    first, month = start, 0
    while first <= request.as_of:
        rng = seeded(request.subject, first)
        drawn = [(item, item.amount * (1 + item.spread * rng.uniform(-1, 1))) for item in plan]
        for item, amount in sorted(drawn, key=lambda pair: pair[0].day):
            booked_on = first.replace(day=item.day)
            if booked_on <= request.as_of and month % item.every == item.offset:
                yield booked_on, item, amount
        first, month = month_start(first, -1), month + 1


def up_to(statements: BankStatements, request: SourceRequest) -> BankStatements:
    """The requested part of longer statements, with its own opening balance."""
    start = max(statements.period_start, month_start(request.as_of, request.months))
    before = [line for line in statements.lines if line.booked_on < start]
    return statements.model_copy(
        update={
            "period_start": start,
            "period_end": min(statements.period_end, request.as_of),
            "opening_balance": before[-1].balance if before else statements.opening_balance,
            "lines": tuple(line for line in statements.lines if start <= line.booked_on <= request.as_of),
        }
    )
