"""Days of a history: numbers from its first day on, and the days on which pay comes."""

import calendar as gregorian
from dataclasses import dataclass
from datetime import date, timedelta
from functools import cached_property

import numpy as np

from underwriting.playground.generator.draws import Ints

WEEK = 7
_FRIDAY, _WEDNESDAY = 4, 2
_WEEKDAYS = 5


def months_before(day: date, months: int) -> date:
    """The day as many months earlier, or the last of that month where it has no such day."""
    number = day.year * 12 + day.month - 1 - months
    year, month = divmod(number, 12)
    return date(year, month + 1, min(day.day, gregorian.monthrange(year, month + 1)[1]))


@dataclass(frozen=True)
class Window:
    """The days of a history: `months` of them up to and including `end`. Day 0 is the first."""

    end: date
    months: int

    @cached_property
    def first(self) -> date:
        """The first day."""
        return months_before(self.end, self.months) + timedelta(days=1)

    @property
    def days(self) -> int:
        """How many."""
        return (self.end - self.first).days + 1

    @cached_property
    def epoch(self) -> int:
        """Day 0 as days since 1970, which is how Arrow counts."""
        return (self.first - date(1970, 1, 1)).days

    @cached_property
    def month_numbers(self) -> Ints:
        """Every calendar month that the window touches, as year × 12 + month − 1."""
        first, last = (day.year * 12 + day.month - 1 for day in (self.first, self.end))
        return np.arange(first, last + 1)

    def weekday(self, day: Ints) -> Ints:
        """0 for Monday."""
        return np.asarray((day + self.first.weekday()) % WEEK)

    def day_of_month(self, number: Ints, day: Ints) -> Ints:
        """The day of the window that is day `day` of month `number`, or the month's last day where it is shorter."""
        starts = self.month_start(number)
        return np.asarray(np.minimum(starts + day - 1, self.month_start(number + 1) - 1))

    def month_start(self, number: Ints) -> Ints:
        """The day of the window on which month `number` starts; negative before the first day."""
        since_1970 = (number - 1970 * 12).astype("datetime64[M]").astype("datetime64[D]").astype(np.int64)
        return np.asarray(since_1970 - self.epoch)

    def month_of(self, day: Ints) -> Ints:
        """The month of a day of the window."""
        months = (day + self.epoch).astype("datetime64[D]").astype("datetime64[M]").astype(np.int64)
        return np.asarray(months + 1970 * 12)

    def business_day(self, day: Ints) -> Ints:
        """The day, or the Friday before where it falls on a weekend. Holidays are ignored."""
        weekday = self.weekday(day)
        return np.asarray(np.where(weekday < _WEEKDAYS, day, day - (weekday - _FRIDAY)))

    def nth_wednesday(self, number: Ints, nth: Ints) -> Ints:
        """The nth Wednesday of month `number`: US Social Security pays on the second, third or fourth."""
        start = self.month_start(number)
        return np.asarray(start + (_WEDNESDAY - self.weekday(start)) % WEEK + (nth - 1) * WEEK)
