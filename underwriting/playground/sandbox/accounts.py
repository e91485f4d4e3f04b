"""Bank feeds made from bookings that come back: pay, rent and errands, as a statement words them.

A booking's amount depends on the user and the month alone, and at every month's end what is over goes to a savings
account, so that two dates see one past.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date, timedelta

from underwriting.playground.sandbox.histories import month_start, seeded
from underwriting.playground.sandbox.question import Question

# A Monday; bookings that come every so many days are counted from here.
ANCHOR = date(2018, 1, 1)
SATURDAY = 5


@dataclass(frozen=True)
class Regular:
    """One booking that comes back: every month on `day` (1 to 28), or every `every` days on a weekday (0 is Monday)."""

    says: str
    # Major units, positive is money in; each booking differs from it by up to `spread` of it.
    amount: float
    day: int
    every: int = 0
    spread: float = 0.0
    # So many of them on the same day.
    times: int = 1
    # The last so many days before as_of there are none any more.
    gone: int = 0
    # Monthly: on the Friday before where its day is a weekend's, as pensions are paid; the day is the third or later.
    early: bool = False

    def days(self, first: date, last: date) -> Iterator[date]:
        """The days on which it is booked, from `first` to `last`, of one month."""
        if self.every:
            due = first + timedelta(days=(ANCHOR.toordinal() + self.day - first.toordinal()) % self.every)
            while due <= last:
                yield due
                due += timedelta(days=self.every)
        else:
            due = first.replace(day=self.day)
            yield due - timedelta(days=max(0, due.weekday() - SATURDAY + 1) if self.early else 0)


@dataclass(frozen=True)
class Booked:
    """One booking of the account, in minor units."""

    on: date
    amount: int
    says: str


def month_of(plan: Sequence[Regular], subject: str, first: date, asked: Question) -> list[Booked]:
    """Every booking of the plan in the month that begins on `first`; some are gone before `as_of`."""
    chance = seeded("account", subject, first)
    size = seeded("account", subject).uniform(0.94, 1.06) * asked.unit
    last = month_start(first, -1) - timedelta(days=1)
    drawn = [
        (item, Booked(day, round(item.amount * size * (1 + item.spread * chance.uniform(-1, 1))), item.says))
        for item in plan
        for day in item.days(first, last)
        for _ in range(item.times)
    ]
    return [booked for item, booked in drawn if not item.gone or booked.on <= asked.as_of - timedelta(days=item.gone)]


def with_savings(booked: Sequence[Booked], first: date) -> list[Booked]:
    """A month's bookings by day, and the transfer at its end that brings the balance back to where it began."""
    over = sum(one.amount for one in booked)
    says = "ONLINE TRANSFER TO SAV XXXX1234" if over >= 0 else "ONLINE TRANSFER FROM SAV XXXX1234"
    last = month_start(first, -1) - timedelta(days=1)
    return [*sorted(booked, key=lambda one: one.on), Booked(last, -over, says)]
