"""Whether a row of the decision table is met within the cap, condition by condition, each with its reason code."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from decimal import Decimal
from functools import cached_property
from typing import cast

import numpy as np

from rules.core.columns import Columns, Mask
from rules.limits.affordability import Affordable
from rules.limits.decision_table import AMOUNTS
from rules.limits.integers import Integers, Numbers, to_integers
from rules.limits.policy import LimitPolicy
from rules.limits.policy_sections import BASIS_POINTS, basis_points
from rules.limits.tiers import DUE


@dataclass(frozen=True)
class Condition:
    """The rows where one condition fails and where it is unknown, with the reason code of each."""

    fails_as: str
    unknown_as: str
    fails: Mask
    unknown: Mask


# The thresholds of a row, the fact that each is about, and the reason codes. The policy names the balance.
THRESHOLDS = {
    "min_float_rank": ("float_rank", "limit_float_rank_low", "limit_floats_unknown"),
    "min_subscription_rank": ("subscription_rank", "limit_subscription_rank_low", "limit_subscription_unknown"),
    "min_available": ("balance", "limit_available_balance_low", "limit_available_balance_unknown"),
    "min_repaid": ("largest_repaid", "limit_repaid_amount_low", "limit_floats_unknown"),
}


def fails_any(conditions: Sequence[Condition]) -> Mask:
    """Where at least one is known to fail."""
    return cast("Mask", np.logical_or.reduce([each.fails for each in conditions]))


def unknown_any(conditions: Sequence[Condition]) -> Mask:
    """Where at least one is unknown."""
    return cast("Mask", np.logical_or.reduce([each.unknown for each in conditions]))


def _less(thresholds: Numbers, share: Decimal) -> Numbers:
    """The thresholds less a share of their size, rounded up: that of a balance may be negative, and is lowered too."""
    return cast("Numbers", thresholds - np.abs(thresholds) * basis_points(share) // BASIS_POINTS)


class TableConditions:
    """The policy's table, applied to all users. Row 0 is the lowest tier, which requires nothing but the cap.

    `amounts` are the tiers by row. The row after the last one is for limits above the table and requires nothing.
    With `dead_band`, balance and cap may be below what a tier requires by that share of it, which is enough to keep a
    limit.
    """

    def __init__(
        self, policy: LimitPolicy, facts: Columns, affordable: Affordable, dead_band: Decimal = Decimal(0)
    ) -> None:
        self.amounts = np.array([AMOUNTS[0], *(row.tier for row in policy.table)], np.int64)
        self._thresholds = {
            name: np.array([0, *(row.thresholds[name] for row in policy.table), 0]) for name in THRESHOLDS
        }
        self._thresholds["min_available"] = _less(self._thresholds["min_available"], dead_band)
        self._due = _less(np.array([*(DUE[amount] for amount in self.amounts.tolist()), 0], np.int64), dead_band)
        named = {name: policy.balance if fact == "balance" else fact for name, (fact, _, _) in THRESHOLDS.items()}
        self._facts: dict[str, Integers] = {name: to_integers(facts[fact]) for name, fact in named.items()}
        self._affordable = affordable

    def next_row(self, limits: Numbers) -> Numbers:
        """The row of the lowest tier above each limit."""
        return np.searchsorted(self.amounts, limits, side="right").astype(np.int64)

    def own_row(self, limits: Numbers) -> Numbers:
        """The row of the tier that equals each limit, or of the lowest tier above it."""
        return np.searchsorted(self.amounts, limits, side="left").astype(np.int64)

    def of(self, rows: Numbers) -> Iterator[Condition]:
        """The conditions of each user's row, the cap included."""
        applies = (rows > 0) & self._in_table(rows)
        for name, (_, fails_as, unknown_as) in THRESHOLDS.items():
            threshold, fact = self._thresholds[name][rows], self._facts[name]
            # A threshold of 0 requires nothing, except of a balance, which may be negative.
            counts = applies if name == "min_available" else applies & (threshold > 0)
            yield Condition(fails_as, unknown_as, counts & fact.known & (fact.values < threshold), counts & ~fact.known)
        yield from self.within_cap(rows)

    def within_cap(self, rows: Numbers) -> Iterator[Condition]:
        """Whether each user's tier with its fee is within the cap, by what limits the cap."""
        afford, applies = self._affordable, self._in_table(rows)
        due = self._due[rows]
        trusted = applies & afford.known & ~afford.untrusted
        fails = {
            "limit_income_irregular": applies & afford.untrusted,
            "limit_pay_low": trusted & (afford.from_pay < due),
            "limit_free_income_low": trusted & (afford.from_free < due),
        }
        unknown = applies & ~afford.known
        return (Condition(code, "limit_affordability_unknown", mask, unknown) for code, mask in fails.items())

    @cached_property
    def target(self) -> tuple[Numbers, Mask]:
        """The highest tier that the table and the cap allow, at least the lowest, and where it is known."""
        least = np.full(len(self._affordable.known), self.amounts[0])
        most = least.copy()
        for row, amount in enumerate(self.amounts[1:], start=1):
            conditions = list(self.of(np.full(len(least), row)))
            possible = ~fails_any(conditions)
            most[possible] = amount
            least[possible & ~unknown_any(conditions)] = amount
        return least, least == most

    def _in_table(self, rows: Numbers) -> Mask:
        return cast("Mask", rows < len(self.amounts))
