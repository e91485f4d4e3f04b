"""Open advances for the second calculator: each provider's advances, matched with what was repaid to it."""

from collections.abc import Sequence
from datetime import date
from fractions import Fraction

# What a repayment may exceed an advance by, as the fee of that advance; and the days in which an advance falls due.
FEE_SHARE, TERM = Fraction(3, 10), 35


def open_principals(lines: Sequence[tuple[str, date, int]]) -> dict[str, int]:
    """What is open with each provider, of lines (provider, day, amount); money in is an advance."""
    return {name: _open([(day, amount) for who, day, amount in lines if who == name]) for name, _, _ in lines}


def _open(lines: Sequence[tuple[date, int]]) -> int:
    """Day by day: what was lent is added, what was repaid of it is taken off, and nobody is owed less than nothing."""
    due = 0
    lent: list[tuple[date, int]] = []
    for day, amount in sorted(lines, key=lambda line: (line[0], -line[1])):
        if amount > 0:
            due += amount
            lent.append((day, amount))
        else:
            due = max(0, due - _principal(-amount, day, lent, due))
    return due


def _principal(paid: int, day: date, lent: Sequence[tuple[date, int]], due: int) -> int:
    """The largest advance that was repaid with its fee; nothing where only the fee was paid; else all of it."""
    repaid = [(when, each) for when, each in lent if each <= paid <= each * (1 + FEE_SHARE)]
    largest = max((each for _, each in lent), default=0)
    lately = any((day - when).days <= TERM for when, _ in repaid)
    if not lately and paid <= FEE_SHARE * min(due, largest):
        return 0
    return max((each for _, each in repaid), default=paid)
