"""The values of a fact that are worth trying on a rule."""

import math
from collections.abc import Iterable, Sequence
from datetime import date
from typing import TypeGuard

from rules.core.rule import Rule
from rules.explain.conditions import Number
from rules.facts import Fact
from underwriting.domain.decision import FactValue
from underwriting.domain.money import MAX_MINOR

# What a count or a ratio may be, where its unit does not say.
LARGE = 10**9
# Stands for every text that the rule does not mention.
OTHER_TEXT = "\x00"
# Where several facts are changed at once: as many of each as the properties and their neighbours need.
FEW = 40
POWERS = {"integer": range(40), "number": range(-10, 40)}


def choices(rule: Rule, fact: Fact, observed: FactValue) -> list[FactValue]:
    """True and False; for a text those that the rule mentions, the observed one, and one for all others."""
    if fact.type == "boolean":
        return [True, False]
    mentioned = {value for value in _properties(rule) if isinstance(value, str)}
    if isinstance(observed, str):
        mentioned.add(observed)
    return [*sorted(mentioned), OTHER_TEXT]


def ladder(rule: Rule, fact: Fact, observed: FactValue) -> list[Number]:
    """Numbers in order, over all that the fact may be: the anchors, and powers of two of either sign."""
    low, high = _domain(fact)
    rungs = (sign * 2.0**power for power in POWERS[fact.type] for sign in (1, -1))
    inside = (rung for rung in rungs if low <= rung <= high)
    return sorted({*_anchors(rule, fact, observed), *(_typed(fact, rung) for rung in inside)})


def few(rule: Rule, fact: Fact, observed: FactValue) -> list[FactValue]:
    """Values to try together with those of other facts: the observed one first, then ever further from it."""
    if fact.type in {"boolean", "text"}:
        return sorted(choices(rule, fact, observed), key=lambda value: value != observed)
    anchors = _anchors(rule, fact, observed)
    start = observed if isinstance(observed, int | float) else anchors[len(anchors) // 2]
    nearest: list[FactValue] = list(sorted(anchors, key=lambda value: abs(value - start))[:FEW])
    return nearest


def between(fact: Fact, left: Number, right: Number, count: int) -> Iterable[Number]:
    """Further values between two, evenly spread."""
    step = (right - left) / count
    return (_typed(fact, left + step * number) for number in range(1, count))


def _anchors(rule: Rule, fact: Fact, observed: FactValue) -> list[Number]:
    """The ends of what the fact may be, what it is, the numbers of the rule, and the neighbours of all of them."""
    low, high = _domain(fact)
    numbers = [number for number in _properties(rule) if _is_number(number)]
    # A claim may look at a fact without its sign.
    points = [low, high, 0, *numbers, *(-number for number in numbers)]
    if _is_number(observed):
        points.append(observed)
    near = (neighbour for point in points for neighbour in _neighbours(fact, point))
    return sorted({value for value in near if low <= value <= high})


def _neighbours(fact: Fact, point: Number) -> Sequence[Number]:
    if fact.type == "integer":
        floor = math.floor(point)
        return floor - 1, floor, floor + 1
    return math.nextafter(point, -math.inf), float(point), math.nextafter(point, math.inf)


def _domain(fact: Fact) -> tuple[Number, Number]:
    """The least and the largest value that a fact can have, by its unit in the catalogue."""
    if fact.is_amount:
        return -MAX_MINOR, MAX_MINOR
    low, dots, high = (fact.unit or "").partition("..")
    return (_typed(fact, float(low)), _typed(fact, float(high))) if dots else (0, LARGE)


def _typed(fact: Fact, value: float) -> Number:
    return int(value) if fact.type == "integer" else value


def _is_number(value: object) -> TypeGuard[Number]:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _properties(rule: Rule) -> Iterable[object]:
    """Every number and text among a rule's properties, however deep."""
    return _leaves(rule.model_dump(exclude={"on_fail"}))


def _leaves(value: object) -> Iterable[object]:
    match value:
        case dict():
            for inner in value.values():
                yield from _leaves(inner)
        case list() | tuple() | set() | frozenset():
            for inner in value:
                yield from _leaves(inner)
        case date():
            return
        case _:
            yield value
