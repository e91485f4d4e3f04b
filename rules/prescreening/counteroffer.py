"""What would be approved instead: the request fails only rules that hang on its amount or term.

Each check keeps what these facts are for every alternative of the rulebook (`CheckResult.alternatives`), so that the
same offer follows from what is stored.
"""

from collections.abc import Collection, Sequence

import pandas as pd

from rules.facts import CATALOGUE, facts_of
from rules.prescreening.book import Rulebook
from rules.prescreening.engine import evaluate
from underwriting.domain.decision import CheckResult, Outcome, Result

BY_REQUEST = frozenset(fact.name for fact in CATALOGUE.values() if fact.by_request)


def hangs_on_request(outcome: Outcome) -> bool:
    """Whether another amount or term could make the rule say something else."""
    return not BY_REQUEST.isdisjoint(outcome.observed)


def fails_by_request_alone(results: Collection[CheckResult]) -> bool:
    """Whether something fails, and all that fails hangs on the amount or the term."""
    fails = [outcome for result in results for outcome in result.outcomes if outcome.result is Result.FAIL]
    return bool(fails) and all(hangs_on_request(outcome) for outcome in fails)


def asks_for_alternatives(check: str) -> bool:
    """Whether a check has facts that hang on the amount or the term."""
    return any(fact.name in BY_REQUEST for fact in facts_of(check))


def possible(book: Rulebook, results: Sequence[CheckResult]) -> bool:
    """Whether some alternative fails none of the checks so far."""
    return any(Result.FAIL not in said for said in _by_alternative(book, results))


def passing(book: Rulebook, results: Sequence[CheckResult]) -> int | None:
    """The number of the first alternative that passes where the request failed, in a review that passes otherwise.

    None where there is none: an unknown never approves, and so it offers nothing.
    """
    others = [each for result in results for each in result.outcomes if not hangs_on_request(each)]
    heard = {outcome.rule for result in results for outcome in result.outcomes}
    if heard != {rule.name for rule in book.rules} or any(each.result is not Result.PASS for each in others):
        return None
    found = (number for number, said in enumerate(_by_alternative(book, results)) if said <= {Result.PASS})
    return next(found, None)


def _by_alternative(book: Rulebook, results: Sequence[CheckResult]) -> list[set[Result]]:
    """What the rules that hang on the request say of each alternative; none where a check did not look at them."""
    hanging = [result for result in results if any(map(hangs_on_request, result.outcomes))]
    if any(not result.alternatives for result in hanging):
        return []
    said = [_of_check(book, result) for result in hanging]
    return [set().union(*parts) for parts in zip(*said, strict=True)]


def _of_check(book: Rulebook, result: CheckResult) -> list[set[Result]]:
    rows = [{**result.facts, **changed} for changed in result.alternatives]
    known = [name for name in result.facts if name in CATALOGUE]
    columns = {
        name: pd.Series([pd.NA if row[name] is None else row[name] for row in rows], dtype=CATALOGUE[name].dtype)
        for name in known
    }
    heard = evaluate(book, pd.DataFrame(columns, index=range(len(rows))), [result.check])
    return [
        {outcome.result for outcome in heard.outcomes(row) if hangs_on_request(outcome)} for row in range(len(rows))
    ]
