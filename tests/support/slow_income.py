"""Recurring income for the second calculator: which deposits of a payer make a stream, and what they come to."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal, localcontext
from fractions import Fraction
from itertools import pairwise
from math import ceil, floor
from typing import NamedTuple

# Days between deposits of a weekly stream, of a fortnightly or half-monthly one, of a monthly one; both ends included.
CADENCES = ((5, 9), (11, 19), (25, 36))
PARTS = 5
LATEST = 6


class Deposit(NamedTuple):
    """What one payer paid on one day."""

    day: date
    amount: int


def middle(values: Sequence[int]) -> Fraction:
    """The median."""
    ordered = sorted(values)
    return Fraction(ordered[(len(ordered) - 1) // 2] + ordered[len(ordered) // 2], 2)


@dataclass(frozen=True)
class Stream:
    """Deposits of one payer, the latest first, and the days of a pay period."""

    payer: str
    deposits: Sequence[Deposit]
    period: int

    @property
    def per_pay(self) -> int:
        """The 25th percentile, by the nearest rank from below: of n the one in place ⌈n / 4⌉."""
        return sorted(each.amount for each in self.deposits)[ceil(Fraction(len(self.deposits), 4)) - 1]

    @property
    def a_day(self) -> Fraction:
        return Fraction(self.per_pay, self.period)

    @property
    def variation(self) -> float:
        amounts = [each.amount for each in self.deposits]
        mean = Fraction(sum(amounts), len(amounts))
        variance = sum(((amount - mean) ** 2 for amount in amounts), Fraction(0)) / (len(amounts) - 1)
        with localcontext() as context:
            context.prec = 40
            deviation = (Decimal(variance.numerator) / Decimal(variance.denominator)).sqrt()
            return float(deviation / (Decimal(mean.numerator) / Decimal(mean.denominator)))

    def days_since(self, as_of: date) -> int:
        return (as_of - self.deposits[0].day).days


def running_streams(paid: Mapping[str, Sequence[Deposit]], as_of: date) -> list[Stream]:
    """The streams that run on `as_of`, one of a payer at most."""
    found = [stream for payer, deposits in paid.items() if (stream := _stream(payer, deposits))]
    return [stream for stream in found if stream.days_since(as_of) <= 2 * stream.period]


def _stream(payer: str, deposits: Sequence[Deposit]) -> Stream | None:
    latest = sorted(deposits, reverse=True)[:LATEST]
    gaps = [(after.day - before.day).days for after, before in pairwise(latest)]
    longest = _longest_gap(gaps)
    if longest is None:
        return None
    kept = [latest[0]]
    for gap, deposit in zip(gaps, latest[1:], strict=True):
        if gap > 2 * longest:
            break
        kept.append(deposit)
    periods = [gap for gap in gaps[: len(kept) - 1] if gap >= PARTS]
    return Stream(payer, kept, floor(middle(periods))) if periods else None


def _longest_gap(gaps: Sequence[int]) -> int | None:
    """The longest gap of the cadence that more than half of the gaps keep, parts of one pay aside."""
    pays = [gap for gap in gaps if gap >= PARTS]
    for shortest, longest in CADENCES:
        if sum(shortest <= gap <= longest for gap in pays) > Fraction(len(pays), 2):
            return longest
    return None


def essential_spend_per_pay(
    period: int, covered_from: date, covered_to: date, as_of: date, spent: Sequence[tuple[date, int]]
) -> int:
    """What was spent in those of the last 90 days that are covered, a day, for a pay period; rounded up."""
    first = max(covered_from, as_of - timedelta(days=89))
    days = (covered_to - first).days + 1
    return ceil(Fraction(sum(amount for day, amount in spent if day >= first), days) * period)
