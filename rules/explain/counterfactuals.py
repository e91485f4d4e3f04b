"""The nearest facts with which a rule passes, and the missing ones that would decide it."""

import math
from collections.abc import Iterable, Sequence
from functools import partial
from itertools import combinations, pairwise, product

import numpy as np

from rules.core.columns import Mask
from rules.core.rule import Rule
from rules.core.rule_result import PASS, UNKNOWN
from rules.explain.conditions import Among, Condition, Missing, Number, Span, Way
from rules.explain.values import OTHER_TEXT, between, choices, few, ladder
from rules.explain.would_pass import Known, answers, facts_read
from rules.facts import CATALOGUE, Fact
from underwriting.domain.decision import FactValue

# More facts at once would be no useful advice, and too many rows.
MOST_FACTS = 3
# Rounds in which conditions on several facts come to fit each other; two are enough as a rule.
_MOVES = 10
# Values tried between two neighbours with different results.
STEPS = 64
# A border that is no property's value is found to this share of it.
PRECISION = 1e-6


def ways_to_pass(rule: Rule, facts: Known) -> tuple[Way, ...]:
    """The smallest sets of facts that would make the rule pass if they were different; the nearest first.

    Single facts where one suffices, else pairs, else three together; none where no such change helps, and where the
    rule passes as it is. For an unknown rule only known facts are changed; `missing_facts` has the others.
    """
    if (result := _result(rule, facts)) == PASS:
        return ()
    names_read = [name for name in facts_read(rule) if result != UNKNOWN or facts.get(name) is not None]
    impossible: list[Way] = []
    for size in range(1, min(len(names_read), MOST_FACTS) + 1):
        found = [way for names in combinations(names_read, size) if (way := _way(rule, facts, names)) is not None]
        if possible := [way for way in found if is_open(way, facts)]:
            return tuple(sorted(possible, key=partial(_effort, facts)))
        impossible = impossible or found
    return tuple(sorted(impossible, key=partial(_effort, facts)))


def is_open(way: Way, facts: Known) -> bool:
    """Whether somebody with these facts can take the way: a fact that never falls would not have to."""
    return not any(
        isinstance(condition, Span) and CATALOGUE[name].never_falls and condition.is_below(facts.get(name))
        for name, condition in way.changes
    )


def missing_facts(rule: Rule, facts: Known) -> tuple[Missing, ...]:
    """The sets of facts that are not known and would, or might, decide the rule if they were; small ones first.

    A set with another one in it is among them only if it decides for sure, and the other one does not.
    """
    if _result(rule, facts) != UNKNOWN:
        return ()
    unknown = [name for name in facts_read(rule) if facts.get(name) is None]
    found: list[Missing] = []
    for size in range(1, min(len(unknown), MOST_FACTS) + 1):
        tried = [_missing(rule, facts, names) for names in combinations(unknown, size)]
        found += [one for one in tried if one is not None and not any(_says_as_much(smaller, one) for smaller in found)]
        if any(missing.always for missing in found):
            break
    return tuple(found)


def passing(rule: Rule, facts: Known, name: str) -> tuple[Condition, ...]:
    """With which values of one fact the rule passes, all others as they are; none where with no value."""
    fact = CATALOGUE[name]
    if fact.type in {"boolean", "text"}:
        return _passing_among(rule, facts, fact)
    values = ladder(rule, fact, facts.get(name))
    while True:
        passes = answers(rule, facts, {name: values}) == PASS
        finer = _refined(fact, values, passes)
        if finer == values:
            return tuple(_spans(values, passes))
        values = finer


def _result(rule: Rule, facts: Known) -> int:
    return int(answers(rule, facts, {})[0])


def _way(rule: Rule, facts: Known, names: Sequence[str]) -> Way | None:
    """The nearest values of these facts with which the rule passes; None where there are none."""
    if len(names) == 1:
        found = [Way(((names[0], condition),)) for condition in passing(rule, facts, names[0])]
        return min(found, key=partial(_effort, facts), default=None)
    chosen = _nearest_together(rule, facts, names)
    if chosen is None:
        return None
    # Each condition depends on the others' values, so all move to their nearest ends until none moves any more: then
    # the rule passes with all of these ends together.
    changes: dict[str, Condition] = {}
    for _ in range(_MOVES):
        before = dict(chosen)
        for name in names:
            conditions = passing(rule, {**facts, **chosen}, name)
            changes[name] = next(condition for condition in conditions if condition.holds(chosen[name]))
            chosen[name] = changes[name].nearest(facts.get(name), chosen[name])
        if chosen == before:
            break
    return Way(tuple(changes.items()))


