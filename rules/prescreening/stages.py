"""The stages of a rulebook: its rules, each in its check and once."""

from collections.abc import Iterator
from typing import Annotated, Any

from pydantic import AfterValidator, BeforeValidator, Field, PlainSerializer, WithJsonSchema

from rules.core.problems import wrong, wrong_at
from rules.core.rule import Rule
from rules.core.rule_syntax import reader_of, rules_schema, written
from rules.core.wording import did_you_mean
from rules.core.yaml_source import Path
from rules.facts import CHECKS
from rules.prescreening.catalogue import RULES


def _known_check(check: str) -> str:
    if check not in CHECKS:
        raise wrong(f"no such check; {did_you_mean(check, CHECKS, 'the checks are ' + ', '.join(CHECKS))}")
    return check


def _in_order(stage: dict[str, tuple[Rule, ...]]) -> dict[str, tuple[Rule, ...]]:
    """The checks of a stage in the order of the catalogue, whatever the order of the text."""
    return {check: stage[check] for check in CHECKS if check in stage}


def _stages_schema() -> dict[str, Any]:
    """One mapping for each stage, of each check to its rules with their properties."""
    checks = {
        check: rules_schema(rules)
        for check in CHECKS
        if (rules := {name: rule for name, rule in RULES.items() if rule.check == check})
    }
    stage = {"type": "object", "minProperties": 1, "additionalProperties": False, "properties": checks}
    return {"type": "array", "minItems": 1, "items": stage, "description": "Run one after another"}


Check = Annotated[str, AfterValidator(_known_check)]
BookRule = Annotated[Rule, BeforeValidator(reader_of(RULES)), PlainSerializer(written)]
# The checks of one stage run concurrently.
Stage = Annotated[
    dict[Check, Annotated[tuple[BookRule, ...], Field(min_length=1)]], Field(min_length=1), AfterValidator(_in_order)
]


def _each_in_its_check_and_once(stages: tuple[Stage, ...]) -> tuple[Stage, ...]:
    if problems := list(_misplaced(stages)):
        raise wrong_at(problems)
    return stages


def _misplaced(stages: tuple[Stage, ...]) -> Iterator[tuple[Path, str]]:
    checks: set[str] = set()
    for number, stage in enumerate(stages):
        for check, rules in stage.items():
            if check in checks:
                yield (number, check), "is in an earlier stage already; a check runs once"
            checks.add(check)
            names = [rule.name for rule in rules]
            for index, rule in enumerate(rules):
                if rule.check != check:
                    yield (
                        (number, check, index, rule.name),
                        f"belongs to the check {rule.check}, not to {check}; move it there",
                    )
                if rule.name in names[:index]:
                    yield (number, check, index, rule.name), "appears twice; keep one"


Stages = Annotated[
    tuple[Stage, ...],
    Field(min_length=1),
    AfterValidator(_each_in_its_check_and_once),
    WithJsonSchema(_stages_schema()),
]
