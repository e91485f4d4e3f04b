"""The daily balances: what the bank does when money runs out, and what a user does with a surplus."""

from dataclasses import dataclass

import numpy as np

from underwriting.domain.histories import Category
from underwriting.playground.generator.bookings import Bookings, Payees
from underwriting.playground.generator.draws import Draws, Flags, Ints
from underwriting.playground.generator.traits import Traits
from underwriting.playground.generator.world import World

# Transfers to savings are multiples of ten dollars.
_STEP = 1000


@dataclass(frozen=True)
class Account:
    """The end-of-day balances, a row for each user, and the bookings that bank and user added."""

    opening: Ints
    balances: Ints
    added: Bookings


def daily(bookings: Bookings, users: int, days: int) -> Ints:
    """The sum of each day, in a row for each user."""
    cells = np.bincount(bookings.user * days + bookings.day, weights=bookings.amount, minlength=users * days)
    # Sums of cents below 2^53 are exact in doubles.
    return np.rint(cells).astype(np.int64).reshape(users, days)


def run_account(
    world: World, traits: Traits, draws: Draws, bookings: Bookings, returnable: Bookings, days: int, payees: Payees
) -> Account:
    """Go through the days of all users at once. `returnable` are the bookings that the bank may return."""
    users = len(traits.pay)
    net = np.ascontiguousarray(daily(bookings, users, days).T)
    bounces = np.ascontiguousarray(daily(returnable, users, days).T)
    bank = _Bank(world, traits, draws, payees)
    balances = np.empty((days, users), dtype=np.int64)
    balance = bank.opening
    for day in range(days):
        balance = bank.close(day, balance + net[day], net[day] < 0, -bounces[day])
        balances[day] = balance
    return Account(bank.opening, np.ascontiguousarray(balances.T), Bookings.together(bank.booked))


class _Bank:
    """Closes each day, and keeps the bookings that result."""

    def __init__(self, world: World, traits: Traits, draws: Draws, payees: Payees) -> None:
        data = world.account
        kinds = list(data.kinds)
        spread = data.opening.spread * draws.normal("opening")
        self._data, self._draws = data, draws
        self.opening = np.rint(data.opening.median * traits.monthly_income * np.exp(spread)).astype(np.int64)
        self._for_a_fee = traits.bank == kinds.index("pays_for_a_fee")
        self._returns = traits.bank == kinds.index("returns")
        careful = data.careful.share + data.careful.by_reliability * traits.reliability
        # Careful users transfer money before the account is below zero, the others when the bank stops paying.
        self._careful = draws.chance("careful", careful)
        self._floor = draws.between("floor", *data.floor)
        self._ceiling = np.rint(data.ceiling * traits.monthly_income).astype(np.int64)
        self._payees = {
            category: payees.codes(category)[0]
            for category in (Category.RETURNED, Category.FEE, Category.OVERDRAFT_FEE, Category.TRANSFER)
        }
        self.booked: list[Bookings] = []

    def close(self, day: int, balance: Ints, spent: Flags, bounced: Ints) -> Ints:
        """The balance at the day's end, after returned debits, fees and transfers."""
        sent = self._draws.slots(np.full(len(balance), day), "rescue").between("amount", *self._data.rescue)
        balance = self._add(day, balance, self._careful & (balance < 0), sent - balance, Category.TRANSFER)
        short = (balance < 0) & spent
        returned = short & self._returns & (bounced > 0)
        balance = self._add(day, balance, returned, bounced, Category.RETURNED)
        balance = self._add(day, balance, returned, -self._data.returned_fee, Category.FEE)
        charged = short & self._for_a_fee
        balance = self._add(day, balance, charged, -self._data.overdraft_fee, Category.OVERDRAFT_FEE)
        balance = self._add(day, balance, balance < self._floor, sent - balance, Category.TRANSFER)
        saved = balance // 2 // _STEP * _STEP
        return self._add(day, balance, balance > self._ceiling, -saved, Category.TRANSFER)

    def _add(self, day: int, balance: Ints, where: Flags, amount: Ints | int, category: Category) -> Ints:
        rows = np.flatnonzero(where)
        if not len(rows):
            return balance
        amounts = np.broadcast_to(np.asarray(amount), balance.shape)[rows]
        self.booked.append(Bookings.of(rows, np.full(len(rows), day), amounts, category, self._payees[category]))
        after = balance.copy()
        after[rows] += amounts
        return after
