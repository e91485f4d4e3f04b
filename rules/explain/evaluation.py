"""Why an evaluation came out as it did, and what would have had to be different for an approval."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from rules.eligibility.book import EligibilityBook
from rules.eligibility.book_result import EvaluatedBook, nearest
from rules.explain.rules import RuleExplained, explain_rules
from underwriting.domain.decision import Result, RulebookRef
from underwriting.domain.eligibility import BookResult, Eligibility


@dataclass(frozen=True)
class BookExplained:
    """What one book said, and every one of its rules explained."""

    book: EligibilityBook
    said: BookResult
    rules: tuple[RuleExplained, ...]

    @property
    def open(self) -> tuple[RuleExplained, ...]:
        """The rules that did not pass."""
        return tuple(each for each in self.rules if each.outcome.result is not Result.PASS)


@dataclass(frozen=True)
class Explanation:
    """An evaluation with its books explained, in the order in which they were asked."""

    eligibility: Eligibility
    books: tuple[BookExplained, ...]

    @property
    def nearest(self) -> tuple[BookExplained, ...]:
        """The books that would have had to pass, too, for an approval, with the fewest rules to change.

        Every superseding book that did not pass, and the regular one that was nearest to passing unless one passed:
        the same that the reasons are taken from.
        """
        regular = nearest(EvaluatedBook(each.book, each.said) for each in self.books if not each.said.superseding)
        closest = regular and regular.said
        return tuple(each for each in self.books if each.open and (each.said.superseding or each.said == closest))


def explain(eligibility: Eligibility, books: Mapping[RulebookRef, EligibilityBook]) -> Explanation:
    """The evaluation explained by the very books that it names; KeyError where one of them is not given."""
    asked = [(books[said.rulebook], said) for said in eligibility.books]
    return Explanation(
        eligibility,
        tuple(
            BookExplained(book, said, explain_rules(book.rules, said.outcomes, eligibility.facts))
            for book, said in asked
        ),
    )


def refs_of(eligibility: Eligibility) -> Iterable[RulebookRef]:
    """The books that an evaluation names."""
    return (said.rulebook for said in eligibility.books)
