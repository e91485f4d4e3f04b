"""Recurring income for the second calculator: which deposits of a payer make a stream, and what they come to."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal, localcontext
from fractions import Fraction
from itertools import pairwise, takewhile
from math import ceil, floor
from typing import NamedTuple

# How often people are paid, as the days between two pays: weekly, every ten days, fortnightly or half-monthly, monthly.
CADENCES = ((5, 9), (8, 13), (11, 19), (25, 36))
# Parts of one pay lie less than so many days apart; what goes on for longer than a week is added up to weeks.
PARTS, WEEK = 5, 7
LATEST = 6
# Income without a rhythm: so many windows of so many days in a row.
WINDOW, WINDOWS = 30, 3


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


def pays_of(paid: Mapping[date, int], least: int) -> list[Deposit]:
    """One payer's pays, the latest first: what lies close together is one, or one for each week that it lasts."""
    chains: list[list[date]] = []
    for day in sorted(paid, reverse=True):
        if chains and (chains[-1][-1] - day).days < PARTS:
            chains[-1].append(day)
        else:
            chains.append([day])
    sums: dict[date, int] = {}
    for chain in chains:
        for day in chain:
            pay = chain[0] - timedelta(days=(chain[0] - day).days // WEEK * WEEK)
            sums[pay] = sums.get(pay, 0) + paid[day]
    return [Deposit(day, amount) for day, amount in sums.items() if amount >= least]


def streams_of(paid: Mapping[str, Mapping[date, int]], least: int) -> list[Stream]:
    """The streams, running or ended, one of a payer at most."""
    found = (_stream(payer, pays_of(days, least)) for payer, days in paid.items())
    return [stream for stream in found if stream]


def running(streams: Sequence[Stream], as_of: date) -> list[Stream]:
    """Those that run on `as_of`."""
    return [each for each in streams if len(each.deposits) > 1 and each.days_since(as_of) <= 2 * each.period]


def irregular_stream(paid: Sequence[Deposit], as_of: date, first: date, least: int) -> Stream | None:
    """What was paid without a rhythm, by windows back from `as_of`, where enough of them in a row reach `least`."""
    sums: list[Deposit] = []
    for number in range(300 // WINDOW):
        end = as_of - timedelta(days=number * WINDOW)
        inside = [each for each in paid if end - timedelta(days=WINDOW) < each.day <= end]
        total = sum(each.amount for each in inside)
        if total < least or first > end - timedelta(days=WINDOW - 1):
            break
        sums.append(Deposit(max(each.day for each in inside), total))
    return Stream("", sums[:LATEST], WINDOW) if len(sums) >= WINDOWS else None


def irregular_days(paid: Sequence[Deposit], as_of: date, least: int) -> int:
    """On how many of the last 90 days something was paid, of the windows that reach `least`."""
    count = 0
    for number in range(90 // WINDOW):
        end = as_of - timedelta(days=number * WINDOW)
        inside = [each for each in paid if end - timedelta(days=WINDOW) < each.day <= end]
        if sum(each.amount for each in inside) >= least:
            count += len({each.day for each in inside})
    return count


def _stream(payer: str, deposits: Sequence[Deposit]) -> Stream | None:
    latest = deposits[:LATEST]
    gaps = [(after.day - before.day).days for after, before in pairwise(latest)]
    for shortest, longest in CADENCES:
        regular = [gap for gap in gaps if shortest <= gap <= longest]
        if len(regular) > Fraction(len(gaps), 2):
            most = 2 * longest
            kept = 1 + len(list(takewhile(most.__ge__, gaps)))
            return Stream(payer, latest[:kept], floor(middle(regular)))
    return None


def per_pay(spent: int, days: int, period: int) -> int:
    """What was spent in so many days, for a pay period; rounded up."""
    return ceil(Fraction(spent, days) * period)
