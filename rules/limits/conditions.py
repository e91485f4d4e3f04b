"""Whether a row of the decision table is met within the cap, condition by condition, each with its reason code."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from decimal import Decimal
from functools import cached_property

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
    """Where one condition fails and where it is not known, with the reason code of each."""

    fails_as: str
    unknown_as: str
    fails: Mask
    unknown: Mask


# A row's thresholds, the fact that each is about, and the reasons. The policy says which balance it is.
_ASKED = {
    "min_float_rank": ("float_rank", "limit_float_rank_low", "limit_floats_unknown"),
    "min_subscription_rank": ("subscription_rank", "limit_subscription_rank_low", "limit_subscription_unknown"),
    "min_available": ("balance", "limit_available_balance_low", "limit_available_balance_unknown"),
    "min_repaid": ("largest_repaid", "limit_repaid_amount_low", "limit_floats_unknown"),
}


def fails_any(conditions: Sequence[Condition]) -> Mask:
    """Where at least one is known to fail."""
    fails: Mask = np.logical_or.reduce([each.fails for each in conditions])
    return fails


def unknown_any(conditions: Sequence[Condition]) -> Mask:
    """Where at least one is not known."""
    unknown: Mask = np.logical_or.reduce([each.unknown for each in conditions])
    return unknown


def _less(asked: Numbers, share: Decimal) -> Numbers:
    """What is asked, less a share of it, rounded up: a balance may be negative, and is asked for less then, too."""
    less: Numbers = asked - np.abs(asked) * basis_points(share) // BASIS_POINTS
    return less


class TableConditions:
    """The policy's table over all rows of facts, by places: 0 is the lowest tier, which asks nothing but the cap.

    `amounts` are the tiers by place. The place behind the last is that of limits above the table: nothing to meet.
    With `dead_band`, balance and cap may lie below what a tier asks by that share of it: so a limit is kept.
    """

    def __init__(
        self, policy: LimitPolicy, facts: Columns, affordable: Affordable, dead_band: Decimal = Decimal(0)
    ) -> None:
        self.amounts = np.array([AMOUNTS[0], *(row.tier for row in policy.table)], np.int64)
        self._asked = {name: np.array([0, *(row.asked[name] for row in policy.table), 0]) for name in _ASKED}
        self._asked["min_available"] = _less(self._asked["min_available"], dead_band)
        self._due = _less(np.array([*(DUE[amount] for amount in self.amounts.tolist()), 0], np.int64), dead_band)
        named = {name: policy.balance if fact == "balance" else fact for name, (fact, _, _) in _ASKED.items()}
        self._facts: dict[str, Integers] = {name: to_integers(facts[fact]) for name, fact in named.items()}
        self._affordable = affordable

    def next_place(self, limits: Numbers) -> Numbers:
        """The place of the lowest tier above each limit."""
        return np.searchsorted(self.amounts, limits, side="right").astype(np.int64)

    def own_place(self, limits: Numbers) -> Numbers:
        """The place of the tier that each limit is, or of the lowest above it where it is none."""
        return np.searchsorted(self.amounts, limits, side="left").astype(np.int64)

    def of(self, places: Numbers) -> Iterator[Condition]:
        """What the row at each user's place asks of that user, the cap included."""
        asks = (places > 0) & self._in_table(places)
        for name, (_, fails_as, unknown_as) in _ASKED.items():
            asked, fact = self._asked[name][places], self._facts[name]
            # A threshold of 0 asks nothing, except of a balance, which may be negative.
            counts = asks if name == "min_available" else asks & (asked > 0)
            yield Condition(fails_as, unknown_as, counts & fact.known & (fact.values < asked), counts & ~fact.known)
        yield from self.within_cap(places)

    def within_cap(self, places: Numbers) -> Iterator[Condition]:
        """The cap against each user's tier with its fee, by what bounds it: rhythm of the pay, amount, rest."""
        afford, asks = self._affordable, self._in_table(places)
        due = self._due[places]
        judged = asks & afford.known & ~afford.untrusted
        fails = {
            "limit_income_irregular": asks & afford.untrusted,
            "limit_pay_low": judged & (afford.from_pay < due),
            "limit_free_income_low": judged & (afford.from_free < due),
        }
        unknown = asks & ~afford.known
        return (Condition(code, "limit_affordability_unknown", mask, unknown) for code, mask in fails.items())

    @cached_property
    def target(self) -> tuple[Numbers, Mask]:
        """The highest tier that the table and the cap allow, the lowest at least, and where it is known."""
        least = np.full(len(self._affordable.known), self.amounts[0])
        most = least.copy()
        for place, amount in enumerate(self.amounts[1:], start=1):
            conditions = list(self.of(np.full(len(least), place)))
            possible = ~fails_any(conditions)
            most[possible] = amount
            least[possible & ~unknown_any(conditions)] = amount
        return least, least == most

    def _in_table(self, places: Numbers) -> Mask:
        inside: Mask = places < len(self.amounts)
        return inside
