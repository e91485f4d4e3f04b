"""What a user can afford to owe: the cap on a limit, from the pay, how far it is trusted, and the account's health.

    health = on_time · repaid on time of the last six repayments
           + balance · days that ended at 50 or more, of those whose balance is known
           + overdraft · (1 - days that ended below zero, of those)
           + steadiness · (1 - coefficient of variation of the income, at most 1)
           + history · days of history over those that count in full, at most 1
    cap    = the lower of (base_share + health_share · health) · confidence · pay
             and free_share · (pay - essential spending and debt service of a pay period - advances due to others),
             at least 0

Exact: integers only, shares as basis points. **The one rounding** is that of health, down to a millionth, which costs
less than a cent on a pay below 50,000.00. Down to the minor unit and then to a tier is no further rounding, since
tiers and their fees are whole minor units. The coefficient of variation, the only input that is no integer, is read in
millionths.

Overflow: within 64 bits for every pay up to MAX_MINOR (10¹² minor units), up to 60 days of balances and 2,000 days of
full history. The largest terms are 60 · 60 · 2,000 · 10⁶ · 10⁶ = 7.2 · 10¹⁸ in the health and 10¹² · 10⁶ in the cap.
"""

from dataclasses import dataclass
from typing import Any, cast

import numpy as np
import pandas as pd
from pandas.arrays import FloatingArray

from rules.core.columns import Columns, Mask
from rules.limits.decision_table import AMOUNTS
from rules.limits.integers import Integers, Numbers, series, to_integers
from rules.limits.policy_sections import BASIS_POINTS, AffordabilityTerms, HealthWeights, basis_points
from rules.limits.tiers import DUE
from underwriting.domain.money import MAX_MINOR

MILLION = 1_000_000
# The facts look at six repayments and sixty days: rules/facts/histories.yaml. 60 is a multiple of 1 to 6.
_REPAYMENTS = 6
_DAYS = 60
# What is taken from a pay before anything of it is free.
_TAKES = ("essential_spend_per_pay", "debt_service_per_pay", "competitor_advances_due")


@dataclass(frozen=True)
class Affordable:
    """The cap of every row, minor units, with what it comes from; meaningless where it is not `known`.

    `health` is in millionths. `from_pay` and `from_free` are the two caps of which the lower counts; both are 0 where
    the income is known to come too rarely to be trusted at all.
    """

    health: Numbers
    from_pay: Numbers
    from_free: Numbers
    untrusted: Mask
    known: Mask

    @property
    def cap(self) -> Numbers:
        """The lower of both caps, down to the minor unit."""
        return np.minimum(self.from_pay, self.from_free)

    @property
    def tier(self) -> Numbers:
        """The highest tier whose amount and fee are within the cap; 0 below the lowest."""
        amounts, due = np.array([0, *AMOUNTS], np.int64), np.array([0, *map(DUE.get, AMOUNTS)], np.int64)
        down: Numbers = amounts[np.searchsorted(due, self.cap, side="right") - 1]
        return down


def affordable(terms: AffordabilityTerms, facts: Columns) -> Affordable:
    """What each user can afford. Not known where an input is not, unless income too rare to trust makes it 0."""
    pay, deposits = to_integers(facts["recurring_deposit_amount"]), to_integers(facts["recurring_deposits"])
    health = _health(terms.health, terms.full_history_days, facts)
    trust = _trust(terms, deposits)
    takes = [to_integers(facts[name]) for name in _TAKES]
    free = pay.values - np.sum([each.values for each in takes], axis=0)
    untrusted = deposits.known & (trust == 0)
    return Affordable(
        health=health.values,
        from_pay=np.where(untrusted, 0, _from_pay(terms, pay.within(0, MAX_MINOR), trust, health.values)),
        from_free=np.where(untrusted, 0, _from_free(terms, free)),
        untrusted=untrusted,
        known=untrusted | np.logical_and.reduce([each.known for each in (pay, deposits, health, *takes)]),
    )


