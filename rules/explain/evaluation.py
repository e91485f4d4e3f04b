"""Explains an evaluation: the outcome of each rule, and which facts would have led to an approval."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from rules.eligibility.book import EligibilityBook
from rules.eligibility.book_result import EvaluatedBook, nearest
from rules.explain.rules import RuleExplained, explain_rules
from underwriting.domain.decision import Result, RulebookRef
from underwriting.domain.eligibility import BookResult, Eligibility


@dataclass(frozen=True)
class BookExplained:
    """A book's result, with each of its rules explained."""

    book: EligibilityBook
    result: BookResult
    rules: tuple[RuleExplained, ...]

    @property
    def open(self) -> tuple[RuleExplained, ...]:
        """The rules that did not pass."""
        return tuple(each for each in self.rules if each.outcome.result is not Result.PASS)


@dataclass(frozen=True)
class Explanation:
    """An evaluation with its books explained, in their order of precedence."""

    eligibility: Eligibility
    books: tuple[BookExplained, ...]

    @property
    def nearest(self) -> tuple[BookExplained, ...]:
        """The books that would also have had to pass for an approval, with the fewest rules to change.

        They are every superseding book that did not pass, and the regular one that was nearest to passing unless one
        passed. The reasons are taken from the same books.
        """
        regular = nearest(EvaluatedBook(each.book, each.result) for each in self.books if not each.result.superseding)
        closest = regular and regular.result
        return tuple(each for each in self.books if each.open and (each.result.superseding or each.result == closest))


def explain(eligibility: Eligibility, books: Mapping[RulebookRef, EligibilityBook]) -> Explanation:
    """The evaluation explained by exactly the books that it names; KeyError where one of them is not given."""
    explained = []
    for result in eligibility.books:
        book = books[result.rulebook]
        explained.append(BookExplained(book, result, explain_rules(book.rules, result.outcomes, eligibility.facts)))
    return Explanation(eligibility, tuple(explained))


def refs_of(eligibility: Eligibility) -> Iterable[RulebookRef]:
    """The books that an evaluation names."""
    return (result.rulebook for result in eligibility.books)
