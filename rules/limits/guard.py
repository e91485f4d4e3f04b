"""The guard: whether what a run came to may be applied, or waits for a person.

A run that raises half of all users, or lowers them, is more likely a fault in the data than a change in the users. Each
figure is a share of the users or an amount per user. It is judged against the policy's ceiling and, once there are
enough earlier runs, against the band around their median. Computed in fractions: exact.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from fractions import Fraction
from statistics import median
from typing import Protocol

from rules.limits.terms import GuardTerms, MoneyBand, ShareBand


class RunTotals(Protocol):
    """What a run came to, over all its users."""

    @property
    def users(self) -> int:
        """Users judged."""

    @property
    def raised(self) -> int:
        """Users raised."""

    @property
    def lowered(self) -> int:
        """Users lowered."""

    @property
    def unknown(self) -> int:
        """Users of whom a gate or the cap is not known."""

    @property
    def money_up(self) -> int:
        """What the raises add to all limits together, minor units."""


class GuardVerdict(StrEnum):
    """What is to be done with a run's decisions."""

    RELEASE = "release"
    HOLD = "hold"


@dataclass(frozen=True)
class GuardWord:
    """The verdict, and for each figure out of its band a sentence for the person who has to look at it."""

    verdict: GuardVerdict
    reasons: tuple[str, ...] = ()


@dataclass(frozen=True)
class _Figure:
    """One figure of a run and of earlier ones, and how many users make it up."""

    says: str
    users: int
    value: Fraction
    usual: tuple[Fraction, ...]
    band: ShareBand | MoneyBand


def judge_run(terms: GuardTerms, totals: RunTotals, earlier: Sequence[RunTotals]) -> GuardWord:
    """Whether the run is released or held, by its totals and those of earlier runs of the same kind, the latest last.

    Of the earlier runs only the last few of the policy count, and none without users. A figure that rests on no more
    than the policy's `few_moves` users is never too high: a run for one user raises everybody or nobody. A figure may
    also be too low: a run that raises nobody where a tenth is usual has not seen its data.
    """
    last = [run for run in earlier if run.users > 0][-terms.last_runs :]
    usual = last if len(last) >= terms.min_runs else []
    reasons = tuple(reason for figure in _figures(terms, totals, usual) for reason in _complaints(figure, terms))
    return GuardWord(GuardVerdict.HOLD if reasons else GuardVerdict.RELEASE, reasons)


def _figures(terms: GuardTerms, totals: RunTotals, usual: Sequence[RunTotals]) -> Iterator[_Figure]:
    """The four figures that a policy has bands for; none of a run without users."""
    if totals.users == 0:
        return
    for says, name, users, band in (
        ("raised", "raised", totals.raised, terms.share_raised),
        ("lowered", "lowered", totals.lowered, terms.share_lowered),
        ("not known well enough to judge", "unknown", totals.unknown, terms.share_unknown),
        ("added to the limit of the average user", "money_up", totals.raised, terms.money_up),
    ):
        value = Fraction(getattr(totals, name), totals.users)
        yield _Figure(says, users, value, tuple(Fraction(getattr(run, name), run.users) for run in usual), band)


def _complaints(figure: _Figure, terms: GuardTerms) -> Iterator[str]:
    """What is wrong with a figure, at most one thing: it lies above the ceiling, above the band or below it."""
    band = figure.band
    ceiling, times, slack = Fraction(band.ceiling), Fraction(band.times), Fraction(band.slack)
    many = figure.users > terms.few_moves
    if many and figure.value > ceiling:
        yield f"{_shown(figure.value, band)} {figure.says}; the policy's ceiling is {_shown(ceiling, band)}"
    elif figure.usual:
        middle = median(figure.usual)
        most, least = middle * times + slack, middle / times - slack
        if figure.value < least or (many and figure.value > most):
            yield (
                f"{_shown(figure.value, band)} {figure.says}; the last {len(figure.usual)} runs had "
                f"{_shown(middle, band)} (median), so that {_shown(max(least, Fraction(0)), band)} to "
                f"{_shown(min(most, ceiling), band)} is usual"
            )


def _shown(value: Fraction, band: ShareBand | MoneyBand) -> str:
    """A share in percent, an amount in minor units, each with two decimals."""
    return f"{float(value * 100):.2f}%" if isinstance(band, ShareBand) else f"{float(value):.2f} minor units"
