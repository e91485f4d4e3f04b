"""Runs books of eligibility over a frame of facts: one user or a million, the same call."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import pandas as pd

from rules.core.columns import Columns
from rules.core.rule import Rule
from rules.core.rule_result import FAIL, NO_CAP, PASS, RESULTS, UNKNOWN, Positions, Results, RuleResult, evaluate_rule
from rules.eligibility.book import EligibilityBook
from underwriting.domain.eligibility import BookResult

Amounts = np.ndarray[Any, np.dtype[np.int64]]


@dataclass(frozen=True)
class BookEvaluation:
    """What each rule of a book said of every row, in book order, and what that comes to."""

    book: EligibilityBook
    said: tuple[RuleResult, ...]
    facts: Columns

    @cached_property
    def results(self) -> Results:
        """FAIL where any rule fails, PASS where all pass, else UNKNOWN."""
        failed = np.zeros(len(self.facts.index), bool)
        unknown = failed.copy()
        for said in self.said:
            failed |= said.results == FAIL
            unknown |= said.results == UNKNOWN
        return np.where(failed, FAIL, np.where(unknown, UNKNOWN, PASS)).astype(np.int8)

    @cached_property
    def first_failed(self) -> Positions:
        """The place of the first rule, in book order, that failed each row; -1 where none did."""
        first = np.full(len(self.facts.index), -1, np.int16)
        # The earlier rule is written last, and so it stays.
        for place in reversed(range(len(self.said))):
            first[self.said[place].results == FAIL] = place
        return first

    @cached_property
    def caps(self) -> Amounts:
        """The lowest amount that the rules allow each row, minor units; -1 where none sets a cap.

        A rule that fails allows nothing. One that is unknown allows, if it should pass, what it allows for certain:
        nothing, where that is not known either.
        """
        lowest = np.full(len(self.facts.index), np.iinfo(np.int64).max)
        for said in self.said:
            if said.allowed is not None:
                allowed = np.where(said.results == FAIL, 0, said.allowed.to_numpy(np.int64, na_value=0))
                capping = allowed != NO_CAP
                lowest[capping] = np.minimum(lowest, allowed)[capping]
        return np.where(lowest == np.iinfo(np.int64).max, NO_CAP, lowest)

    def result(self, row: int) -> BookResult:
        """The same of one row, with every rule's outcome and the facts it looked at."""
        first, cap = int(self.first_failed[row]), int(self.caps[row])
        return BookResult(
            rulebook=self.book.ref,
            priority=self.book.priority,
            superseding=self.book.superseding,
            result=RESULTS[int(self.results[row])],
            first_failed=self.said[first].rule.name if first >= 0 else None,
            cap=None if cap == NO_CAP else cap,
            outcomes=tuple(said.outcome(row, self.facts) for said in self.said),
        )


@dataclass(frozen=True)
class BooksEvaluation:
    """What every book said of every row, superseding ones first, then by priority."""

    books: tuple[BookEvaluation, ...]

    def book_results(self, row: int) -> tuple[BookResult, ...]:
        """What every book said of one row."""
        return tuple(book.result(row) for book in self.books)

    @cached_property
    def by_name(self) -> Mapping[str, BookEvaluation]:
        """The same by the books' names."""
        return {each.book.name: each for each in self.books}


def evaluate_books(books: Iterable[EligibilityBook], facts: pd.DataFrame) -> BooksEvaluation:
    """What every rule of every book says of every row of `facts`, in the order in which the books are asked.

    A rule that stands in several books with the same properties is run once. A fact without a column is not known;
    ValueError where a column is not what the catalogue says of its fact.
    """
    columns = Columns(facts)
    answers: dict[Rule, RuleResult] = {}
    evaluated = []
    for book in sorted(books, key=lambda book: book.order):
        for rule in book.rules:
            if rule not in answers:
                answers[rule] = evaluate_rule(rule, columns)
        evaluated.append(BookEvaluation(book, tuple(answers[rule] for rule in book.rules), columns))
    return BooksEvaluation(tuple(evaluated))
