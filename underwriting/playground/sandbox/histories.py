"""Bank statements made from standing bookings: salaries, rents and errands that come back every month.

A booking's amount depends on the customer and the month alone, so that two dates of one month see one past.
"""

import random
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date

from underwriting.domain.documents import BankStatements, LineCategory, StatementLine
from underwriting.playground.sandbox.question import Question


@dataclass(frozen=True)
class Standing:
    """One booking on `day` (1 to 28) of every month, or of every `every`-th one, counted from the first."""

    day: int
    # Major units, positive is money in; each booking differs from it by up to `spread` of it.
    amount: float
    category: LineCategory
    spread: float = 0.0
    every: int = 1
    offset: int = 0


def _on(days: tuple[int, ...], amount: float, spread: float) -> tuple[Standing, ...]:
    return tuple(Standing(day, amount, LineCategory.SPENDING, spread) for day in days)


# 4,800 in, 2,565 spent, 120 of debt served, 1,900 put aside: the balance is lowest, at about 1,300, before pay day.
HOUSEHOLD = (
    Standing(25, 4800, LineCategory.INCOME),
    *_on((1,), -1450, 0.0),
    *_on((5,), -160, 0.10),
    *_on((8,), -140, 0.0),
    *_on((12,), -95, 0.05),
    *_on((2, 6, 9, 13, 16, 20, 23, 27), -60, 0.15),
    *_on((3, 7, 11, 14, 18, 21, 24, 28), -30, 0.30),
    Standing(15, -120, LineCategory.DEBT_SERVICE),
    Standing(26, -1900, LineCategory.TRANSFER),
)
# Receipts 38,000 a month, costs 32,600, loans served with 1,500, 3,500 put aside.
BUSINESS = (
    *(Standing(day, 9500, LineCategory.INCOME, 0.04) for day in (4, 11, 18, 25)),
    *_on((1,), -3200, 0.0),
    *_on((7, 14, 21), -4800, 0.06),
    *_on((28,), -15000, 0.01),
    Standing(15, -1500, LineCategory.DEBT_SERVICE),
    Standing(26, -3500, LineCategory.TRANSFER),
)


def seeded(*parts: object) -> random.Random:
    """A generator that gives the same numbers for the same parts, in every process."""
    return random.Random(":".join(map(str, parts)))  # noqa: S311 - likeness of data, nothing secret


def month_start(day: date, back: int) -> date:
    """The first day of the month that lies `back` months before the month of `day`."""
    year, month = divmod(day.year * 12 + day.month - 1 - back, 12)
    return date(year, month + 1, 1)


def bank_statements(plan: tuple[Standing, ...], opening: float, asked: Question) -> BankStatements:
    """The whole months asked for and the running one, up to and with `as_of`; balances reconcile to the minor unit."""
    start = month_start(asked.as_of, asked.months)
    size = seeded(asked.subject).uniform(0.94, 1.06) * asked.unit
    balance = opening_balance = round(opening * size)
    lines: list[StatementLine] = []
    for booked_on, standing, amount in _bookings(plan, start, asked):
        minor = round(amount * size)
        balance += minor
        lines.append(
            StatementLine(
                line_no=len(lines), booked_on=booked_on, amount=minor, balance=balance, category=standing.category
            )
        )
    return BankStatements(
        currency=asked.currency,
        period_start=start,
        period_end=asked.as_of,
        opening_balance=opening_balance,
        lines=tuple(lines),
    )


def _bookings(plan: tuple[Standing, ...], start: date, asked: Question) -> Iterator[tuple[date, Standing, float]]:
    first, month = start, 0
    while first <= asked.as_of:
        chance = seeded(asked.subject, first)
        drawn = [(item, item.amount * (1 + item.spread * chance.uniform(-1, 1))) for item in plan]
        for item, amount in sorted(drawn, key=lambda pair: pair[0].day):
            booked_on = first.replace(day=item.day)
            if booked_on <= asked.as_of and month % item.every == item.offset:
                yield booked_on, item, amount
        first, month = month_start(first, -1), month + 1


def up_to(statements: BankStatements, asked: Question) -> BankStatements:
    """The part of longer statements that was asked for, its opening balance carried forward."""
    start = max(statements.period_start, month_start(asked.as_of, asked.months))
    before = [line for line in statements.lines if line.booked_on < start]
    return statements.model_copy(
        update={
            "period_start": start,
            "period_end": min(statements.period_end, asked.as_of),
            "opening_balance": before[-1].balance if before else statements.opening_balance,
            "lines": tuple(line for line in statements.lines if start <= line.booked_on <= asked.as_of),
        }
    )
