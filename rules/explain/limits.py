"""Explains one decision on a limit: the reasons, the gates behind them, and what the tier in question requires."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from rules.core.columns import Columns
from rules.core.differences import frame_of
from rules.core.reasons import reason
from rules.core.rule_result import evaluate_rule
from rules.explain.rules import RuleExplained, explain_rules
from rules.limits.conditions import THRESHOLDS
from rules.limits.decisions import Move
from rules.limits.policy import LimitPolicy
from rules.limits.tiers import DUE
from underwriting.domain.decision import FactValue, Reason, Result


@dataclass(frozen=True)
class LimitDecision:
    """What a run decided about one user, with the facts that it read. Amounts are minor units; None is not known."""

    move: Move
    before: int | None
    after: int | None
    target: int | None
    affordability_cap: int | None
    codes: tuple[str, ...]
    facts: Mapping[str, FactValue]

    @property
    def reasons(self) -> tuple[Reason, ...]:
        """The reasons with their sentences."""
        return tuple(map(reason, self.codes))


@dataclass(frozen=True)
class Required:
    """One fact that a tier requires, and what the user had."""

    fact: str
    at_least: int
    observed: FactValue

    @property
    def result(self) -> Result:
        """Whether the user had it."""
        if not isinstance(self.observed, int | float):
            return Result.UNKNOWN
        return Result.PASS if self.observed >= self.at_least else Result.FAIL


@dataclass(frozen=True)
class LimitExplained:
    """The gates that are behind the reasons, and the tier that was in question with what it requires.

    The tier is the limit's own if the limit is lowered or about to be, else the next one. `due` falls due for it, and
    has to be within what the user can afford. `tier` and `due` are None above the table and after a raise.
    """

    gates: tuple[RuleExplained, ...]
    tier: int | None
    due: int | None
    requires: tuple[Required, ...]


def explain_limit(policy: LimitPolicy, decision: LimitDecision) -> LimitExplained:
    """The decision explained by the policy that made it."""
    columns = Columns(frame_of(decision.facts))
    gates = policy.gates.by_name.values()
    outcomes = [evaluate_rule(gate, columns).outcome(0, columns) for gate in gates]
    behind = [
        outcome
        for outcome in outcomes
        if outcome.result is not Result.PASS and outcome.reason and outcome.reason.code in decision.codes
    ]
    tier = _tier_in_question(policy, decision)
    return LimitExplained(
        explain_rules(gates, behind, decision.facts),
        tier,
        DUE.get(tier) if tier is not None else None,
        tuple(_required(policy, decision, tier)),
    )


def _tier_in_question(policy: LimitPolicy, decision: LimitDecision) -> int | None:
    """None where no tier's requirements are behind the decision."""
    if decision.before is None or decision.move in (Move.RAISED, Move.PAUSED):
        return None
    tiers = [row.tier for row in policy.table]
    if decision.move is Move.LOWERED or "limit_under_review" in decision.codes:
        return decision.before if decision.before in tiers else None
    return next((tier for tier in tiers if tier > (decision.before or 0)), None)


def _required(policy: LimitPolicy, decision: LimitDecision, tier: int | None) -> Iterator[Required]:
    for row in policy.table:
        if row.tier == tier:
            for name, at_least in row.thresholds.items():
                fact = policy.balance if name == "min_available" else THRESHOLDS[name][0]
                if at_least or name == "min_available":
                    yield Required(fact, at_least, decision.facts.get(fact))
