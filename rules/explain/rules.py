"""Explains the outcome of a rule, and which facts would have changed it."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from rules.core.rule import Rule
from rules.explain import Missing, Way, missing_facts, ways_to_pass
from underwriting.domain.decision import FactValue, Outcome, Result


@dataclass(frozen=True)
class RuleExplained:
    """A rule's outcome, with the nearest facts that would have passed and the missing ones that would decide it."""

    rule: Rule
    outcome: Outcome
    ways: tuple[Way, ...]
    missing: tuple[Missing, ...]

    @property
    def sentence(self) -> str:
        """The rule in the words of a credit officer."""
        return (self.rule.__doc__ or "").strip().partition("\n")[0]


def explain_rules(
    rules: Iterable[Rule], outcomes: Iterable[Outcome], facts: Mapping[str, FactValue]
) -> tuple[RuleExplained, ...]:
    """Every outcome explained by its rule, in the outcomes' order; an outcome of no rule given is left out.

    The facts that a rule observed take precedence over `facts`, since they decided.
    """
    by_name = {rule.name: rule for rule in rules}
    return tuple(
        _explained(by_name[outcome.rule], outcome, {**facts, **outcome.observed})
        for outcome in outcomes
        if outcome.rule in by_name
    )


def _explained(rule: Rule, outcome: Outcome, facts: Mapping[str, FactValue]) -> RuleExplained:
    if outcome.result is Result.PASS:
        return RuleExplained(rule, outcome, (), ())
    return RuleExplained(rule, outcome, ways_to_pass(rule, facts), missing_facts(rule, facts))
