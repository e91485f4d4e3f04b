"""How much a user can pay back in a month, which determines the outcome of every float."""

from dataclasses import dataclass

import numpy as np

from underwriting.playground.generator.calendar import Window
from underwriting.playground.generator.draws import Draws, Ints, Reals
from underwriting.playground.generator.traits import NEVER, Traits, kind
from underwriting.playground.generator.world import World


@dataclass(frozen=True)
class Capacity:
    """The amount, in cents, up to which a float taken in a month is repaid on time.

    Median × exp(a·reliability + b·log(income / median income) + c·(a shock of the month) − d where there is no income).
    A float above it is repaid late, one above `lost_above` times it is lost. So the outcome of every amount in every
    month is known, also of amounts that were never advanced.
    """

    world: World
    window: Window
    traits: Traits
    draws: Draws

    def of(self, rows: Ints, month: Ints) -> Ints:
        """The capacity of users (rows) in months; the two have one shape, or months one more dimension."""
        data = self.world.floats.capacity
        shape = (len(rows),) + (1,) * (month.ndim - 1)
        each = self.draws.take(rows).slots(month, "capacity")
        typical = np.log(self._typical(rows)).reshape(shape)
        logarithm = np.log(data.median) + typical + data.month_spread * each.normal("shock")
        stopped_in = self._stopped_in(rows).reshape(shape)
        amount = np.exp(logarithm + data.without_income * (month > stopped_in))
        return np.asarray(np.rint(amount), dtype=np.int64)

    def _typical(self, rows: Ints) -> Reals:
        """Capacity over the median, before the shock of a month."""
        data, traits = self.world.floats.capacity, self.traits
        income = np.log(traits.monthly_income[rows] / self.world.pay.monthly["wages"])
        return np.asarray(np.exp(data.by_reliability * traits.reliability[rows] + data.by_income * income))

    def _stopped_in(self, rows: Ints) -> Ints:
        """The month in which the income ended; -1 where there never was any."""
        stopped_on = self.traits.stopped_on[rows]
        month = self.window.month_of(np.minimum(stopped_on, self.window.days))
        never_came = self.traits.pay[rows] == kind(self.world, "none")
        return np.asarray(np.where(never_came, -1, np.where(stopped_on == NEVER, NEVER, month)))
