"""The same evaluation once more, from its frozen facts and books: the same answer, or where it differs."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import pandas as pd

from rules.eligibility.aggregate import judge
from rules.eligibility.book import EligibilityBook
from rules.eligibility.engine import evaluate_books
from rules.facts import USER_FACTS
from underwriting.domain.application import Product
from underwriting.domain.decision import FactValue, Result, RulebookRef
from underwriting.domain.eligibility import BookResult, Eligibility
from underwriting.domain.profile import FloatProfile


@dataclass(frozen=True)
class Difference:
    """One place where two evaluations differ: `verdict`, or `standard-float v3: MinimumIncome`."""

    place: str
    then: str
    now: str


def rejudged(
    product: Product,
    then: Eligibility,
    books: Mapping[RulebookRef, EligibilityBook],
    facts: Mapping[str, FactValue],
    profile: FloatProfile,
    affordability_cap: int | None,
) -> Eligibility:
    """The evaluation of `facts` by the books that judged `then`, as of the moment of that decision.

    Whom a book applies to is taken from `then`: flags and segments of that day are not kept. KeyError where a book of
    `then` is not given.
    """
    assigned = {said.rulebook: said for said in then.books}
    evaluation = evaluate_books([books[ref] for ref in assigned], frame_of(facts))
    results = [_as_assigned(result, assigned[result.rulebook]) for result in evaluation.book_results(0)]
    return judge(product, books.values(), results, profile, affordability_cap, facts, then.decided_at, then.troubles)


def differences(then: Eligibility, now: Eligibility) -> list[Difference]:
    """Where two evaluations differ, from the verdict down to single rules; none where they say the same."""
    found = [
        Difference(name, _said(getattr(then, name)), _said(getattr(now, name)))
        for name in ("verdict", "approved_amounts", "deciding", "reasons")
        if getattr(then, name) != getattr(now, name)
    ]
    before, after = _by_rule(then), _by_rule(now)
    for place in [*before, *(place for place in after if place not in before)]:
        if before.get(place) != after.get(place):
            found.append(Difference(place, before.get(place, "not asked"), after.get(place, "not asked")))
    return found


def fact_differences(then: Mapping[str, FactValue], now: Mapping[str, FactValue]) -> list[Difference]:
    """The facts that are not what they were, by name."""
    return [
        Difference(name, _said(then.get(name)), _said(now.get(name)))
        for name in sorted({*then, *now})
        if then.get(name) != now.get(name)
    ]


def frame_of(facts: Mapping[str, FactValue]) -> pd.DataFrame:
    """One user's facts as a frame of one row; what is no fact about users any more is left out."""
    known = {name: value for name, value in facts.items() if name in USER_FACTS}
    columns = {
        name: pd.Series([pd.NA if value is None else value], dtype=USER_FACTS[name].dtype)
        for name, value in known.items()
    }
    return pd.DataFrame(columns, index=range(1))


def _as_assigned(result: BookResult, then: BookResult) -> BookResult:
    said = result.result if then.certain else Result.UNKNOWN
    return result.model_copy(update={"arm": then.arm, "certain": then.certain, "result": said})


def _by_rule(eligibility: Eligibility) -> dict[str, str]:
    """What each book came to, and what each of its rules said."""
    found: dict[str, str] = {}
    for book in eligibility.books:
        found[str(book.rulebook)] = _said((book.result.value, book.cap))
        for outcome in book.outcomes:
            found[f"{book.rulebook}: {outcome.rule}"] = outcome.result.value
    return found


def _said(value: object) -> str:
    match value:
        case None:
            return "unknown"
        case (str(result), int(cap)):
            return f"{result}, up to {cap}"
        case (str(result), None):
            return result
        case tuple() | list():
            return ", ".join(getattr(each, "code", str(each)) for each in value) or "none"
        case _:
            return str(value)


def named(differences_found: Iterable[Difference]) -> list[str]:
    """Differences in words."""
    return [f"{each.place}: {each.then} then, {each.now} now" for each in differences_found]
