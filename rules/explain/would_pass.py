"""Evaluates one rule on many possible facts at once."""

from collections.abc import Mapping, Sequence

import pandas as pd

from rules.core.columns import Columns
from rules.core.rule import Rule
from rules.core.rule_result import Results, RuleResult, evaluate_rule
from rules.facts import CATALOGUE
from underwriting.domain.decision import FactValue

Known = Mapping[str, FactValue]


def facts_read(rule: Rule) -> tuple[str, ...]:
    """The facts that a rule reads, in its order."""
    return _evaluated(rule, {}, 1).facts_read


def answers(rule: Rule, facts: Known, columns: Mapping[str, Sequence[FactValue]]) -> Results:
    """The rule's results, FAIL, PASS or UNKNOWN, with each row of `columns` in the place of those facts.

    It is UNKNOWN where a person would have to look.
    """
    count = max(map(len, columns.values()), default=1)
    names = (*facts_read(rule), *rule.factors_in)
    given = {name: [facts.get(name)] * count for name in names} | dict(columns)
    return _evaluated(rule, given, count).results


def _evaluated(rule: Rule, given: Mapping[str, Sequence[FactValue]], count: int) -> RuleResult:
    columns = {
        name: pd.Series([pd.NA if value is None else value for value in values], dtype=CATALOGUE[name].dtype)
        for name, values in given.items()
    }
    return evaluate_rule(rule, Columns(pd.DataFrame(columns, index=range(count))))
