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
from underwriting.domain.money import amount_text
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


def with_books_named(eligibility: Eligibility, refs: Mapping[RulebookRef, RulebookRef]) -> Eligibility:
    """The same under other names of books, so that a draft is compared with the edition that it replaces."""
    books = (each.model_copy(update={"rulebook": refs.get(each.rulebook, each.rulebook)}) for each in eligibility.books)
    deciding = eligibility.deciding and refs.get(eligibility.deciding, eligibility.deciding)
    return eligibility.model_copy(update={"books": tuple(books), "deciding": deciding})


def _answers(eligibility: Eligibility) -> dict[str, str]:
    """The decision, the result of each book, and the result of each of its rules, in words."""
    currency, cap = eligibility.currency, eligibility.affordability_cap
    found = {
        "verdict": str(eligibility.verdict),
        "approved_amounts": in_words(tuple(amount_text(minor, currency) for minor in eligibility.approved_amounts)),
        "affordability_cap": in_words(None if cap is None else amount_text(cap, currency)),
        "deciding": in_words(eligibility.deciding),
        "reasons": in_words(eligibility.reasons),
    }
    for book in eligibility.books:
        up_to = "" if book.cap is None else f", up to {amount_text(book.cap, currency)}"
        found[str(book.rulebook)] = f"{book.result}{up_to}"
        for outcome in book.outcomes:
            found[f"{book.rulebook}: {outcome.rule}"] = outcome.result
    return found
