"""How a rule is written in a rulebook: `Name` or `Name: {property: value}`; reading, writing, JSON Schema."""

from collections.abc import Callable, Mapping
from typing import Any

from pydantic import ValidationError

from rules.core.problems import reworded, wrong, wrong_at
from rules.core.rule import Rule
from rules.core.wording import did_you_mean
from underwriting.domain.money import amount_text


def reader_of(rules: Mapping[str, type[Rule]]) -> Callable[[object], object]:
    """A validator that turns what is written into one of `rules`."""

    def read(node: object) -> object:
        if isinstance(node, Rule):
            return node
        name, given = next(iter(node.items())) if isinstance(node, dict) and len(node) == 1 else (node, None)
        if not isinstance(name, str):
            raise wrong("write a rule as Name, or as Name: {property: value}")
        if name not in rules:
            raise wrong_at([((name,), f"no such rule; {did_you_mean(name, rules, 'the schema lists them')}")])
        if not isinstance(given, dict | None):
            raise wrong_at([((name,), "write its properties as {property: value}")])
        return _with_properties(rules[name], given or {})

    return read


def _with_properties(rule: type[Rule], given: dict[str, Any]) -> Rule:
    try:
        properties = {key: tuple(value) if isinstance(value, list) else value for key, value in given.items()}
        return rule.model_validate(properties)
    except ValidationError as error:
        raise reworded(error, rule, (rule.__name__,)) from None


def written(rule: Rule) -> object:
    """The shortest form that reads back to the same rule."""
    properties = rule.model_dump(mode="json")
    return {rule.name: properties} if properties else rule.name


def asked(rule: Rule, currency: str) -> list[str]:
    """What the rule asks, for people: each property with its value, amounts as money."""
    form = written(rule)
    properties = form[rule.name] if isinstance(form, dict) else {}
    return [f"{name} = {_shown(rule, name, value, currency)}" for name, value in properties.items()]


def _shown(rule: Rule, name: str, value: object, currency: str) -> str:
    if isinstance(value, list):
        return ", ".join(map(str, value))
    return amount_text(value, currency) if name in rule.amounts() and isinstance(value, int) else str(value)


def rule_schema(rule: type[Rule]) -> dict[str, Any]:
    """The JSON Schema of the rule as it is written."""
    name, schema = rule.__name__, rule.model_json_schema()
    full = {"type": "object", "properties": {name: schema}, "required": [name], "additionalProperties": False}
    return full if schema.get("required") else {"anyOf": [{"const": name}, full], "description": rule.__doc__}


def rules_schema(rules: Mapping[str, type[Rule]]) -> dict[str, Any]:
    """The JSON Schema of a list of such rules."""
    return {"type": "array", "minItems": 1, "items": {"oneOf": [rule_schema(rule) for rule in rules.values()]}}
