"""The traits of a user: drawn once, they determine the full history."""

from dataclasses import dataclass

import numpy as np

from underwriting.playground.generator.calendar import Window
from underwriting.playground.generator.draws import Draws, Flags, Ints, Reals
from underwriting.playground.generator.world import World

# The months that shares "within six months" in the world are about.
_SIX_MONTHS = 183
NEVER = np.iinfo(np.int64).max // 4


@dataclass(frozen=True)
class Traits:
    """Columns with an element for each user. Days are those of the window, money is in cents."""

    # The latent number behind history and repayment: standard normal; higher means more reliable.
    reliability: Reals
    # Positions in the world's kinds of pay, and in its cycles.
    pay: Ints
    cycle: Ints
    monthly_income: Reals
    pay_variation: Reals
    # The days on which the income ends and on which the employer changes; NEVER where neither happens.
    stopped_on: Ints
    changed_on: Ints
    spend_ratio: Reals
    # What the bank does with an uncovered debit: a position in the world's kinds of account.
    bank: Ints
    opened_on: Ints
    refreshed_on: Ints
    joined_on: Ints


def draw_traits(world: World, window: Window, draws: Draws) -> Traits:
    """The traits of the users that `draws` is of."""
    pay = draws.pick("pay kind", tuple(world.pay.kinds.values()))
    reliability = draws.normal("reliability")
    medians = np.array([world.pay.monthly[kind] for kind in world.pay.kinds], dtype=np.float64)
    return Traits(
        reliability=reliability,
        pay=pay,
        cycle=draws.pick("pay cycle", tuple(world.pay.cycles.values())),
        monthly_income=medians[pay] * np.exp(world.pay.spread * draws.normal("income")),
        pay_variation=_pay_variation(world, pay, reliability, draws),
        stopped_on=_once(window, draws, "income ends", world.pay.stopped * (pay != kind(world, "none"))),
        changed_on=_once(window, draws, "new employer", world.pay.changed_job * (pay == kind(world, "wages"))),
        spend_ratio=world.spend_ratio.mean
        + world.spend_ratio.by_reliability * reliability
        + world.spend_ratio.spread * draws.normal("spend ratio"),
        bank=draws.pick("bank", tuple(world.account.kinds.values())),
        opened_on=_opened_on(world, window, draws),
        refreshed_on=window.days - 1 - _spells(draws, "stale", world.account.stale, world.account.stale_days),
        joined_on=_joined_on(world, window, draws),
    )


def kind(world: World, name: str) -> int:
    """The position of a kind of pay."""
    return list(world.pay.kinds).index(name)


def _pay_variation(world: World, pay: Ints, reliability: Reals, draws: Draws) -> Reals:
    """Benefits never vary; of the others, the less reliable are more often unsteady."""
    unsteady = draws.chance("unsteady", world.pay.unsteady * np.exp(-0.3 * reliability))
    wages = np.where(unsteady, world.pay.unsteady_variation, world.pay.steady_variation)
    varied = np.where(pay == kind(world, "gig"), world.pay.gig_variation, wages)
    return np.asarray(np.where(pay == kind(world, "benefits"), 0.0, varied))


def _once(window: Window, draws: Draws, purpose: str, share: Reals) -> Ints:
    """A day of the window for a share of the users (per six months), NEVER for the others."""
    happens = draws.chance(purpose, share * (window.days / _SIX_MONTHS))
    return np.asarray(np.where(happens, draws.between(f"{purpose} on", 0, window.days - 1), NEVER))


def _spells(draws: Draws, purpose: str, share: float, days: tuple[int, int]) -> Ints:
    """A number of days for a share of the users, 0 for the others."""
    return np.asarray(np.where(draws.chance(purpose, share), draws.between(f"{purpose} days", *days), 0))


def _opened_on(world: World, window: Window, draws: Draws) -> Ints:
    """The first day that the feed covers; young accounts are covered from their opening."""
    young = draws.chance("young", world.account.young)
    age = draws.between("young days", *world.account.young_days)
    return np.asarray(np.where(young, np.maximum(0, window.days - age), 0))


def _joined_on(world: World, window: Window, draws: Draws) -> Ints:
    """The day the user joined, mostly before the window."""
    tenure = world.floats.tenure_months
    months = np.minimum(-tenure.mean * np.log1p(-draws.uniform("tenure")), tenure.most)
    return np.asarray(window.days - 1 - np.floor(months * (365.25 / 12)).astype(np.int64))


def after(day: Ints, started_on: Ints) -> Flags:
    """Whether days are on or after the days on which something started."""
    return np.asarray(day >= started_on)
