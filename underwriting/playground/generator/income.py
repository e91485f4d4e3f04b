"""The income of users: pay, gig work, benefits, and missed or late pays."""

from collections.abc import Callable, Iterator

import numpy as np

from underwriting.domain.histories import Category
from underwriting.playground.generator.bookings import Bookings, Payees
from underwriting.playground.generator.calendar import WEEK, Window
from underwriting.playground.generator.draws import Draws, Flags, Ints, Reals
from underwriting.playground.generator.spending import at_any_time
from underwriting.playground.generator.traits import Traits, kind
from underwriting.playground.generator.world import World

_FRIDAY = 4
# Days between pays of a cycle in weeks, and pays in a year.
_WEEKLY, _FORTNIGHTLY, _TWICE_A_MONTH, _MONTHLY = 52, 26, 24, 12
_LATE_DAYS = (1, 3)
# The least pay, as a share of the usual one.
_LEAST_PAY = 0.2
PayDays = Callable[[Window, Draws], Ints]


def income(world: World, window: Window, traits: Traits, draws: Draws, payees: Payees) -> Iterator[Bookings]:
    """Every deposit of income of the window."""
    payroll = _Payroll(world, window, traits, draws, payees)
    for position, (days_of, pays_a_year) in enumerate(_CYCLES):
        rows = np.flatnonzero((traits.pay == kind(world, "wages")) & (traits.cycle == position))
        yield payroll.paid(rows, days_of, pays_a_year, Category.WAGES)
    gig, weekly = traits.pay == kind(world, "gig"), draws.chance("weekly payouts", world.pay.gig_weekly)
    yield payroll.paid(np.flatnonzero(gig & weekly), _every(1), _WEEKLY, Category.GIG)
    yield payroll.paid_out(np.flatnonzero(gig & ~weekly))
    yield payroll.benefits(np.flatnonzero(traits.pay == kind(world, "benefits")))


def _every(weeks: int) -> PayDays:
    """A weekday of the user's own, Wednesday to Friday, every so many weeks."""

    def days(window: Window, draws: Draws) -> Ints:
        weekday = draws.between("pay weekday", _FRIDAY - 2, _FRIDAY)
        first = (weekday - window.first.weekday()) % WEEK + WEEK * draws.between("pay week", 0, weeks - 1)
        return np.asarray(first[:, None] + weeks * WEEK * np.arange(window.days // (weeks * WEEK) + 1))

    return days


def _twice_a_month(window: Window, draws: Draws) -> Ints:
    """The 15th and the last day, or the first and the 15th; the business day before where it is a weekend."""
    late = draws.chance("pay half", 0.5)[:, None]
    months = _months(window)
    other = np.where(late, window.day_of_month(months, np.array(31)), window.day_of_month(months, np.array(1)))
    middle = np.broadcast_to(window.day_of_month(months, np.array(15)), other.shape)
    return window.business_day(np.concatenate([middle, other], axis=1))


def _monthly(window: Window, draws: Draws) -> Ints:
    """The last day, the 25th or the first; the business day before where it is a weekend."""
    day = np.array([31, 25, 1])[draws.pick("pay day", (0.6, 0.2, 0.2))]
    months = _months(window)
    return window.business_day(window.day_of_month(months, day[:, None]))


# By position in the world's cycles.
_CYCLES: tuple[tuple[PayDays, int], ...] = (
    (_every(1), _WEEKLY),
    (_every(2), _FORTNIGHTLY),
    (_twice_a_month, _TWICE_A_MONTH),
    (_monthly, _MONTHLY),
)


class _Payroll:
    """The pays of users, which are given as rows."""

    def __init__(self, world: World, window: Window, traits: Traits, draws: Draws, payees: Payees) -> None:
        self._data, self._window, self._traits, self._draws, self._payees = world.pay, window, traits, draws, payees

    def paid(self, rows: Ints, days_of: PayDays, pays_a_year: int, category: Category) -> Bookings:
        """Pays on their days without the missed ones, and by the new employer after a change."""
        days = days_of(self._window, self._draws.take(rows))
        user = np.repeat(rows, days.shape[1])
        each = self._draws.take(rows).slots(np.arange(days.shape[1])[None, :], "pay").flat()
        day = days.ravel() + np.where(each.chance("late", self._data.late), each.between("late by", *_LATE_DAYS), 0)
        changed = day >= self._traits.changed_on[user]
        level = np.where(changed, _span(self._draws.take(user).uniform("new pay"), self._data.new_pay), 1.0)
        amount = self._amount(user, 12 / pays_a_year, each) * level
        comes = self._comes(user, day) & ~each.chance("missed", self._data.missed)
        pays = Bookings.of(user, day, _cents(amount), category, self._employer(user, changed, category))
        return pays.take(comes)

    def benefits(self, rows: Ints) -> Bookings:
        """Pensions and public assistance: on the nth Wednesday, or the first of the month or just before."""
        mine = self._draws.take(rows)
        months = _months(self._window)[None, :]
        wednesdays = self._window.nth_wednesday(months, mine.between("wednesday", 2, 4)[:, None])
        firsts = self._window.business_day(self._window.day_of_month(months, np.array(1)))
        days = np.where(mine.chance("by wednesday", 0.6)[:, None], wednesdays, firsts)
        user, day = np.repeat(rows, days.shape[1]), days.ravel()
        amount, payee = self._traits.monthly_income[user], self._payees.pick(Category.BENEFITS, self._draws.take(user))
        return Bookings.of(user, day, _cents(amount), Category.BENEFITS, payee).take(self._comes(user, day))

    def paid_out(self, rows: Ints) -> Bookings:
        """Payouts of gig work at random times, mostly by one platform."""
        often = np.full(len(rows), self._data.gig_a_month)
        row, day, each = at_any_time(self._draws.take(rows), self._window, often, "gig")
        user = rows[row]
        main, other = (self._payees.pick(Category.GIG, who) for who in (self._draws.take(user), each))
        payee = np.where(each.chance("main platform", 0.8), main, other)
        amount = self._amount(user, 1 / self._data.gig_a_month, each)
        return Bookings.of(user, day, _cents(amount), Category.GIG, payee).take(self._comes(user, day))

    def _amount(self, user: Ints, of_month: float, each: Draws) -> Reals:
        varied = np.maximum(_LEAST_PAY, 1 + self._traits.pay_variation[user] * each.normal("amount"))
        return np.asarray(self._traits.monthly_income[user] * of_month * varied)

    def _comes(self, user: Ints, day: Ints) -> Flags:
        """Within the window, before the income ends, and not between two employers."""
        changed_on = self._traits.changed_on[user]
        back_on = changed_on + self._draws.take(user).between("gap", *self._data.gap_days)
        between = (day >= changed_on) & (day < back_on)
        comes: Flags = (day >= 0) & (day < self._window.days) & (day < self._traits.stopped_on[user]) & ~between
        return comes

    def _employer(self, user: Ints, changed: Flags, category: Category) -> Ints:
        employers, mine = self._payees.codes(category), self._draws.take(user)
        moved = changed * mine.between("moves", 1, len(employers) - 1)
        return np.asarray(employers[(mine.between("employer", 0, len(employers) - 1) + moved) % len(employers)])


def _months(window: Window) -> Ints:
    """The months of the window and the one after: a pay that is due on a weekend may come the month before."""
    return np.append(window.month_numbers, window.month_numbers[-1] + 1)


def _span(uniform: Reals, span: tuple[float, float]) -> Reals:
    return span[0] + uniform * (span[1] - span[0])


def _cents(amount: Reals) -> Ints:
    return np.rint(amount).astype(np.int64)