def _nearest_together(rule: Rule, facts: Known, names: Sequence[str]) -> dict[str, FactValue] | None:
    """Values of several facts with which the rule passes: those the fewest steps from the actual ones."""
    values = [few(rule, CATALOGUE[name], facts.get(name)) for name in names]
    steps = list(product(*(range(len(found)) for found in values)))
    columns = {name: [values[column][row[column]] for row in steps] for column, name in enumerate(names)}
    passes = np.flatnonzero(answers(rule, facts, columns) == PASS)
    if not len(passes):
        return None
    best = min((steps[row] for row in passes), key=sum)
    return {name: values[column][best[column]] for column, name in enumerate(names)}


def _missing(rule: Rule, facts: Known, names: Sequence[str]) -> Missing | None:
    """What knowing these facts would do; None where they alone never pass the rule and do not always decide it."""
    rows = list(product(*(few(rule, CATALOGUE[name], None) for name in names)))
    columns = {name: [row[column] for row in rows] for column, name in enumerate(names)}
    always = bool((answers(rule, facts, columns) != UNKNOWN).all())
    passes = _way(rule, facts, names)
    return Missing(tuple(names), always, passes) if always or passes else None


def _says_as_much(smaller: Missing, larger: Missing) -> bool:
    return set(smaller.facts) < set(larger.facts) and (smaller.always or not larger.always)


def _effort(facts: Known, way: Way) -> float:
    """How far a way is from the actual facts, relative to the size of each."""
    return sum(_relative(condition, facts.get(name)) for name, condition in way.changes)


def _relative(condition: Condition, observed: FactValue) -> float:
    if isinstance(condition, Among) or not isinstance(observed, int | float):
        return 1.0
    return condition.distance(observed) / max(1.0, abs(observed))


def _passing_among(rule: Rule, facts: Known, fact: Fact) -> tuple[Condition, ...]:
    values = choices(rule, fact, facts.get(fact.name))
    passes = dict(zip(values, answers(rule, facts, {fact.name: values}) == PASS, strict=True))
    if passes.get(OTHER_TEXT):
        return (Among(tuple(value for value in values if not passes[value]), but=True),)
    found = tuple(value for value in values if passes[value])
    return (Among(found),) if found else ()


def _refined(fact: Fact, values: list[Number], passes: Mask) -> list[Number]:
    """The values, with more of them between neighbours that differ."""
    finer = set(values)
    for number, (left, right) in enumerate(pairwise(values)):
        if passes[number] != passes[number + 1] and not _adjacent(fact, left, right):
            finer.update(between(fact, left, right, STEPS))
    return sorted(finer)


def _adjacent(fact: Fact, left: Number, right: Number) -> bool:
    return right - left <= (1 if fact.type == "integer" else PRECISION * max(abs(left), abs(right)))


def _spans(values: Sequence[Number], passes: Mask) -> Iterable[Span]:
    """Runs of passing values, by their borders."""
    edges = np.flatnonzero(np.diff(np.concatenate(([0], passes.astype(np.int8), [0]))))
    for start, stop in zip(edges[::2], edges[1::2], strict=True):
        low = _border(values[start], values[start - 1]) if start else (None, False)
        high = _border(values[stop - 1], values[stop]) if stop < len(values) else (None, False)
        yield Span(low[0], high[0], low[1], high[1])


def _border(inside: Number, outside: Number) -> tuple[Number, bool]:
    """The number that names a border, and whether it is outside; of two adjacent numbers the shorter one."""
    touching = isinstance(inside, float) and inside in {
        math.nextafter(outside, math.inf),
        math.nextafter(outside, -math.inf),
    }
    is_open = touching and len(repr(outside)) < len(repr(inside))
    return (outside, True) if is_open else (inside, False)
