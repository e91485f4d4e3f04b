"""Spending: monthly bills, card payments, and advances of other apps with their repayment."""

from collections.abc import Iterator

import numpy as np

from underwriting.domain.histories import Category
from underwriting.playground.generator.bookings import Bookings, Payees
from underwriting.playground.generator.calendar import Window
from underwriting.playground.generator.draws import Draws, Flags, Ints, Reals
from underwriting.playground.generator.traits import Traits, kind
from underwriting.playground.generator.world import Bill, Card, World

_DAYS_A_MONTH = 365.25 / 12
# Advances come in steps of five dollars, of ten at least.
_STEP, _LEAST = 500, 1000


def at_any_time(draws: Draws, window: Window, a_month: Reals, purpose: str) -> tuple[Ints, Ints, Draws]:
    """The user's row, the day and a source of draws for events at random times, `a_month` for each user.

    Their number is Poisson distributed, by the normal approximation.
    """
    mean = a_month * (window.days / _DAYS_A_MONTH)
    count = np.floor(mean + np.sqrt(mean) * draws.normal(f"{purpose} count") + 0.5).clip(0).astype(np.int64)
    row = np.repeat(np.arange(len(count)), count)
    slot = np.arange(len(row)) - np.repeat(np.cumsum(count) - count, count)
    each = draws.take(row).slots(slot, purpose)
    return row, np.floor(each.uniform("day") * window.days).astype(np.int64), each


def bills(
    world: World, window: Window, traits: Traits, draws: Draws, payees: Payees
) -> Iterator[tuple[Bookings, bool]]:
    """The monthly debits, and whether the bank may return them."""
    budget = _budget(world, traits, draws)
    for number, bill in enumerate(world.bills):
        rows = np.flatnonzero(_pays(bill, number, draws))
        mine = draws.take(rows)
        day = window.day_of_month(window.month_numbers, mine.between(f"bill {number} day", *bill.days)[:, None])
        each = mine.slots(window.month_numbers[None, :], f"bill {number}").flat()
        user, day = np.repeat(rows, day.shape[1]), day.ravel()
        usual = _spends(world, traits, budget, user, day) * bill.of_income
        amount = np.rint(usual * (1 + bill.variation * each.normal("amount"))).astype(np.int64)
        payee = np.repeat(payees.pick(bill.category, mine, f"bill {number} payee"), len(window.month_numbers))
        due = (day >= 0) & (day < window.days) & (amount > 0)
        yield Bookings.of(user, day, -amount, bill.category, payee).take(due), bill.returnable


def cards(world: World, window: Window, traits: Traits, draws: Draws, payees: Payees) -> Iterator[Bookings]:
    """The card payments, at random times."""
    budget = _budget(world, traits, draws)
    for number, card in enumerate(world.cards):
        user, day, each = at_any_time(draws, window, np.full(len(traits.pay), card.a_month), f"card {number}")
        yield _card(card, user, day, _spends(world, traits, budget, user, day), each, payees)


def _card(card: Card, user: Ints, day: Ints, spends: Reals, each: Draws, payees: Payees) -> Bookings:
    usual = spends * (card.of_income / card.a_month)
    amount = usual * np.exp(card.spread * each.normal("amount") - card.spread**2 / 2)
    cents = np.maximum(1, np.rint(amount)).astype(np.int64)
    return Bookings.of(user, day, -cents, card.category, payees.pick(card.category, each))


def advances(world: World, window: Window, traits: Traits, draws: Draws, payees: Payees) -> Iterator[Bookings]:
    """Cash advances of other apps, and their repayments with a fee; some are never repaid."""
    data = world.stacking
    share = data.share * np.exp(data.by_reliability * traits.reliability)
    low, high = data.a_month
    a_month = np.where(draws.chance("stacks", share), low + draws.uniform("stacks often") * (high - low), 0.0)
    user, day, each = at_any_time(draws, window, a_month, "advance")
    steps = np.rint(data.median * np.exp(data.spread * each.normal("amount")) / _STEP)
    amount = np.maximum(_LEAST, steps * _STEP).astype(np.int64)
    payee = payees.pick(Category.ADVANCE, each)
    yield Bookings.of(user, day, amount, Category.ADVANCE, payee)
    back_on = day + each.between("due", *data.due_days)
    owed = np.rint(amount * (1 + data.fee)).astype(np.int64)
    repaid = ~each.chance("unpaid", data.unpaid) & (back_on < window.days)
    yield Bookings.of(user, back_on, -owed, Category.ADVANCE, payee).take(repaid)


def _pays(bill: Bill, number: int, draws: Draws) -> Flags:
    return draws.chance(f"bill {number}", bill.share)


def _budget(world: World, traits: Traits, draws: Draws) -> Reals:
    """The factor of a user's costs that makes their sum the user's share of income spent."""
    costs = np.full(len(traits.pay), sum(card.of_income for card in world.cards))
    for number, bill in enumerate(world.bills):
        costs += bill.of_income * _pays(bill, number, draws)
    return np.asarray(traits.monthly_income * traits.spend_ratio / costs)


def _spends(world: World, traits: Traits, budget: Reals, user: Ints, day: Ints) -> Reals:
    """The budget on a day; lower without an income."""
    without = (day >= traits.stopped_on[user]) | (traits.pay[user] == kind(world, "none"))
    return np.asarray(budget[user] * np.where(without, world.spend_without_income, 1.0))
