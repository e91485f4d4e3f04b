"""The facts for other amounts and terms, if only amount and term prevent an approval."""

import asyncio
from collections.abc import Sequence

from rules.core.columns import Columns
from rules.facts import compute_facts, facts_of
from rules.prescreening.counteroffer import BY_REQUEST, fails_only_by_request, has_facts_by_request
from tasks.review import Review
from underwriting.domain.decision import CheckResult, FactValue


async def with_alternatives(review: Review, results: Sequence[CheckResult]) -> list[CheckResult]:
    """The results so far, with the facts of every alternative that the rulebook may offer instead of the request.

    Unchanged if nothing fails, or if something fails that does not depend on the request.
    """
    if not fails_only_by_request(results) or not review.book.alternatives(review.application):
        return list(results)
    return [await asyncio.to_thread(_with_alternatives, review, result) for result in results]


def _with_alternatives(review: Review, result: CheckResult) -> CheckResult:
    if result.alternatives or not has_facts_by_request(result.check):
        return result
    tables = review.tables()
    names = [fact.name for fact in facts_of(result.check) if fact.name in BY_REQUEST]
    found: list[dict[str, FactValue]] = []
    for offer in review.book.alternatives(review.application):
        columns = Columns(compute_facts(result.check, {**tables, **review.request_tables(offer)}))
        found.append({name: columns.value(name, 0) for name in names})
    return result.model_copy(update={"alternatives": tuple(found)})
