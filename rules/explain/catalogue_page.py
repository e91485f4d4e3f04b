"""The page docs/rules.md, from the code: each rule with its claim, properties, facts and reasons."""

from collections.abc import Iterator, Mapping
from inspect import getdoc
from itertools import product
from typing import Any

import pandas as pd

from rules.core.columns import Columns
from rules.core.reasons import reason
from rules.core.rule import Rule
from rules.core.rule_result import UNEXPLAINED, evaluate_rule
from rules.core.wording import wanted
from rules.eligibility import CATEGORIES
from rules.facts import CATALOGUE, CHECKS
from rules.prescreening.catalogue import RULES

_HEAD = """\
# Rules

Written by `underwriting rulebooks catalogue` from the code; do not edit. A rule passes where its claim is true, fails
where it is false, and is unknown where it depends on an unknown fact: then it never approves. Amounts are in
minor units of the rulebook's currency. A reason is a code, which never changes its meaning, and the sentence that the
customer reads. Every rule also takes `on_fail: refer`: a failure then goes to a person instead of rejecting.
"""
_FAMILIES = {
    "Rules about applications": "They are used in stages, by check; see [rulebooks](rulebooks.md).",
    "Rules about users": "They are used in books of eligibility, for floats and loans. Categories only order the page.",
}


def catalogue_page() -> str:
    """The page as Markdown."""
    lines = [_HEAD]
    for family, groups in _families().items():
        lines += [f"## {family}", "", _FAMILIES[family], ""]
        for group, rules in groups.items():
            lines += [f"### {group}", ""]
            lines += [line for rule in rules.values() for line in _section(rule)]
    return "\n".join(lines).rstrip() + "\n"


def catalogue_records() -> list[dict[str, Any]]:
    """The same as records, one for each rule: the properties as JSON schemas, facts and reasons by their names."""
    return [
        {
            "rule": rule.__name__,
            "family": family,
            "group": group,
            "sentence": getdoc(rule),
            "passes_where": _sentence(rule.claim),
            "properties": _own_properties(rule),
            "reads": facts_read_by(rule),
            "fails_as": rule.fails_as,
            "unknown_as": list(dict.fromkeys(_unknown_codes(rule))),
            "for_a_person_as": rule.grey_as,
        }
        for family, groups in _families().items()
        for group, rules in groups.items()
        for rule in rules.values()
    ]


def _families() -> dict[str, Mapping[str, Mapping[str, type[Rule]]]]:
    """Every rule, by family and by check or category."""
    by_check = {check: {name: rule for name, rule in RULES.items() if rule.check == check} for check in CHECKS}
    return dict(zip(_FAMILIES, (by_check, CATEGORIES), strict=True))


def _unknown_codes(rule: type[Rule]) -> Iterator[str]:
    """The reasons for which the rule may be unknown; the usual one first."""
    yield rule.unknown_as
    yield from rule.unknown_codes
    if rule.factors_in:
        yield UNEXPLAINED


def _section(rule: type[Rule]) -> Iterator[str]:
    yield f"#### {rule.__name__}"
    yield ""
    yield f"{getdoc(rule)} **Passes where:** {_sentence(rule.claim)}"
    yield ""
    for name, schema in _own_properties(rule).items():
        yield f"- `{name}`: {wanted(schema)}"
    if rule.cap is not Rule.cap:
        yield f"- Allows, where it passes: {_sentence(rule.cap)}"
    for name in facts_read_by(rule):
        fact = CATALOGUE[name]
        yield f"- Reads `{name}`: {fact.meaning}{f' ({fact.unit})' if fact.unit else ''}"
    yield f"- Fails as `{rule.fails_as}`: {reason(rule.fails_as).sentence}"
    for code in _unknown_codes(rule):
        yield f"- Unknown as `{code}`: {reason(code).sentence}"
    if rule.grey_as:
        yield f"- For a person to judge as `{rule.grey_as}`: {reason(rule.grey_as).sentence}"
    yield ""


def facts_read_by(rule: type[Rule]) -> tuple[str, ...]:
    """Every fact that the rule may read, whatever its properties."""
    nobody = Columns(pd.DataFrame(index=["nobody"]))
    return tuple(dict.fromkeys(name for one in _examples(rule) for name in evaluate_rule(one, nobody).facts_read))


def _examples(rule: type[Rule]) -> Iterator[Rule]:
    """The rule with the lowest properties, and with each of those that it offers to choose from."""
    schemas = _own_properties(rule)
    for values in product(*(_values(schema) for schema in schemas.values())):
        yield rule.model_validate(dict(zip(schemas, values, strict=True)))


def _own_properties(rule: type[Rule]) -> dict[str, Any]:
    """The JSON schemas of the properties that not every rule has."""
    return {name: schema for name, schema in rule.model_json_schema()["properties"].items() if name != "on_fail"}


def _values(schema: Mapping[str, Any]) -> list[object]:
    if "enum" in schema:
        return list(schema["enum"])
    if schema["type"] == "array":
        # A country, or any other text.
        return [("US",)]
    lowest = max(schema.get("minimum", 0), 0)
    return [lowest if schema["type"] == "integer" else float(lowest)]


def _sentence(described: object) -> str:
    """A docstring as one line."""
    return " ".join((getdoc(described) or "").split())
