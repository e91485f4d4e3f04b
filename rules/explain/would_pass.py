"""Asking one rule about many facts at once."""

from collections.abc import Mapping, Sequence

import pandas as pd

from rules.core.columns import Columns
from rules.core.rule import Rule
from rules.core.rule_result import Results, RuleResult, evaluate_rule
from rules.facts import CATALOGUE
from underwriting.domain.decision import FactValue

Known = Mapping[str, FactValue]


def facts_read(rule: Rule) -> tuple[str, ...]:
    """The facts that a rule looks at, in its order."""
    return _said(rule, {}, 1).read


def answers(rule: Rule, facts: Known, columns: Mapping[str, Sequence[FactValue]]) -> Results:
    """What the rule says with each row of `columns` in the place of facts: FAIL, PASS or UNKNOWN.

    Where a person would have to look, it is unknown.
    """
    count = max(map(len, columns.values()), default=1)
    names = (*facts_read(rule), *rule.factors_in)
    given = {name: [facts.get(name)] * count for name in names} | dict(columns)
    return _said(rule, given, count).results


def _said(rule: Rule, given: Mapping[str, Sequence[FactValue]], count: int) -> RuleResult:
    columns = {name: pd.Series(_nullable(values), dtype=CATALOGUE[name].dtype) for name, values in given.items()}
    return evaluate_rule(rule, Columns(pd.DataFrame(columns, index=range(count))))


def _nullable(values: Sequence[FactValue]) -> list[object]:
    return [pd.NA if value is None else value for value in values]
