"""A decision on a limit is explained by the gates behind its reasons, and by the tier in question."""

from annotated_types import Le
from support.limit_facts import GOOD

from rules.core.differences import frame_of
from rules.eligibility import CATEGORIES
from rules.explain.limits import LimitDecision, LimitExplained, explain_limit
from rules.limits.decide import decide_limits
from rules.limits.decisions import Move
from rules.limits.gates import Gates
from rules.limits.policy import shipped_policies
from rules.prescreening.catalogue import RULES
from underwriting.domain.money import MAX_MINOR

POLICY = shipped_policies()["cfi"]


def explained(**changes: object) -> tuple[LimitDecision, LimitExplained]:
    """The decision on a user who would be raised from 50 to 80, but for these facts."""
    facts = GOOD | changes
    row = decide_limits(POLICY, frame_of(facts)).frame.iloc[0]
    decision = LimitDecision(
        Move(row["move"]),
        *(int(row[name]) for name in ("before", "after", "target", "affordability_cap")),
        tuple(row["reasons"].split()),
        facts,
    )
    return decision, explain_limit(POLICY, decision)


def test_a_raise_needs_no_more_words() -> None:
    decision, found = explained()
    assert decision.move is Move.RAISED
    assert found == LimitExplained((), None, None, ())


def test_a_closed_gate_is_explained_by_its_facts_and_a_way_through_it() -> None:
    decision, found = explained(outstanding_floats=1, returned_debits_30d=0)
    assert (decision.move, decision.codes[0]) == (Move.HELD, "limit_float_open")
    (gate,) = found.gates
    assert (gate.outcome.rule, gate.outcome.observed) == ("NoOpenFloat", {"outstanding_floats": 1})
    assert gate.ways


def test_a_limit_that_is_not_raised_is_explained_by_what_the_next_tier_requires() -> None:
    decision, found = explained(cycle_available_balance=1_999_99)
    assert decision.codes == ("limit_available_balance_low",)
    row = next(row for row in POLICY.table if row.tier == 8_000)
    assert (found.tier, found.due) == (8_000, 8_000 + 600)
    required = {each.fact: (each.at_least, each.observed) for each in found.requires}
    assert required["cycle_available_balance"] == (row.min_available, 1_999_99)
    assert required["float_rank"] == (row.min_float_rank, 8)


def test_a_decrease_is_explained_by_what_its_own_tier_requires() -> None:
    below = {"runs_below": 40, "days_below": 60, "cycle_available_balance": 100}
    decision, found = explained(**below)
    assert decision.move is Move.LOWERED
    assert found.tier == 5_000
    assert found.gates == ()


def test_every_property_that_is_an_amount_is_known_as_one() -> None:
    gates = [field.annotation for field in Gates.model_fields.values()]
    rules = [*RULES.values(), *(rule for rules in CATEGORIES.values() for rule in rules.values()), *gates]
    for rule in rules:
        bounded = {
            name
            for name, field in rule.model_fields.items()
            # Of the brackets of a score there are few, and each is a number of minor units.
            if any(isinstance(one, Le) and one.le == MAX_MINOR for one in field.metadata)
            or name == "loan_amount_window"
        }
        assert rule.amounts() == bounded, rule.__name__
