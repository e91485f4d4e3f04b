"""Repeats an evaluation from its stored facts and books, and compares both."""

from collections.abc import Mapping

from rules.core.differences import Difference, differences_between, frame_of, in_words
from rules.eligibility.assignment import as_assigned
from rules.eligibility.book import EligibilityBook
from rules.eligibility.decide import decide
from rules.eligibility.engine import evaluate_books
from underwriting.domain.application import Product
from underwriting.domain.decision import FactValue, RulebookRef
from underwriting.domain.eligibility import Eligibility
from underwriting.domain.profile import FloatProfile


def reevaluated(
    product: Product,
    then: Eligibility,
    books: Mapping[RulebookRef, EligibilityBook],
    facts: Mapping[str, FactValue],
    profile: FloatProfile,
    affordability_cap: int | None,
) -> Eligibility:
    """The evaluation of `facts` by the books of `then`, as of the time of that decision.

    Which books apply is taken from `then`, since flags and segments of that day are not kept. KeyError where a book of
    `then` is not given.
    """
    assigned = {result.rulebook: result for result in then.books}
    evaluation = evaluate_books([books[ref] for ref in assigned], frame_of(facts))
    results = [as_assigned(result, assigned[result.rulebook]) for result in evaluation.book_results(0)]
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
    """Where two evaluations differ, from the verdict down to single rules; none where they agree."""
    return differences_between(_answers(then), _answers(now))


def _answers(eligibility: Eligibility) -> dict[str, str]:
    """The decision, the result of each book, and the result of each of its rules, in words."""
    names = ("verdict", "approved_amounts", "affordability_cap", "deciding", "reasons")
    found = {name: in_words(getattr(eligibility, name)) for name in names}
    for book in eligibility.books:
        found[str(book.rulebook)] = book.result if book.cap is None else f"{book.result}, up to {book.cap}"
        for outcome in book.outcomes:
            found[f"{book.rulebook}: {outcome.rule}"] = outcome.result
    return found
