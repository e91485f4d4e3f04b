"""The affordability cap on a limit: from the pay, how far it is trusted, and the account's health.

    health = on_time · repaid on time of the last six repayments
           + balance · days that ended at 50 or more, of those whose balance is known
           + overdraft · (1 - days that ended below zero, of those)
           + steadiness · (1 - coefficient of variation of the income, at most 1)
           + history · days of history over those that count in full, at most 1
    cap    = the lower of (base_share + health_share · health) · confidence · pay
             and free_share · (pay - essential spending and debt service of a pay period - advances due to others),
             at least 0

The arithmetic is exact: integers only, shares as basis points. **The one rounding** is that of health, down to a
millionth, which costs less than a cent on a pay below 50,000.00. Rounding down to the minor unit does not change the
tier, since tiers and their fees are whole minor units. The coefficient of variation, the only input that is not an
integer, is read in millionths.

Overflow: the arithmetic stays within 64 bits for every pay up to MAX_MINOR (10¹² minor units), up to 60 days of
balances and 2,000 days of full history. The largest terms are 60 · 60 · 2,000 · 10⁶ · 10⁶ = 7.2 · 10¹⁸ in the health
and 10¹² · 10⁶ in the cap.
"""

from dataclasses import dataclass
from typing import Any, cast

import numpy as np
import pandas as pd
from pandas.arrays import FloatingArray

from rules.core.columns import Columns, Mask
from rules.limits.decision_table import AMOUNTS
from rules.limits.integers import Integers, Numbers, integer_facts, series
from rules.limits.policy_sections import BASIS_POINTS, AffordabilitySection, HealthWeights, basis_points
from rules.limits.tiers import DUE
from underwriting.domain.money import MAX_MINOR

MILLION = 1_000_000
# The facts look at six repayments and sixty days: rules/facts/histories.yaml. 60 is a multiple of 1 to 6.
_REPAYMENTS = 6
_DAYS = 60
_HEALTH_FACTS = (
    "on_time_of_6",
    "repayments_of_6",
    "healthy_days_60d",
    "overdraft_days_60d",
    "history_days",
    "balance_days_60d",
)
# These are subtracted from a pay; the rest is free.
_COMMITTED = ("essential_spend_per_pay", "debt_service_per_pay", "competitor_advances_due")


@dataclass(frozen=True)
class Affordable:
    """The cap of every row, minor units, and its parts; meaningless where it is not `known`.

    `health` is in millionths. `from_pay` and `from_free` are the two caps of which the lower counts. Both are 0 where
    the income is `untrusted`: known to come too rarely to count at all.
    """

    health: Numbers
    from_pay: Numbers
    from_free: Numbers
    untrusted: Mask
    known: Mask

    @property
    def cap(self) -> Numbers:
        """The lower of both caps."""
        return np.minimum(self.from_pay, self.from_free)

    @property
    def tier(self) -> Numbers:
        """The highest tier whose amount and fee are within the cap; 0 below the lowest."""
        amounts, due = np.array([0, *AMOUNTS], np.int64), np.array([0, *map(DUE.get, AMOUNTS)], np.int64)
        down: Numbers = amounts[np.searchsorted(due, self.cap, side="right") - 1]
        return down


def affordable(section: AffordabilitySection, facts: Columns) -> Affordable:
    """What each user can afford. It is not known where an input is not, unless the income is untrusted."""
    pay, deposits = integer_facts(facts, "recurring_deposit_amount", "recurring_deposits")
    health = _health(section.health, section.full_history_days, facts)
    trust = _trust(section, deposits)
    committed = integer_facts(facts, *_COMMITTED)
    free = pay.values - np.sum([each.values for each in committed], axis=0)
    untrusted = deposits.known & (trust == 0)
    return Affordable(
        health=health.values,
        from_pay=np.where(untrusted, 0, _from_pay(section, pay.within(0, MAX_MINOR), trust, health.values)),
        from_free=np.where(untrusted, 0, _from_free(section, free)),
        untrusted=untrusted,
        known=untrusted | np.logical_and.reduce([each.known for each in (pay, deposits, health, *committed)]),
    )


def affordability_caps(section: AffordabilitySection, facts: pd.DataFrame) -> "pd.Series[Any]":
    """The cap of each row of a facts frame, minor units; NA where it is not known.

    It is not rounded down to a tier: it is compared with an amount and its fee, or with an instalment of a loan.
    """
    found = affordable(section, Columns(facts))
    return series(found.cap, found.known, facts.index).rename("affordability_cap")


def _trust(section: AffordabilitySection, deposits: Integers) -> Numbers:
    """How far the income is trusted, in percent, by the number of deposits."""
    percent: Numbers = np.array([0, *(int(row.share * 100) for row in section.confidence)], np.int64)
    return percent[np.searchsorted([row.min_deposits for row in section.confidence], deposits.values, side="right")]


def _from_pay(section: AffordabilitySection, pay: Numbers, trust: Numbers, health: Numbers) -> Numbers:
    """The share of the pay, rounded down. The share is in 10⁻¹², and multiplied in two halves to avoid overflow."""
    share: Numbers = trust * (basis_points(section.base_share) * MILLION + basis_points(section.health_share) * health)
    return (pay * (share // MILLION) + pay * (share % MILLION) // MILLION) // MILLION


def _from_free(section: AffordabilitySection, free: Numbers) -> Numbers:
    """The share of the free part of a pay, rounded down; 0 where nothing is free."""
    return np.maximum(free, 0) * basis_points(section.free_share) // BASIS_POINTS


def _health(weights: HealthWeights, full_history_days: int, facts: Columns) -> Integers:
    """The account's health in millionths: all parts over one denominator, then the one rounding.

    The share of repayments on time is 0 for users who never owed us one. Health is not known without a day whose
    balance is known.
    """
    inputs = integer_facts(facts, *_HEALTH_FACTS)
    repaid, repayments, healthy, overdrawn, history, days = inputs
    variation, variation_known = _millionths(facts)
    due, seen = repayments.within(0, _REPAYMENTS), days.within(0, _DAYS)
    # The denominators of the five parts: `due`, `seen`, `seen`, a million and the full history.
    on_time = np.clip(repaid.values, 0, due) * (_DAYS // np.maximum(due, 1))
    good, not_overdrawn = np.clip(healthy.values, 0, seen), seen - np.clip(overdrawn.values, 0, seen)
    history_days = history.within(0, full_history_days)
    full_history = full_history_days * MILLION
    sum_of_parts = (
        basis_points(weights.on_time) * on_time * seen * full_history
        + (basis_points(weights.balance) * good + basis_points(weights.overdraft) * not_overdrawn)
        * _DAYS
        * full_history
        + basis_points(weights.steadiness) * (MILLION - variation) * _DAYS * seen * full_history_days
        + basis_points(weights.history) * history_days * _DAYS * seen * MILLION
    )
    denominator = _DAYS * np.maximum(seen, 1) * full_history
    known = np.logical_and.reduce([each.known for each in inputs]) & variation_known & (seen > 0)
    return Integers(sum_of_parts * (MILLION // BASIS_POINTS) // denominator, known)


def _millionths(facts: Columns) -> tuple[Numbers, Mask]:
    """The coefficient of variation in millionths, to the nearest, at most a million; and where it is known."""
    column = facts["recurring_income_cv"]
    ratio = np.clip(cast("FloatingArray", column).to_numpy(np.float64, na_value=0.0), 0.0, 1.0)
    return np.rint(ratio * MILLION).astype(np.int64), ~column.isna()