def affordability_caps(terms: AffordabilityTerms, facts: pd.DataFrame) -> "pd.Series[Any]":
    """The cap of each row of a facts frame, minor units; NA where it is not known.

    Not down to a tier: what is compared with it is an amount with its fee, or an instalment of a loan.
    """
    found = affordable(terms, Columns(facts))
    return series(found.cap, found.known, facts.index).rename("affordability_cap")


def _trust(terms: AffordabilityTerms, deposits: Integers) -> Numbers:
    """How far the income is trusted, in percent, by the number of deposits."""
    percent: Numbers = np.array([0, *(int(row.share * 100) for row in terms.confidence)], np.int64)
    places = np.searchsorted([row.min_deposits for row in terms.confidence], deposits.values, side="right")
    trusted: Numbers = percent[places]
    return trusted


def _from_pay(terms: AffordabilityTerms, pay: Numbers, trust: Numbers, health: Numbers) -> Numbers:
    """The share of the pay, rounded down. The share counts 10⁻¹² and is multiplied in two halves, exactly."""
    share: Numbers = trust * (basis_points(terms.base_share) * MILLION + basis_points(terms.health_share) * health)
    return (pay * (share // MILLION) + pay * (share % MILLION) // MILLION) // MILLION


def _from_free(terms: AffordabilityTerms, free: Numbers) -> Numbers:
    """The share of what a pay leaves, rounded down; 0 where it leaves nothing."""
    return np.maximum(free, 0) * basis_points(terms.free_share) // BASIS_POINTS


def _health(weights: HealthWeights, full_history_days: int, facts: Columns) -> Integers:
    """The account's health in millionths: all parts over one denominator, then the one rounding.

    Whoever never owed us a repayment has no share of them on time: nothing is proven yet. Without a day whose
    balance is known there is no health to speak of.
    """
    repaid, repayments = to_integers(facts["on_time_of_6"]), to_integers(facts["repayments_of_6"])
    healthy, overdrawn = to_integers(facts["healthy_days_60d"]), to_integers(facts["overdraft_days_60d"])
    history, days = to_integers(facts["history_days"]), to_integers(facts["balance_days_60d"])
    variation, variation_known = _millionths(facts)
    due, seen = repayments.within(0, _REPAYMENTS), days.within(0, _DAYS)
    # Every part as a numerator over `due`, `seen`, `seen`, a million and the full history.
    on_time = np.clip(repaid.values, 0, due) * (_DAYS // np.maximum(due, 1))
    good, calm = np.clip(healthy.values, 0, seen), seen - np.clip(overdrawn.values, 0, seen)
    long = history.within(0, full_history_days)
    whole_history = full_history_days * MILLION
    sum_of_parts = (
        basis_points(weights.on_time) * on_time * seen * whole_history
        + (basis_points(weights.balance) * good + basis_points(weights.overdraft) * calm) * _DAYS * whole_history
        + basis_points(weights.steadiness) * (MILLION - variation) * _DAYS * seen * full_history_days
        + basis_points(weights.history) * long * _DAYS * seen * MILLION
    )
    denominator = _DAYS * np.maximum(seen, 1) * whole_history
    inputs = (repaid, repayments, healthy, overdrawn, history, days)
    known = np.logical_and.reduce([each.known for each in inputs]) & variation_known & (seen > 0)
    return Integers(sum_of_parts * (MILLION // BASIS_POINTS) // denominator, known)


def _millionths(facts: Columns) -> tuple[Numbers, Mask]:
    """The coefficient of variation in millionths, to the nearest, at most a million; and where it is known."""
    column = facts["recurring_income_cv"]
    ratio = np.clip(cast("FloatingArray", column).to_numpy(np.float64, na_value=0.0), 0.0, 1.0)
    return np.rint(ratio * MILLION).astype(np.int64), ~column.isna()
