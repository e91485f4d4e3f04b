"""Why each limit moved or stayed: reason codes, the weightiest first, at most four."""

from collections.abc import Iterable, Iterator

from rules.core.columns import Mask
from rules.core.rule_result import ReasonRows
from rules.limits.conditions import Condition, TableConditions
from rules.limits.gates import GateResults
from rules.limits.policy_sections import StepTerms
from rules.limits.step import Moves, Pace

# What the tier of the limit itself asks and the user does not meet: a decrease is not explained by a higher limit.
_OF_OWN_TIER = {
    "limit_float_rank_low": "limit_float_rank_below",
    "limit_subscription_rank_low": "limit_subscription_rank_below",
    "limit_pay_low": "limit_pay_below",
}


def grounds(
    moves: Moves,
    gates: GateResults,
    table: TableConditions,
    kept: TableConditions,
    pace: Pace,
    step: StepTerms,
) -> list[ReasonRows]:
    """Codes, each with the rows whose decision rests on it; for a row, the weightier comes first.

    A raise was earned. A product is paused, and a limit lowered at once, for the gates that failed. Else a limit is
    lowered, now or at a later run, for what its own tier asks and the user does not meet, dead band included. A limit
    that holds has the gates that are closed and, unless it is to be lowered, what the next tier asks, and the pace;
    what is not known comes after what is known to fail.
    """
    held = moves.enabled & ~moves.raised & ~moves.lowered & ~moves.paused
    below = moves.below & ~moves.at_once & ~moves.paused
    next_row, own_row = list(table.of(moves.next_place)), list(kept.of(moves.own_place))
    return [
        ("limit_none_yet", ~moves.before.known),
        *_among(_failed(gates, step.pauses), moves.paused),
        ("limit_disabled", moves.before.known & ~moves.enabled & ~moves.paused),
        ("limit_raised", moves.raised),
        *_among(_failed(gates, step.at_once), moves.at_once),
        ("limit_under_review", held & below),
        ("limit_above_all", below & (moves.own_place >= len(table.amounts))),
        *_among([(_OF_OWN_TIER.get(each.fails_as, each.fails_as), each.fails) for each in own_row], below),
        ("limit_highest", held & ~below & (moves.next_place >= len(table.amounts))),
        *_among(_failed(gates), held),
        *_among(_short(next_row, pace), held & ~below),
        *_among([*_unknown(gates), *_not_known([*next_row, pace.too_few])], held),
    ]


def _among(found: Iterable[ReasonRows], rows: Mask) -> Iterator[ReasonRows]:
    return ((code, mask & rows) for code, mask in found)


def _failed(gates: GateResults, names: Iterable[str] | None = None) -> Iterator[ReasonRows]:
    wanted = gates.gates if names is None else names
    # In the order of the gates, whatever the order of `names`.
    return ((gate.fails_as, gates.failed(name)) for name, gate in gates.gates.items() if name in wanted)


def _unknown(gates: GateResults) -> Iterator[ReasonRows]:
    for name, gate in gates.gates.items():
        unknown, held = gates.unknown(name), gates.refers.get(name)
        if held is None or gate.grey_as is None:
            yield gate.unknown_as, unknown
        else:
            yield gate.grey_as, unknown & held
            yield gate.unknown_as, unknown & ~held


def _short(next_row: Iterable[Condition], pace: Pace) -> Iterator[ReasonRows]:
    """What the next tier asks and the user does not meet, and what the pace of raises asks."""
    for each in next_row:
        yield each.fails_as, each.fails
    yield "limit_raised_recently", pace.too_soon
    yield "limit_lowered_recently", pace.rests
    yield "limit_pay_awaited", pace.awaits_pay
    yield pace.too_few.fails_as, pace.too_few.fails


def _not_known(conditions: Iterable[Condition]) -> Iterator[ReasonRows]:
    return ((each.unknown_as, each.unknown) for each in conditions)
