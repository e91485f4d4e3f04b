"""The results of the books that apply to one user."""

from collections.abc import Iterable, Mapping

import pandas as pd

from rules.core.columns import Columns
from rules.eligibility.assignment import applies, as_assigned
from rules.eligibility.book import EligibilityBook
from rules.eligibility.engine import evaluate_books
from underwriting.domain.eligibility import BookResult


def results_for(
    books: Iterable[EligibilityBook], user_id: str, facts: pd.DataFrame, flags: Mapping[str, bool]
) -> tuple[BookResult, ...]:
    """The result of every book that applies to the user; `facts` is the user's row, `segment` included.

    `flags` has the flags whose value for this user is known. ValueError where there is not exactly one row.
    """
    if len(facts) != 1:
        raise ValueError(f"one user has one row of facts, not {len(facts)}")
    segment = Columns(facts).value("segment", 0)
    found = [(book, applies(book, user_id, None if segment is None else str(segment), flags)) for book in books]
    assigned = {book.ref: assignment for book, assignment in found if assignment.applies}
    evaluation = evaluate_books((book for book, _ in found if book.ref in assigned), facts)
    return tuple(as_assigned(result, assigned[result.rulebook]) for result in evaluation.book_results(0))
