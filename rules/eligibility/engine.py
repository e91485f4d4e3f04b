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
    """The results of a book's rules for every row, in book order, and the book's result."""

    book: EligibilityBook
    rule_results: tuple[RuleResult, ...]
    facts: Columns

    @cached_property
    def results(self) -> Results:
        """FAIL where any rule fails, PASS where all pass, else UNKNOWN."""
        failed = np.zeros(len(self.facts.index), bool)
        unknown = failed.copy()
        for each in self.rule_results:
            failed |= each.results == FAIL
            unknown |= each.results == UNKNOWN
        return np.where(failed, FAIL, np.where(unknown, UNKNOWN, PASS)).astype(np.int8)

    @cached_property
    def first_failed(self) -> Positions:
        """The position of the first rule, in book order, that failed each row; -1 where none did."""
        first = np.full(len(self.facts.index), -1, np.int16)
        # Earlier rules overwrite later ones.
        for position, each in reversed(list(enumerate(self.rule_results))):
            first[each.results == FAIL] = position
        return first

    @cached_property
    def caps(self) -> Amounts:
        """The lowest amount that the rules allow each row, minor units; -1 where none sets a cap.

        A rule that fails allows nothing. One that is unknown allows what it would allow for certain if it passed;
        nothing, if that is not known either.
        """
        no_cap = np.iinfo(np.int64).max
        lowest = np.full(len(self.facts.index), no_cap)
        for each in self.rule_results:
            if each.cap is not None:
                cap = np.where(each.results == FAIL, 0, each.cap.to_numpy(np.int64, na_value=0))
                lowest = np.where(cap == NO_CAP, lowest, np.minimum(lowest, cap))
        return np.where(lowest == no_cap, NO_CAP, lowest)

    def book_result(self, row: int) -> BookResult:
        """The book's result for one row, with every rule's outcome and the facts that it read."""
        first, cap = int(self.first_failed[row]), int(self.caps[row])
        return BookResult(
            rulebook=self.book.ref,
            priority=self.book.priority,
            superseding=self.book.superseding,
            result=RESULTS[int(self.results[row])],
            first_failed=self.rule_results[first].rule.name if first >= 0 else None,
            cap=None if cap == NO_CAP else cap,
            outcomes=tuple(each.outcome(row, self.facts) for each in self.rule_results),
        )


@dataclass(frozen=True)
class BooksEvaluation:
    """The evaluations of several books, superseding ones first, then by priority."""

    books: tuple[BookEvaluation, ...]

    def book_results(self, row: int) -> tuple[BookResult, ...]:
        """Every book's result for one row."""
        return tuple(book.book_result(row) for book in self.books)

    @cached_property
    def by_name(self) -> Mapping[str, BookEvaluation]:
        """The evaluations by the names of their books."""
        return {each.book.name: each for each in self.books}


def evaluate_books(books: Iterable[EligibilityBook], facts: pd.DataFrame) -> BooksEvaluation:
    """The result of every rule of every book for every row of `facts`, in the books' order of precedence.

    A rule that several books have with the same properties is run once. A fact without a column is not known;
    ValueError where a column is not what the catalogue says of its fact.
    """
    columns = Columns(facts)
    rule_results: dict[Rule, RuleResult] = {}
    evaluated = []
    for book in sorted(books, key=lambda book: book.order):
        for rule in book.rules:
            if rule not in rule_results:
                rule_results[rule] = evaluate_rule(rule, columns)
        evaluated.append(BookEvaluation(book, tuple(rule_results[rule] for rule in book.rules), columns))
    return BooksEvaluation(tuple(evaluated))
