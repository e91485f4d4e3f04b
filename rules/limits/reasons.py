"""Why each limit moved or stayed: reason codes, the weightiest first."""

from collections.abc import Iterable, Iterator

from rules.core.columns import Mask
from rules.core.rule_result import ReasonRows
from rules.limits.conditions import Condition, TableConditions
from rules.limits.gates import GateResults
from rules.limits.policy_sections import StepSection
from rules.limits.step import Moves, Pace

# Why a limit is lower after its run was rolled back.
TAKEN_BACK = "limit_rolled_back"
# The codes for the tier of the limit itself: a decrease is not explained by what a higher limit requires.
_OWN_TIER_CODES = {
    "limit_float_rank_low": "limit_float_rank_below",
    "limit_subscription_rank_low": "limit_subscription_rank_below",
    "limit_pay_low": "limit_pay_below",
}


def limit_reasons(
    moves: Moves,
    gates: GateResults,
    table: TableConditions,
    with_dead_band: TableConditions,
    pace: Pace,
    section: StepSection,
) -> list[ReasonRows]:
    """Codes, each with the rows that it is a reason for; the weightiest comes first.

    | decision | reasons |
    |---|---|
    | raised | that the next tier was reached |
    | paused, or lowered at once | the gates that failed |
    | lowered, or to be lowered | what its own tier requires and the user does not meet, even with the dead band |
    | held | the gates that failed; unless it is to be lowered, also what the next tier requires, and the pace |

    Failures come before unknowns.
    """
    held = moves.enabled & ~moves.raised & ~moves.lowered & ~moves.paused
    below = moves.below & ~moves.at_once & ~moves.paused
    next_tier, own_tier = list(table.of(moves.next_row)), list(with_dead_band.of(moves.own_row))
    return [
        ("limit_none_yet", ~moves.before.known),
        *_among(_failed(gates, section.pauses), moves.paused),
        ("limit_disabled", moves.before.known & ~moves.enabled & ~moves.paused),
        ("limit_raised", moves.raised),
        *_among(_failed(gates, section.at_once), moves.at_once),
        ("limit_under_review", held & below),
        ("limit_above_all", below & (moves.own_row >= len(table.amounts))),
        *_among([(_OWN_TIER_CODES.get(each.fails_as, each.fails_as), each.fails) for each in own_tier], below),
        ("limit_highest", held & ~below & (moves.next_row >= len(table.amounts))),
        *_among(_failed(gates), held),
        *_among(_unmet(next_tier, pace), held & ~below),
        *_among([*_unknown(gates), *_not_known([*next_tier, pace.too_few])], held),
    ]


def _among(found: Iterable[ReasonRows], rows: Mask) -> Iterator[ReasonRows]:
    return ((code, mask & rows) for code, mask in found)


def _failed(gates: GateResults, names: Iterable[str] | None = None) -> Iterator[ReasonRows]:
    """Failed gates among `names`, or among all, in the order of the gates."""
    wanted = gates.gates if names is None else names
    return ((gate.fails_as, gates.failed(name)) for name, gate in gates.gates.items() if name in wanted)


def _unknown(gates: GateResults) -> Iterator[ReasonRows]:
    for name, gate in gates.gates.items():
        unknown = gates.unknown(name)
        if gate.grey_as and name in gates.refers:
            yield gate.grey_as, unknown & gates.refers[name]
            unknown = unknown & ~gates.refers[name]
        yield gate.unknown_as, unknown


def _unmet(next_tier: Iterable[Condition], pace: Pace) -> Iterator[ReasonRows]:
    """What the next tier and the pace of raises require and the user does not meet."""
    for each in next_tier:
        yield each.fails_as, each.fails
    yield "limit_raised_recently", pace.too_soon
    yield "limit_lowered_recently", pace.rests
    yield "limit_pay_awaited", pace.awaits_pay
    yield pace.too_few.fails_as, pace.too_few.fails


def _not_known(conditions: Iterable[Condition]) -> Iterator[ReasonRows]:
    return ((each.unknown_as, each.unknown) for each in conditions)
