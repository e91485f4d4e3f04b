"""The answers of the user, subscription and score services and of the screening."""

import numpy as np

from underwriting.domain.histories import Bracket
from underwriting.playground.generator.calendar import Window
from underwriting.playground.generator.columns import Column, days, optional, text
from underwriting.playground.generator.draws import Draws, Ints, Reals
from underwriting.playground.generator.traits import Traits
from underwriting.playground.generator.world import World

BRACKETS = tuple(Bracket)
# Rows of one table: the user's row in the chunk, and the columns.
Rows = tuple[Ints, dict[str, Column]]

_RENEWAL_DAYS = (0, 3)
# Days since the status under the Military Lending Act was looked up. Ours.
_LOOKED_UP_DAYS = (0, 30)
# The logistic scale on which the score service sees the reliability, and what a larger bracket costs. Ours.
_LEVEL, _SLOPE, _BY_BRACKET = 2.2, 0.9, -0.35
_POINTS = 1000
# Match scores of a certain hit, of a possible one (to be seen by a person), and of the rest. Ours.
_HIT, _POSSIBLE, _NONE = (0.95, 1.0), (0.82, 0.92), (0.0, 0.6)


def users(world: World, window: Window, draws: Draws) -> Rows:
    """One row for each user."""
    data = world.users
    segments = tuple(data.segments)
    everybody = _everybody(draws)
    not_looked_up = draws.chance("covered unknown", data.covered_unknown)
    looked_up_on = window.epoch + window.days - 1 - draws.between("covered looked up", *_LOOKED_UP_DAYS)
    columns: dict[str, Column] = {
        "segment": text(draws.pick("segment", tuple(data.segments.values())), segments),
        "good_standing": optional(
            ~draws.chance("standing bad", data.standing_bad), draws.chance("standing unknown", data.standing_unknown)
        ),
        "fraud_hit": optional(
            draws.chance("fraud hit", data.fraud_hit), draws.chance("fraud unknown", data.fraud_unknown)
        ),
        "covered_borrower": optional(draws.chance("covered", data.covered), not_looked_up),
        "covered_borrower_on": days(looked_up_on, not_looked_up),
    }
    return everybody, columns


def renewals(world: World, window: Window, traits: Traits, draws: Draws) -> Rows:
    """Every monthly renewal that fell due since the user subscribed; reliable users miss fewer."""
    last_day = window.days - 1
    first, last = window.month_of(traits.joined_on.min(keepdims=True))[0], window.month_numbers[-1]
    months = np.arange(first, last + 1)
    day = window.day_of_month(months, draws.between("renewal day", 1, 28)[:, None])
    due = (
        (day > traits.joined_on[:, None])
        & (day <= last_day)
        & draws.chance("subscribed", world.subscription.subscribed)[:, None]
    )
    user, place = np.nonzero(due)
    each = draws.take(user).slots(months[place], "renewal")
    missed = np.minimum(1.0, (1 - world.subscription.paid) * np.exp(-0.5 * traits.reliability[user]))
    paid_on = day[due] + each.between("paid after", *_RENEWAL_DAYS)
    unpaid = each.chance("missed", missed) | (paid_on > last_day)
    return user, {"due_on": days(day[due] + window.epoch), "paid_on": days(paid_on + window.epoch, unpaid)}


def predictions(world: World, traits: Traits, draws: Draws) -> Rows:
    """The probability that the next float is paid back, where the service has one; whom it does not know has no row."""
    known = ~draws.chance("no scores", world.scores.missing / 2)
    missing = draws.chance("no prediction", world.scores.missing / 2)
    prediction = _logistic(_LEVEL + _SLOPE * _seen(world, traits, draws))
    return np.flatnonzero(known), {"payback_prediction": optional(prediction[known], missing[known])}


def bracket_scores(world: World, traits: Traits, draws: Draws) -> Rows:
    """Scores by bracket of those users that the service knows."""
    brackets = np.arange(len(BRACKETS))
    each = draws.slots(brackets[None, :], "bracket")
    known = ~draws.chance("no scores", world.scores.missing / 2)[:, None]
    there = known & ~each.chance("missing", world.scores.missing_bracket)
    level = _LEVEL + _SLOPE * _seen(world, traits, draws)[:, None] + _BY_BRACKET * brackets
    points = np.rint(_POINTS * _logistic(level + 0.1 * each.normal("points"))).astype(np.int64)
    user, place = np.nonzero(there)
    return user, {"bracket": text(place, BRACKETS), "score": points[there]}


def screenings(world: World, draws: Draws) -> Rows:
    """The best match on the lists."""
    data = world.screenings
    uniform = draws.uniform("match")
    kind = draws.pick("screening", (data.hit, data.possible, 1 - data.hit - data.possible))
    low, high = (np.array(ends)[kind] for ends in zip(_HIT, _POSSIBLE, _NONE, strict=True))
    known = np.flatnonzero(~draws.chance("not screened", data.missing))
    # Four digits, as the screening reports them.
    score = np.round(low + uniform * (high - low), 4)
    # Whoever is invented as a hit is one by birth date as well.
    confirmed = np.where(kind == 0, score, 0.0)
    return known, {"match_score": score[known], "confirmed_score": confirmed[known]}


def _everybody(draws: Draws) -> Ints:
    return np.arange(len(draws))


def _seen(world: World, traits: Traits, draws: Draws) -> Reals:
    return np.asarray(traits.reliability + world.scores.noise * draws.normal("score noise"))


def _logistic(value: Reals) -> Reals:
    return np.asarray(1 / (1 + np.exp(-value)))
