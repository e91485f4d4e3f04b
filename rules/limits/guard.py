"""The guard: whether the results of a run may be applied, or wait for a person.

If a run raises or lowers half of all users, or nobody where some are usual, the likely cause is a fault in the data. A
share of users is compared with the policy's ceiling and, once there are enough earlier runs, with the band around their
median; before that, with the band of first runs. Among few users a share varies by chance, so every bound is widened by
a binomial band of 99.9%. Money is compared in the same way, but only upwards.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from fractions import Fraction
from statistics import median
from typing import Protocol

from rules.limits.binomial import least_by_chance, most_by_chance
from rules.limits.policy_sections import GuardSection, MoneyBand, ShareBand
from rules.limits.tiers import CURRENCY
from underwriting.domain.money import amount_text


class RunTotals(Protocol):
    """The totals of a run over all its users."""

    @property
    def users(self) -> int:
        """Users with a decision."""

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
        """Users for whom a fact is missing that the decision needed."""

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
    """Whether a run's decisions are applied or held."""

    RELEASE = "release"
    HOLD = "hold"


@dataclass(frozen=True)
class GuardResult:
    """The verdict, and for each figure out of its band a sentence for the person who has to look at it."""

    verdict: GuardVerdict
    reasons: tuple[str, ...] = ()


@dataclass(frozen=True)
class _Bounds:
    """The lowest and the highest usual value of a figure per user, and why; None where no earlier runs say it."""

    least: Fraction
    most: Fraction
    why: str | None

    def says(self, usual: str, highest: str) -> str:
        """What is usual, and why; `highest` is the end of what a first run may have."""
        if self.why is None:
            return f"up to {highest} is accepted while there are too few earlier runs to compare with"
        return f"{self.why}, so that {usual} is usual"


def check_run(section: GuardSection, totals: RunTotals, earlier: Sequence[RunTotals]) -> GuardResult:
    """Release or hold the run, by its totals and those of earlier runs of the same kind, the latest last.

    Of the earlier runs with users, only as many of the last ones count as the policy says.
    """
    last = [run for run in earlier if run.users > 0][-section.last_runs :]
    usual = last if len(last) >= section.min_runs else []
    found = (*_shares(section, totals, usual), *_money(section, totals, usual)) if totals.users else ()
    return GuardResult(GuardVerdict.HOLD if found else GuardVerdict.RELEASE, found)


def _shares(section: GuardSection, totals: RunTotals, usual: Sequence[RunTotals]) -> Iterator[str]:
    """The problems with the shares of users, by move and by reason."""
    for what, name, band in (
        ("raised", "raised", section.share_raised),
        ("lowered", "lowered", section.share_lowered),
        ("paused", "paused", section.share_paused),
        ("not known well enough to judge", "unknown", section.share_unknown),
    ):
        earlier = [Fraction(getattr(run, name), run.users) for run in usual]
        yield from _share_problem(what, getattr(totals, name), totals.users, band, earlier)
    for code in sorted({*totals.reasons, *(code for run in usual for code in run.reasons)}):
        earlier = [Fraction(run.reasons.get(code, 0), run.users) for run in usual]
        yield from _share_problem(
            f"with the reason {code}", totals.reasons.get(code, 0), totals.users, section.share_reason, earlier
        )


def _share_problem(what: str, count: int, users: int, band: ShareBand, earlier: Sequence[Fraction]) -> Iterator[str]:
    ceiling = Fraction(band.ceiling)
    if count > most_by_chance(users, float(ceiling)):
        yield f"{_percent(count, users)} {what}; the policy's ceiling is {float(ceiling):.2%}"
        return
    bounds = _bounds(band, earlier, f"{float(median(earlier)):.2%}" if earlier else "")
    most = most_by_chance(users, float(min(bounds.most, ceiling)))
    least = least_by_chance(users, float(bounds.least))
    if not least <= count <= most:
        usual = f"{_percent(least, users)} to {_percent(most, users)}"
        yield f"{_percent(count, users)} {what}; {bounds.says(usual, _percent(most, users))}"


def _money(section: GuardSection, totals: RunTotals, usual: Sequence[RunTotals]) -> Iterator[str]:
    """The problems with the money that is added and taken, per user."""
    for what, name, moved, band in (
        ("added to the limit of the average user", "money_up", totals.raised, section.money_up),
        ("taken from the limit of the average user", "money_down", totals.lowered, section.money_down),
    ):
        earlier = [Fraction(getattr(run, name), run.users) for run in usual]
        yield from _money_problem(what, getattr(totals, name), moved, totals.users, band, earlier)


def _money_problem(
    what: str, money: int, moved: int, users: int, band: MoneyBand, earlier: Sequence[Fraction]
) -> Iterator[str]:
    value, ceiling = Fraction(money, users), Fraction(band.ceiling)
    if _too_much(value, ceiling, moved, users):
        yield f"{_amount(value)} {what}; the policy's ceiling is {_amount(ceiling)}"
        return
    bounds = _bounds(band, earlier, _amount(median(earlier)) if earlier else "")
    if _too_much(value, bounds.most, moved, users):
        highest = _amount(min(bounds.most, ceiling))
        yield f"{_amount(value)} {what}; {bounds.says(f'up to {highest}', highest)}"


def _too_much(value: Fraction, most: Fraction, moved: int, users: int) -> bool:
    """Whether more users moved than chance allows, if moves are of this run's size and `most` per user is usual."""
    return value > most and moved > most_by_chance(users, float(most / (value * users / moved)))


def _bounds(band: ShareBand | MoneyBand, earlier: Sequence[Fraction], middle: str) -> _Bounds:
    """The band around the median of earlier runs, or that of first runs where there are too few."""
    if not earlier:
        return _Bounds(Fraction(0), Fraction(band.first_runs), None)
    usual, times, slack = median(earlier), Fraction(band.times), Fraction(band.slack)
    why = f"the last {len(earlier)} runs had {middle} (median)"
    return _Bounds(max(Fraction(0), usual / times - slack), usual * times + slack, why)


def _percent(count: int, users: int) -> str:
    return f"{count / users:.2%}"


def _amount(minor: Fraction) -> str:
    return amount_text(round(minor), CURRENCY)
