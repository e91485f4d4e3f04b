"""From where a limit may go to where it goes: at most one tier up, one tier down, or at once to the lowest."""

from dataclasses import dataclass

import numpy as np

from rules.columns import Columns, Mask
from rules.limits.conditions import Condition, TableConditions, fails_any, unknown_any
from rules.limits.gates import GateResults
from rules.limits.table import AMOUNTS
from rules.limits.terms import StepTerms
from rules.limits.whole import Numbers, Whole, whole

# Runs are counted no further: the count is of those that a policy may ask for, and would overflow a small column.
_MANY_RUNS = 1_000


@dataclass(frozen=True)
class Pace:
    """Whether enough time and enough repayments lie behind the last raise.

    A user whose limit was never raised has waited long enough, however long that is. Whether it ever was belongs to
    the limit: where that is not known, nothing moves.
    """

    too_soon: Mask
    too_few: Condition


def pace(terms: StepTerms, facts: Columns) -> Pace:
    """The policy's pace for every row."""
    since, repaid = whole(facts["days_since_raise"]), whole(facts["on_time_since_raise"])
    too_few = repaid.known & (repaid.values < terms.min_on_time)
    return Pace(
        too_soon=since.known & (since.values < terms.cool_down_days),
        too_few=Condition("limit_repayments_few", "limit_floats_unknown", too_few, ~repaid.known),
    )


@dataclass(frozen=True)
class Moves:
    """Where each limit goes. `after` is as `before` where nothing moves; `lowered` includes `at_once`.

    `enabled` are the users who have a limit. `below` are those whose limit the table or the cap no longer supports,
    `runs_below` how many runs in a row that was so, this one included, 0 after a move. `reached` are those who meet
    the next tier's row, whatever the gates say. `next_place` and `own_place` are the rows of the table that a raise
    and the limit itself have to meet.
    """

    before: Whole
    after: Numbers
    enabled: Mask
    reached: Mask
    raised: Mask
    lowered: Mask
    at_once: Mask
    below: Mask
    runs_below: Numbers
    next_place: Numbers
    own_place: Numbers


def moves(terms: StepTerms, facts: Columns, table: TableConditions, gates: GateResults, pace: Pace) -> Moves:
    """The step that the policy takes for every user.

    - Up, to the next tier: every gate passes, the next tier's row is met within the cap, and the pace allows it.
    - Down at once, to the lowest tier: one of the gates that the policy names for it has failed, whatever else is
      unknown.
    - Down, to the next lower tier: no gate is unknown, and the limit was below on as many runs in a row as the policy
      says. Then it counts afresh.
    - Else it holds. Whoever has no limit, because they were not met before or because none is enabled, has nothing
      that could move: a first limit is given on first contact, and one that was taken away comes back by a person.
    """
    before = whole(facts["current_limit"])
    enabled = before.known & (before.values > 0)
    next_place, own_place = table.next_place(before.values), table.own_place(before.values)
    reached = enabled & _reached(table, next_place)
    below = enabled & ~_kept(terms, table, own_place, before.values)
    runs = _runs(facts, below)
    at_once = enabled & (before.values > AMOUNTS[0]) & _fails_at_once(terms, gates)
    raised = reached & gates.all_pass & ~pace.too_soon & ~pace.too_few.fails & ~pace.too_few.unknown
    worn = below & ~gates.any_unknown & (runs >= terms.runs_below)
    # The place of what is not in the table is not looked up: nobody is raised there.
    higher = table.amounts[np.where(raised, next_place, 0)]
    lower = np.where(at_once, AMOUNTS[0], np.where(worn, _next_lower(before.values), before.values))
    return Moves(
        before=before,
        after=np.where(raised, higher, lower),
        enabled=enabled,
        reached=reached,
        raised=raised,
        lowered=worn | at_once,
        at_once=at_once,
        below=below,
        runs_below=np.where(raised | worn | at_once, 0, runs),
        next_place=next_place,
        own_place=own_place,
    )


def _fails_at_once(terms: StepTerms, gates: GateResults) -> Mask:
    failed: Mask = np.zeros(len(gates.results), np.bool_)
    for name in terms.at_once:
        failed |= gates.failed(name)
    return failed


def _reached(table: TableConditions, next_place: Numbers) -> Mask:
    """Where there is a next tier and its row is known to be met."""
    conditions = list(table.of(next_place))
    reached: Mask = (next_place < len(table.amounts)) & ~fails_any(conditions) & ~unknown_any(conditions)
    return reached


def _kept(terms: StepTerms, table: TableConditions, own_place: Numbers, limits: Numbers) -> Mask:
    """Where nothing speaks against the limit as it is: up to the first limit the cap alone, to the lowest nothing."""
    beyond = own_place >= len(table.amounts)
    kept: Mask = (own_place == 0) | (~beyond & ~fails_any(list(table.of(own_place))))
    kept |= ~beyond & (limits <= terms.first_limit) & ~fails_any(list(table.within_cap(own_place)))
    return kept


def _runs(facts: Columns, below: Mask) -> Numbers:
    """How many runs in a row, with this one, the limit was below; those that are not known are none."""
    return np.where(below, np.clip(whole(facts["runs_below"]).values, 0, _MANY_RUNS) + 1, 0)


def _next_lower(limits: Numbers) -> Numbers:
    """The highest tier below each limit; the lowest tier stays."""
    amounts = np.array(AMOUNTS, np.int64)
    return amounts[np.maximum(np.searchsorted(amounts, limits, side="left") - 1, 0)]
