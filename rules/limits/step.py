"""How each limit moves: one tier up or down, at once to the lowest tier, or the product is paused."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import reduce

import numpy as np

from rules.core.columns import Columns, Mask
from rules.limits.conditions import Condition, TableConditions, fails_any, unknown_any
from rules.limits.decision_table import AMOUNTS
from rules.limits.gates import GateResults
from rules.limits.integers import Integers, Numbers, integer_facts, to_integers
from rules.limits.policy_sections import BASIS_POINTS, StepSection, basis_points

# Runs are counted up to this number: policies require fewer, and a higher count would overflow a small column.
_MANY_RUNS = 1_000
_MANY_DAYS = 366


@dataclass(frozen=True)
class Pace:
    """What keeps a limit from being raised yet.

    `too_soon`: too little time since the last raise. `rests`: too little time since the last decrease. `awaits_pay`:
    the last pay is too long ago; later in a pay cycle it is uncertain whether the next pay comes. `too_few`: too few
    repayments on time. A limit that never moved has waited long enough.
    """

    too_soon: Mask
    rests: Mask
    awaits_pay: Mask
    too_few: Condition


def pace(section: StepSection, facts: Columns) -> Pace:
    """The policy's pace for every row."""
    since, lowered = integer_facts(facts, "days_since_raise", "days_since_lowering")
    paid, period = integer_facts(facts, "days_since_pay", "pay_period_days")
    repaid, due, on_time = integer_facts(facts, "on_time_since_raise", "repayments_of_6", "on_time_of_6")
    often_late = on_time.values * BASIS_POINTS < due.values * basis_points(section.min_on_time_share)
    known = repaid.known & due.known & on_time.known
    too_few = (repaid.known & (repaid.values < section.min_on_time)) | (due.known & on_time.known & often_late)
    return Pace(
        too_soon=since.known & (since.values < section.cool_down_days),
        rests=lowered.known & (lowered.values < section.rest_days),
        awaits_pay=paid.known & period.known & (paid.values * 100 > period.values * int(section.pay_within * 100)),
        too_few=Condition("limit_repayments_few", "limit_floats_unknown", too_few, ~known),
    )


@dataclass(frozen=True)
class Moves:
    """How each limit moves. `after` is `before` where nothing moves; `lowered` includes `at_once`.

    - `paused`: users who may not take the product any more; their limit stays as it is.
    - `enabled`: users whose limit is above 0.
    - `below`: users whose limit is known to be too high by the table or the cap, even with the dead band.
    - `runs_below`: how many runs in a row the limit was below, this one included; 0 after a move.
    - `reached`: users who meet the next tier's row, whatever the gates.
    - `next_row`, `own_row`: the rows of the table that a raise, and the limit itself, have to meet.
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
    next_row: Numbers
    own_row: Numbers


def moves(
    section: StepSection,
    facts: Columns,
    table: TableConditions,
    with_dead_band: TableConditions,
    gates: GateResults,
    pace: Pace,
) -> Moves:
    """The policy's step for every user. `with_dead_band` has what is enough to keep a limit.

    - Paused: one of the gates that the policy names for it has failed, whatever else is unknown, also at a limit of 0.
    - Up, to the next tier: every gate passes, the next tier's row is met within the cap, and the pace allows it.
    - Down at once, to the lowest tier: one of the gates that the policy names for it has failed.
    - Down, to the next lower tier: no gate is unknown, the limit was below for the policy's number of runs in a row and
      of pay cycles, and the last decrease is as many pay cycles ago. The count then starts again. A run whose target is
      not known does not count as below.
    - Otherwise held. A user without a limit, new or with no tier enabled, has nothing to move up or down: the first
      limit is given on first contact, and a person gives back one that was taken away.
    """
    before = to_integers(facts["current_limit"])
    enabled = before.known & (before.values > 0)
    next_row, own_row = table.next_row(before.values), table.own_row(before.values)
    reached = enabled & _reached(table, next_row)
    _, target_known = table.target
    below = enabled & target_known & ~_supported(section, with_dead_band, own_row, before.values)
    runs = _runs(facts, below)
    paused = before.known & _fails_any(section.pauses, gates)
    at_once = enabled & ~paused & (before.values > AMOUNTS[0]) & _fails_any(section.at_once, gates)
    pace_allows = ~pace.too_soon & ~pace.rests & ~pace.awaits_pay & ~pace.too_few.fails & ~pace.too_few.unknown
    raised = reached & gates.all_pass & pace_allows
    one_down = below & ~paused & ~gates.any_unknown & (runs >= section.runs_below) & _for_long(section, facts)
    # A next row may be outside the table, but nobody is raised there.
    higher = table.amounts[np.where(raised, next_row, 0)]
    lower = np.where(at_once, AMOUNTS[0], np.where(one_down, _next_lower(before.values), before.values))
    return Moves(
        before=before,
        after=np.where(raised, higher, lower),
        enabled=enabled,
        reached=reached,
        raised=raised,
        lowered=one_down | at_once,
        at_once=at_once,
        paused=paused,
        below=below,
        runs_below=np.where(raised | one_down | at_once | paused, 0, runs),
        next_row=next_row,
        own_row=own_row,
    )


def _fails_any(names: Sequence[str], gates: GateResults) -> Mask:
    nobody: Mask = np.zeros(len(gates.results), np.bool_)
    return reduce(np.logical_or, map(gates.failed, names), nobody)


def _for_long(section: StepSection, facts: Columns) -> Mask:
    """Where the limit has been below for the policy's pay cycles and days, and was not lowered in that time."""
    period, below, lowered = integer_facts(facts, "pay_period_days", "days_below", "days_since_lowering")
    cycle = np.where(period.known, period.within(1, _MANY_DAYS), section.cycle_days)
    days = np.maximum(section.cycles_below * cycle, section.days_below)
    # `days_below` is not known, and so 0, if the run before was not below.
    long: Mask = (below.values >= days) & (~lowered.known | (lowered.values >= days))
    return long


def _reached(table: TableConditions, next_row: Numbers) -> Mask:
    """Where there is a next tier and its row is known to be met."""
    conditions = list(table.of(next_row))
    reached: Mask = (next_row < len(table.amounts)) & ~fails_any(conditions) & ~unknown_any(conditions)
    return reached


def _supported(section: StepSection, table: TableConditions, own_row: Numbers, limits: Numbers) -> Mask:
    """Where the limit may stay. Up to the first limit only the cap can lower it, and the lowest tier always stays."""
    beyond = own_row >= len(table.amounts)
    supported: Mask = (own_row == 0) | (~beyond & ~fails_any(list(table.of(own_row))))
    supported |= ~beyond & (limits <= section.first_limit) & ~fails_any(list(table.within_cap(own_row)))
    return supported


def _runs(facts: Columns, below: Mask) -> Numbers:
    """How many runs in a row, with this one, the limit was below; an unknown number counts as 0."""
    return np.where(below, to_integers(facts["runs_below"]).within(0, _MANY_RUNS) + 1, 0)


def _next_lower(limits: Numbers) -> Numbers:
    """The highest tier below each limit; the lowest tier stays."""
    amounts = np.array(AMOUNTS, np.int64)
    return amounts[np.maximum(np.searchsorted(amounts, limits, side="left") - 1, 0)]
