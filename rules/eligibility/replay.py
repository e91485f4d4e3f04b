"""The same evaluation once more, from its frozen facts and books: the same answer, or where it differs."""

from collections.abc import Mapping

from rules.core.differences import Difference, by_place, frame_of, in_words
from rules.eligibility.book import EligibilityBook
from rules.eligibility.decide import decide
from rules.eligibility.engine import evaluate_books
from underwriting.domain.application import Product
from underwriting.domain.decision import FactValue, Result, RulebookRef
from underwriting.domain.eligibility import BookResult, Eligibility
from underwriting.domain.profile import FloatProfile


def reevaluated(
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
    return decide(
        product,
        books.values(),
        results,
        profile,
        affordability_cap,
        facts,
        then.decided_at,
        then.troubles,
        then.policy,
        then.fact_terms,
    )


def differences(then: Eligibility, now: Eligibility) -> list[Difference]:
    """Where two evaluations differ, from the verdict down to single rules; none where they say the same."""
    return by_place(_told(then), _told(now))


def _as_assigned(result: BookResult, then: BookResult) -> BookResult:
    said = result.result if then.certain else Result.UNKNOWN
    return result.model_copy(update={"arm": then.arm, "certain": then.certain, "result": said})


def _told(eligibility: Eligibility) -> dict[str, str]:
    """What it came to, what each book did, and what each of its rules said."""
    told = ("verdict", "approved_amounts", "affordability_cap", "deciding", "reasons")
    found = {name: in_words(getattr(eligibility, name)) for name in told}
    for book in eligibility.books:
        found[str(book.rulebook)] = book.result if book.cap is None else f"{book.result}, up to {book.cap}"
        for outcome in book.outcomes:
            found[f"{book.rulebook}: {outcome.rule}"] = outcome.result
    return found
