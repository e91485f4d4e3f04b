"""What the books say of one user: those that apply, each with its arm."""

from collections.abc import Iterable, Mapping

import pandas as pd

from rules.core.columns import Columns
from rules.eligibility.assignment import Assignment, applies
from rules.eligibility.book import EligibilityBook
from rules.eligibility.engine import evaluate_books
from underwriting.domain.decision import Result
from underwriting.domain.eligibility import BookResult


def results_for(
    books: Iterable[EligibilityBook], user_id: str, facts: pd.DataFrame, flags: Mapping[str, bool]
) -> tuple[BookResult, ...]:
    """What every book that applies to the user says; `facts` is the user's one row, its `segment` included.

    `flags` has the flags whose value for this user is known. ValueError where there is not exactly one row.
    """
    if len(facts) != 1:
        raise ValueError(f"one user has one row of facts, not {len(facts)}")
    segment = Columns(facts).value("segment", 0)
    found = [(book, applies(book, user_id, None if segment is None else str(segment), flags)) for book in books]
    assigned = {book.ref: assignment for book, assignment in found if assignment.applies}
    evaluation = evaluate_books((book for book, _ in found if book.ref in assigned), facts)
    return tuple(_as_assigned(result, assigned[result.rulebook]) for result in evaluation.book_results(0))


def _as_assigned(result: BookResult, assignment: Assignment) -> BookResult:
    """The result with its arm; unknown where it is not known whether the book applies."""
    said = result.result if assignment.certain else Result.UNKNOWN
    return result.model_copy(update={"arm": assignment.arm, "certain": assignment.certain, "result": said})
