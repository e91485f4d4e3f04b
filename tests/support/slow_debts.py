"""Open advances for the second calculator: each provider's advances, matched with what was repaid to it."""

from collections.abc import Sequence
from datetime import date
from fractions import Fraction

# What a repayment may exceed an advance by, as the fee of that advance.
FEE_SHARE = Fraction(3, 10)


def open_principals(lines: Sequence[tuple[str, date, int]]) -> dict[str, int]:
    """What is open with each provider, of lines (provider, day, amount); money in is an advance."""
    return {name: _open([(day, amount) for who, day, amount in lines if who == name]) for name, _, _ in lines}


def _open(lines: Sequence[tuple[date, int]]) -> int:
    """Day by day: what was lent is added, what was repaid of it is taken off, and nobody is owed less than nothing."""
    due = 0
    for day in sorted({day for day, _ in lines}):
        lent = [amount for when, amount in lines if when <= day and amount > 0]
        due += sum(amount for when, amount in lines if when == day and amount > 0)
        due -= sum(_principal(-amount, lent) for when, amount in lines if when == day and amount < 0)
        due = max(0, due)
    return due


def _principal(repaid: int, lent: Sequence[int]) -> int:
    """The largest advance that was repaid with its fee; all of it where there is none."""
    return max((each for each in lent if each <= repaid <= each * (1 + FEE_SHARE)), default=repaid)
