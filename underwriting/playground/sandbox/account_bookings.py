"""Bank feeds made from recurring bookings, such as pay and rent, with the texts of real statements.

A booking's amount depends on the user and the month only, and the surplus goes to a savings account at the end of each
month, so that requests on different dates show the same past.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date, timedelta

from underwriting.playground.sandbox.source_request import SourceRequest
from underwriting.playground.sandbox.statement_plans import month_start, seeded

# A Monday; bookings every so many days are counted from here.
ANCHOR = date(2018, 1, 1)
SATURDAY = 5


@dataclass(frozen=True)
class RecurringBooking:
    """A booking every month on `day` (1 to 28), or every `every` days on the weekday `day` (0 is Monday)."""

    description: str
    # Major units, positive is money in; each booking differs from it by up to `spread` of it.
    amount: float
    day: int
    every: int = 0
    spread: float = 0.0
    # How many of them on one day.
    times: int = 1
    # It has not been booked for so many days before `as_of`.
    ended: int = 0
    # Monthly: on the Friday before a weekend, as pensions are paid; the day has to be the third or later.
    early: bool = False

    def days(self, first: date, last: date) -> Iterator[date]:
        """Its days from `first` to `last`, the first and last day of one month."""
        if self.every:
            due = first + timedelta(days=(ANCHOR.toordinal() + self.day - first.toordinal()) % self.every)
            while due <= last:
                yield due
                due += timedelta(days=self.every)
        else:
            due = first.replace(day=self.day)
            yield due - timedelta(days=max(0, due.weekday() - SATURDAY + 1) if self.early else 0)


@dataclass(frozen=True)
class Booking:
    """One booking of the account, in minor units."""

    on: date
    amount: int
    description: str


def month_of(plan: Sequence[RecurringBooking], subject: str, first: date, request: SourceRequest) -> list[Booking]:
    """The plan's bookings in the month that begins on `first`, without those that had ended by `as_of`."""
    rng = seeded("account", subject, first)
    size = seeded("account", subject).uniform(0.94, 1.06) * request.unit
    last = month_start(first, -1) - timedelta(days=1)
    drawn = [
        (item, Booking(day, round(item.amount * size * (1 + item.spread * rng.uniform(-1, 1))), item.description))
        for item in plan
        for day in item.days(first, last)
        for _ in range(item.times)
    ]
    return [
        booked for item, booked in drawn if not item.ended or booked.on <= request.as_of - timedelta(days=item.ended)
    ]


def with_savings(booked: Sequence[Booking], first: date) -> list[Booking]:
    """A month's bookings by day, and the transfer at its end that restores the balance of its beginning."""
    surplus = sum(one.amount for one in booked)
    description = "ONLINE TRANSFER TO SAV XXXX1234" if surplus >= 0 else "ONLINE TRANSFER FROM SAV XXXX1234"
    last = month_start(first, -1) - timedelta(days=1)
    return [*sorted(booked, key=lambda one: one.on), Booking(last, -surplus, description)]
