"""Our own floats: taken one after another, and repaid on time, late or never by the capacity of their month."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from rules.limits.tiers import TIERS
from underwriting.domain.histories import Category
from underwriting.playground.generator.bookings import Bookings, Payees
from underwriting.playground.generator.calendar import Window
from underwriting.playground.generator.draws import Draws, Flags, Ints
from underwriting.playground.generator.repayment import Capacity
from underwriting.playground.generator.traits import NEVER, Traits
from underwriting.playground.generator.world import Late, World

AMOUNTS = np.array([tier.amount for tier in TIERS])
FEES = np.array([tier.fee for tier in TIERS])
# The index of the first tier of a user.
_START = max(number for number, tier in enumerate(TIERS) if tier.enabled)
# Days between the collection attempts of a late float.
_RETRY_DAYS = 5
_EARLY_DAYS = 2


@dataclass(frozen=True)
class Floats:
    """Columns with an element for each float, by user and in the order taken; NEVER means no day."""

    user: Ints
    # 0 for the user's first.
    number: Ints
    tier: Ints
    taken_on: Ints
    due_on: Ints
    # The day of its repayment, which may be after the window; NEVER where it is lost.
    repaid_on: Ints

    @property
    def amount(self) -> Ints:
        """Cents."""
        return np.asarray(AMOUNTS[self.tier])

    @property
    def fee(self) -> Ints:
        """Cents."""
        return np.asarray(FEES[self.tier])

    def collections(self, last_day: int) -> tuple[Ints, Ints]:
        """Attempts until the last day, and how many of them the bank refused."""
        late = np.minimum(self.repaid_on, last_day) - self.due_on
        refused = np.where(late > 0, 1 + late // _RETRY_DAYS, 0)
        return refused + (self.repaid_on <= last_day), refused


@dataclass(frozen=True)
class Limits:
    """Each user's limit on the last day, in cents, and the day of its last raise; NEVER if no raise led to it."""

    amount: Ints
    raised_on: Ints


def draw_floats(
    world: World, window: Window, traits: Traits, draws: Draws, capacity: Capacity
) -> tuple[Floats, Limits]:
    """Every float since the user joined, and the resulting limits. A user has one open float at most."""
    data = world.floats
    last_day = window.days - 1
    most = _highest_tier(world, traits, draws)
    free_on, repaid = traits.joined_on.copy(), np.zeros_like(traits.joined_on)
    raised_on = np.full_like(free_on, NEVER)
    rows = np.flatnonzero(~draws.chance("no floats", data.none))
    parts, number = [], 0
    while len(rows):
        each = draws.take(rows).slots(np.full(len(rows), number), "float")
        taken_on = free_on[rows] + each.between("idle", *data.idle_days)
        within = taken_on <= last_day
        rows, taken_on, each = rows[within], taken_on[within], each.take(within)
        limit = np.minimum(_START + repaid[rows] // data.repaid_for_a_tier, most[rows])
        tier = np.where(each.chance("takes all", data.takes_all), limit, each.between("takes", 0, _START))
        due_on = taken_on + each.between("due", *data.due_days)
        repaid_on = _repaid_on(world, capacity.of(rows, window.month_of(taken_on)), AMOUNTS[tier], due_on, each)
        parts.append(Floats(rows, np.full(len(rows), number), tier, taken_on, due_on, repaid_on))
        back = repaid_on <= last_day
        rows, repaid_on = rows[back], repaid_on[back]
        free_on[rows] = repaid_on
        repaid[rows] += 1
        higher = (repaid[rows] % data.repaid_for_a_tier == 0) & (
            _START + repaid[rows] // data.repaid_for_a_tier <= most[rows]
        )
        raised_on[rows[higher]] = repaid_on[higher]
        number += 1
    floats = _by_user(parts)
    limit = np.minimum(_START + repaid // data.repaid_for_a_tier, most)
    often_late = _often_late(floats, len(limit), last_day, data.late)
    limit[often_late], raised_on[often_late] = 0, NEVER
    return floats, Limits(AMOUNTS[limit], raised_on)


def _often_late(floats: Floats, users: int, last_day: int, late: Late) -> Flags:
    """Which users were late with `late.count` of their last `late.of` floats that are repaid or past due."""
    ended = (floats.repaid_on <= last_day) | (floats.due_on < last_day)
    user, was_late = floats.user[ended], np.minimum(floats.repaid_on, last_day)[ended] > floats.due_on[ended]
    # Of a user's floats, the number of those that came later.
    after = np.searchsorted(user, user, side="right") - 1 - np.arange(len(user))
    return np.bincount(user[was_late & (after < late.of)], minlength=users) >= late.count


def _highest_tier(world: World, traits: Traits, draws: Draws) -> Ints:
    """The index of the highest tier that each user ever gets."""
    data = world.floats
    income = traits.monthly_income * np.exp(data.limit_spread * draws.normal("most tier"))
    reached = np.searchsorted(np.array(list(data.limits.values())), income, side="right") - 1
    places = np.array([AMOUNTS.tolist().index(limit) for limit in data.limits])
    return np.asarray(places[reached])


def _repaid_on(world: World, capacity: Ints, amount: Ints, due_on: Ints, each: Draws) -> Ints:
    on_time = due_on - each.between("early", 0, _EARLY_DAYS)
    late = due_on + each.between("late", *world.floats.late_days)
    lost = amount > world.floats.lost_above * capacity
    return np.asarray(np.where(amount <= capacity, on_time, np.where(lost, NEVER, late)))


def _by_user(parts: list[Floats]) -> Floats:
    none = np.zeros(0, dtype=np.int64)
    columns = [np.concatenate([none, *(getattr(part, name) for part in parts)]) for name in Floats.__dataclass_fields__]
    order = np.lexsort((columns[1], columns[0]))
    return Floats(*(column[order] for column in columns))


def bookings(floats: Floats, window: Window, payees: Payees) -> Iterator[Bookings]:
    """Floats and their repayments as bookings of the account, within the window."""
    (payee,) = payees.codes(Category.OWN_FLOAT)
    for day, amount in ((floats.taken_on, floats.amount), (floats.repaid_on, -floats.amount - floats.fee)):
        seen = (day >= 0) & (day < window.days)
        yield Bookings.of(floats.user[seen], day[seen], amount[seen], Category.OWN_FLOAT, payee)
