"""From where a limit may go to where it goes: one tier up or down, at once to the lowest, or the product is paused."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from rules.core.columns import Columns, Mask
from rules.limits.conditions import Condition, TableConditions, fails_any, unknown_any
from rules.limits.decision_table import AMOUNTS
from rules.limits.gates import GateResults
from rules.limits.integers import Integers, Numbers, to_integers
from rules.limits.policy_sections import BASIS_POINTS, StepTerms, basis_points

# Runs are counted no further: the count is of those that a policy may ask for, and would overflow a small column.
_MANY_RUNS = 1_000
_MANY_DAYS = 366


@dataclass(frozen=True)
class Pace:
    """Whether enough time and enough repayments lie behind the last raise, enough time behind the last decrease, and
    little since the last pay: later in a pay cycle nobody can tell whether the next one comes.

    A user whose limit was never moved has waited long enough, however long that is. Whether it ever was belongs to
    the limit: where that is not known, nothing moves.
    """

    too_soon: Mask
    rests: Mask
    awaits_pay: Mask
    too_few: Condition


def pace(terms: StepTerms, facts: Columns) -> Pace:
    """The policy's pace for every row."""
    since, repaid = to_integers(facts["days_since_raise"]), to_integers(facts["on_time_since_raise"])
    lowered = to_integers(facts["days_since_lowering"])
    paid, period = to_integers(facts["days_since_pay"]), to_integers(facts["pay_period_days"])
    settled, on_time = to_integers(facts["repayments_of_6"]), to_integers(facts["on_time_of_6"])
    often_late = on_time.values * BASIS_POINTS < settled.values * basis_points(terms.min_on_time_share)
    known = repaid.known & settled.known & on_time.known
    too_few = (repaid.known & (repaid.values < terms.min_on_time)) | (settled.known & on_time.known & often_late)
    return Pace(
        too_soon=since.known & (since.values < terms.cool_down_days),
        rests=lowered.known & (lowered.values < terms.rest_days),
        awaits_pay=paid.known & period.known & (paid.values * 100 > period.values * int(terms.pay_within * 100)),
        too_few=Condition("limit_repayments_few", "limit_floats_unknown", too_few, ~known),
    )


@dataclass(frozen=True)
class Moves:
    """Where each limit goes. `after` is as `before` where nothing moves; `lowered` includes `at_once`.

    `paused` are the users who may not take the product any more; their limit stays as it is. `enabled` are the users
    whose limit is above 0. `below` are those whose limit the table or the cap is known not to support any more, dead
    band included, `runs_below` how many runs in a row that was so, this one included, 0 after a move. `reached` are
    those who meet the next tier's row, whatever the gates say. `next_place` and `own_place` are the rows of the table
    that a raise and the limit itself have to meet.
    """

    before: Integers
    after: Numbers
    enabled: Mask
    reached: Mask
    raised: Mask
    lowered: Mask
    at_once: Mask
    paused: Mask
    below: Mask
    runs_below: Numbers
    next_place: Numbers
    own_place: Numbers


def moves(
    terms: StepTerms,
    facts: Columns,
    table: TableConditions,
    kept: TableConditions,
    gates: GateResults,
    pace: Pace,
) -> Moves:
    """The step that the policy takes for every user. `kept` is the table less the dead band: what keeps a limit.

    - Paused: one of the gates that the policy names for it has failed, whatever else is unknown, also at a limit of 0.
    - Up, to the next tier: every gate passes, the next tier's row is met within the cap, and the pace allows it.
    - Down at once, to the lowest tier: the same as for a pause, by other gates.
    - Down, to the next lower tier: no gate is unknown, and the limit was below on as many runs in a row, and for as
      many pay cycles, as the policy says; the last decrease is as many pay cycles ago. Then it counts afresh. A run
      whose target is not known is no run below.
    - Else it holds. Whoever has no limit, because they were not met before or because none is enabled, has nothing
      that could move up or down: a first limit is given on first contact, and one that was taken away comes back by a
      person.
    """
    before = to_integers(facts["current_limit"])
    enabled = before.known & (before.values > 0)
    next_place, own_place = table.next_place(before.values), table.own_place(before.values)
    reached = enabled & _reached(table, next_place)
    _, target_known = table.target
    below = enabled & target_known & ~_kept(terms, kept, own_place, before.values)
    runs = _runs(facts, below)
    paused = before.known & _fails_any(terms.pauses, gates)
    at_once = enabled & ~paused & (before.values > AMOUNTS[0]) & _fails_any(terms.at_once, gates)
    at_leisure = ~pace.too_soon & ~pace.rests & ~pace.awaits_pay & ~pace.too_few.fails & ~pace.too_few.unknown
    raised = reached & gates.all_pass & at_leisure
    worn = below & ~paused & ~gates.any_unknown & (runs >= terms.runs_below) & _for_long(terms, facts)
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
        paused=paused,
        below=below,
        runs_below=np.where(raised | worn | at_once | paused, 0, runs),
        next_place=next_place,
        own_place=own_place,
    )


def _fails_any(names: Sequence[str], gates: GateResults) -> Mask:
    failed: Mask = np.zeros(len(gates.results), np.bool_)
    for name in names:
        failed |= gates.failed(name)
    return failed


def _for_long(terms: StepTerms, facts: Columns) -> Mask:
    """Where the limit has been below for the policy's pay cycles and days, and was not lowered within as many."""
    period, below, lowered = (
        to_integers(facts[name]) for name in ("pay_period_days", "days_below", "days_since_lowering")
    )
    cycle = np.where(period.known, period.within(1, _MANY_DAYS), terms.cycle_days)
    days = np.maximum(terms.cycles_below * cycle, terms.days_below)
    # Without a run below before this one, it has been so for no day.
    long: Mask = (below.values >= days) & (~lowered.known | (lowered.values >= days))
    return long


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
    return np.where(below, np.clip(to_integers(facts["runs_below"]).values, 0, _MANY_RUNS) + 1, 0)


def _next_lower(limits: Numbers) -> Numbers:
    """The highest tier below each limit; the lowest tier stays."""
    amounts = np.array(AMOUNTS, np.int64)
    return amounts[np.maximum(np.searchsorted(amounts, limits, side="left") - 1, 0)]
