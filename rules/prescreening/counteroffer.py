"""Which alternative to the request would be approved, where the request fails only by its amount or term.

Each check stores the facts that depend on the request for every alternative of the rulebook
(`CheckResult.alternatives`), so that the same offer follows from what is stored.
"""

from collections.abc import Collection, Sequence

from rules.core.differences import frame_of
from rules.facts import CATALOGUE, facts_of
from rules.prescreening.book import Rulebook
from rules.prescreening.engine import evaluate
from underwriting.domain.decision import CheckResult, Outcome, Result

BY_REQUEST = frozenset(fact.name for fact in CATALOGUE.values() if fact.by_request)


def depends_on_request(outcome: Outcome) -> bool:
    """Whether another amount or term could change the outcome."""
    return not BY_REQUEST.isdisjoint(outcome.observed)


def fails_only_by_request(results: Collection[CheckResult]) -> bool:
    """Whether something fails, and all failures depend on the amount or the term."""
    fails = [outcome for result in results for outcome in result.outcomes if outcome.result is Result.FAIL]
    return bool(fails) and all(map(depends_on_request, fails))


def has_facts_by_request(check: str) -> bool:
    """Whether a check has facts that depend on the amount or the term."""
    return any(fact.name in BY_REQUEST for fact in facts_of(check))


def an_alternative_may_pass(book: Rulebook, results: Sequence[CheckResult]) -> bool:
    """Whether some alternative fails none of the checks so far."""
    return any(Result.FAIL not in found for found in _by_alternative(book, results))


def first_passing_alternative(book: Rulebook, results: Sequence[CheckResult]) -> int | None:
    """The number of the first alternative that passes, if every rule that does not depend on the request passes.

    None where there is none: an unknown never approves, and so no offer is made.
    """
    outcomes = [outcome for result in results for outcome in result.outcomes]
    complete = {outcome.rule for outcome in outcomes} == {rule.name for rule in book.rules}
    if not complete or any(each.result is not Result.PASS for each in outcomes if not depends_on_request(each)):
        return None
    found = _by_alternative(book, results)
    return next((number for number, each in enumerate(found) if each <= {Result.PASS}), None)


def _by_alternative(book: Rulebook, results: Sequence[CheckResult]) -> list[set[Result]]:
    """The results, for each alternative, of the rules that depend on the request; none where a check has no facts."""
    dependent = [result for result in results if any(map(depends_on_request, result.outcomes))]
    if any(not result.alternatives for result in dependent):
        return []
    by_check = [_of_check(book, result) for result in dependent]
    return [set().union(*parts) for parts in zip(*by_check, strict=True)]


def _of_check(book: Rulebook, result: CheckResult) -> list[set[Result]]:
    rows = [{**result.facts, **changed} for changed in result.alternatives]
    evaluation = evaluate(book, frame_of(*rows), [result.check])
    return [{each.result for each in evaluation.outcomes(row) if depends_on_request(each)} for row in range(len(rows))]
