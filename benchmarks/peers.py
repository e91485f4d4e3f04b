"""The peers of the facts benchmark: OpenFisca-Core over arrays, and zen-engine row by row, with the same rules."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pandas as pd
import zen
from openfisca_core.entities import build_entity
from openfisca_core.periods import DateUnit
from openfisca_core.simulations import SimulationBuilder
from openfisca_core.taxbenefitsystems import TaxBenefitSystem
from openfisca_core.variables import Variable

from benchmarks.peer_user_rules import CLAIMS, Claim
from rules.core.rule import Rule
from rules.facts import USER_FACTS

PERIOD = "2026-01"
_KINDS: dict[str, type] = {"boolean": bool, "integer": int, "number": float, "text": str}


def claim_of(rule: Rule) -> Claim:
    """The claim of a rule, with its properties filled in."""
    properties: dict[str, Any] = {name: list(value) if isinstance(value, tuple) else value for name, value in rule}
    if "loan_amount_window" in properties:
        properties["bracket"] = properties["loan_amount_window"] // 100
    return CLAIMS[rule.name].with_properties(properties)


class OpenFisca:
    """Facts as input variables and rules as formulas over arrays. It has no unknown values; they are 0 here."""

    def __init__(self, rules: Sequence[Rule]) -> None:
        self._names = [f"rule_{rule.name}" for rule in rules]
        self._person = build_entity(key="person", plural="people", label="A user", is_person=True)
        self._system = TaxBenefitSystem([self._person])
        for name, fact in USER_FACTS.items():
            self._add(name, _KINDS[fact.type])
        for rule in rules:
            self._add(f"rule_{rule.name}", bool, formula=_formula(claim_of(rule).arrays))

    def _add(self, name: str, kind: type, **formula: Any) -> None:
        shape = {"value_type": kind, "entity": self._person, "definition_period": DateUnit.MONTH, "label": name}
        self._system.add_variable(type(name, (Variable,), {**shape, **formula}))

    def outcomes(self, facts: dict[str, np.ndarray[Any, Any]]) -> np.ndarray[Any, Any]:
        """True where a rule passes; a column for each rule."""
        rows = len(next(iter(facts.values())))
        simulation = SimulationBuilder().build_default_simulation(self._system, rows)
        for name, values in facts.items():
            simulation.set_input(name, PERIOD, values)
        return np.column_stack([simulation.calculate(name, PERIOD) for name in self._names])


def _formula(expression: str) -> Callable[[Any, Any], Any]:
    code = compile(expression, "<rule>", "eval")
    names = [name for name in code.co_names if name in USER_FACTS]
    scope = {"isin": np.isin, "true": True, "false": False}

    def formula(person: Any, period: Any) -> Any:
        return eval(code, scope, {name: person(name, period) for name in names})  # The claims above, no input.

    return formula


def as_arrays(facts: pd.DataFrame) -> dict[str, np.ndarray[Any, Any]]:
    """The facts in the form of OpenFisca."""
    empty: dict[str, Any] = {"boolean": False, "integer": 0, "number": 0.0, "text": ""}
    return {
        name: facts[name].to_numpy(_KINDS[fact.type], na_value=empty[fact.type]) for name, fact in USER_FACTS.items()
    }


def zen_engine(rules: Sequence[Rule]) -> Callable[[list[dict[str, Any]]], list[list[int]]]:
    """The rules as expressions of one decision graph, evaluated in batches."""
    claims = {rule.name: claim_of(rule) for rule in rules}
    expressions = [
        {"id": name, "key": name, "value": f"{claim.fails} ? 0 : {claim.holds} ? 1 : 2"}
        for name, claim in claims.items()
    ]
    nodes: list[dict[str, Any]] = [
        {"id": "in", "type": "inputNode", "name": "facts"},
        {"id": "rules", "type": "expressionNode", "name": "rules", "content": {"expressions": expressions}},
        {"id": "out", "type": "outputNode", "name": "outcomes"},
    ]
    graph = {
        "nodes": [{**node, "position": {"x": 0, "y": 0}} for node in nodes],
        "edges": [
            {"id": "1", "sourceId": "in", "targetId": "rules", "type": "edge"},
            {"id": "2", "sourceId": "rules", "targetId": "out", "type": "edge"},
        ],
    }
    engine = zen.ZenEngine({"loader": {"type": "static", "content": {"book": graph}}})

    def run(rows: list[dict[str, Any]]) -> list[list[int]]:
        answers = engine.evaluate_batch([{"key": "book", "context": row} for row in rows])
        return [[answer["data"]["result"][name] for name in claims] for answer in answers]

    return run


def as_rows(facts: pd.DataFrame) -> list[dict[str, Any]]:
    """The facts in the form of zen-engine."""
    return [
        {str(name): None if value is pd.NA else value for name, value in row.items()}
        for row in facts.to_dict("records")
    ]
