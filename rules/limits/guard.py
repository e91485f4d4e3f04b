"""The guard: whether what a run came to may be applied, or waits for a person.

A run that raises half of all users, or lowers them, is more likely a fault in the data than a change in the users; so
is one that raises nobody where some are usual. A share of users is judged against the policy's ceiling and, once there
are enough earlier runs, against the band around their median; before that, against the band of first runs. Of few
users a share varies by chance, so every bound gives way by a binomial band of 99.9%. Money is judged in the same way,
upwards.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from fractions import Fraction
from statistics import median
from typing import Protocol

from rules.limits.binomial import least_by_chance, most_by_chance
from rules.limits.policy_sections import GuardTerms, MoneyBand, ShareBand


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
    def paused(self) -> int:
        """Users whose product was paused."""

    @property
    def unknown(self) -> int:
        """Users of whom a fact is missing that the decision needed."""

    @property
    def money_up(self) -> int:
        """What the raises add to all limits together, minor units."""

    @property
    def money_down(self) -> int:
        """What the decreases take from all limits together, minor units."""

    @property
    def reasons(self) -> Mapping[str, int]:
        """Users by reason code; a user has up to four."""


class GuardVerdict(StrEnum):
    """What is to be done with a run's decisions."""

    RELEASE = "release"
    HOLD = "hold"


@dataclass(frozen=True)
class GuardResult:
    """The verdict, and for each figure out of its band a sentence for the person who has to look at it."""

    verdict: GuardVerdict
    reasons: tuple[str, ...] = ()


@dataclass(frozen=True)
class _Bounds:
    """The least and the most that a figure may be for each user, and why."""

    least: Fraction
    most: Fraction
    why: str


def check_run(terms: GuardTerms, totals: RunTotals, earlier: Sequence[RunTotals]) -> GuardResult:
    """Whether the run is released or held, by its totals and those of earlier runs of the same kind, the latest last.

    Of the earlier runs only the last few of the policy count, and none without users.
    """
    last = [run for run in earlier if run.users > 0][-terms.last_runs :]
    usual = last if len(last) >= terms.min_runs else []
    found = (*_shares(terms, totals, usual), *_money(terms, totals, usual)) if totals.users else ()
    return GuardResult(GuardVerdict.HOLD if found else GuardVerdict.RELEASE, found)


def _shares(terms: GuardTerms, totals: RunTotals, usual: Sequence[RunTotals]) -> Iterator[str]:
    """What is wrong with the shares of users, by what became of them and by reason."""
    for says, name, band in (
        ("raised", "raised", terms.share_raised),
        ("lowered", "lowered", terms.share_lowered),
        ("paused", "paused", terms.share_paused),
        ("not known well enough to judge", "unknown", terms.share_unknown),
    ):
        earlier = [Fraction(getattr(run, name), run.users) for run in usual]
        yield from _share_trouble(says, getattr(totals, name), totals.users, band, earlier)
    for code in sorted({*totals.reasons, *(code for run in usual for code in run.reasons)}):
        earlier = [Fraction(run.reasons.get(code, 0), run.users) for run in usual]
        yield from _share_trouble(
            f"with the reason {code}", totals.reasons.get(code, 0), totals.users, terms.share_reason, earlier
        )


def _share_trouble(says: str, count: int, users: int, band: ShareBand, earlier: Sequence[Fraction]) -> Iterator[str]:
    ceiling = Fraction(band.ceiling)
    if count > most_by_chance(users, float(ceiling)):
        yield f"{_percent(count, users)} {says}; the policy's ceiling is {float(ceiling):.2%}"
        return
    bounds = _bounds(band, earlier, f"{float(median(earlier)):.2%}" if earlier else "")
    most = most_by_chance(users, float(min(bounds.most, ceiling)))
    least = least_by_chance(users, float(bounds.least))
    if not least <= count <= most:
        usual = f"{_percent(least, users)} to {_percent(most, users)}"
        yield f"{_percent(count, users)} {says}; {bounds.why}, so that {usual} is usual"


def _money(terms: GuardTerms, totals: RunTotals, usual: Sequence[RunTotals]) -> Iterator[str]:
    """What is wrong with the money that is added and taken, per user."""
    for says, name, moved, band in (
        ("added to the limit of the average user", "money_up", totals.raised, terms.money_up),
        ("taken from the limit of the average user", "money_down", totals.lowered, terms.money_down),
    ):
        earlier = [Fraction(getattr(run, name), run.users) for run in usual]
        yield from _money_trouble(says, getattr(totals, name), moved, totals.users, band, earlier)


def _money_trouble(
    says: str, money: int, moved: int, users: int, band: MoneyBand, earlier: Sequence[Fraction]
) -> Iterator[str]:
    value, ceiling = Fraction(money, users), Fraction(band.ceiling)
    if _too_much(value, ceiling, moved, users):
        yield f"{_minor(value)} {says}; the policy's ceiling is {_minor(ceiling)}"
        return
    bounds = _bounds(band, earlier, _minor(median(earlier)) if earlier else "")
    if _too_much(value, bounds.most, moved, users):
        yield f"{_minor(value)} {says}; {bounds.why}, so that up to {_minor(min(bounds.most, ceiling))} is usual"


def _too_much(value: Fraction, most: Fraction, moved: int, users: int) -> bool:
    """Whether more users moved than may by chance, if each move is as large as this run's and `most` is usual."""
    return value > most and moved > most_by_chance(users, float(most / (value * users / moved)))


def _bounds(band: ShareBand | MoneyBand, earlier: Sequence[Fraction], middle: str) -> _Bounds:
    """The band around the median of earlier runs, or that of first runs where there are too few."""
    if not earlier:
        return _Bounds(Fraction(0), Fraction(band.first_runs), "there are too few earlier runs to compare with")
    usual, times, slack = median(earlier), Fraction(band.times), Fraction(band.slack)
    why = f"the last {len(earlier)} runs had {middle} (median)"
    return _Bounds(max(Fraction(0), usual / times - slack), usual * times + slack, why)


def _percent(count: int, users: int) -> str:
    return f"{count / users:.2%}"


def _minor(amount: Fraction) -> str:
    return f"{float(amount):.2f} minor units"
