"""A book with its result for one user: what counts in the precedence of books, and the reasons that it gives."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from rules.core.reasons import principal
from rules.eligibility.book import EligibilityBook
from underwriting.domain.decision import OnUnknown, Outcome, Result
from underwriting.domain.eligibility import BookResult

SEGMENT_UNKNOWN = "segment_unknown"
FLAG_UNKNOWN = "flag_unknown"


@dataclass(frozen=True)
class EvaluatedBook:
    """A book with its result."""

    book: EligibilityBook
    result: BookResult

    @property
    def passes(self) -> bool:
        """Whether all its rules pass, and it is sure to apply."""
        return self.result.result is Result.PASS

    @property
    def unknown(self) -> bool:
        """Whether its result is unknown."""
        return self.result.result is Result.UNKNOWN

    @property
    def rejects(self) -> bool:
        """Whether it fails, or rejects unknowns and has one that no person has to look at."""
        unknown_rejects = self.unknown and self.book.on_unknown is OnUnknown.REJECT
        return self.result.result is Result.FAIL or (unknown_rejects and next(self._unknowns(), None) is not None)

    def codes(self) -> tuple[str, ...]:
        """Why it does not pass, in book order: what failed, or what is not known."""
        if self.result.result is Result.FAIL:
            return tuple(_codes(self.result.outcomes, Result.FAIL))
        if self.rejects:
            return tuple(self._unknowns())
        return (*self._applies_unknown(), *(_codes(self.result.outcomes, Result.UNKNOWN)))

    @property
    def distance(self) -> int:
        """How many rules keep it from passing: those that failed, and those that are unknown where that rejects.

        If none failed, it is how many are unknown.
        """
        results = [outcome.result for outcome in self.result.outcomes]
        failed, unknown = results.count(Result.FAIL), results.count(Result.UNKNOWN)
        if failed and self.book.on_unknown is OnUnknown.REFER:
            return failed
        return failed + unknown + (not self.result.certain)

    def allowed(self, amounts: Iterable[int]) -> tuple[int, ...]:
        """Those of `amounts` that the book offers and its rules allow."""
        cap = self.result.cap
        return tuple(each for each in amounts if each in self.book.offers and (cap is None or each <= cap))

    @property
    def might_pass(self) -> bool:
        """Whether it is unknown and no rule fails: it would pass if all unknown facts were in the user's favour."""
        return self.unknown and self.result.first_failed is None

    def _unknowns(self) -> Iterator[str]:
        """The reasons of what is not known, without what a person has to look at."""
        yield from self._applies_unknown()
        yield from _codes((each for each in self.result.outcomes if not each.refers), Result.UNKNOWN)

    def _applies_unknown(self) -> Iterator[str]:
        """Why it is not known whether the book applies. With an unknown segment, the flag is rarely known."""
        if not self.result.certain:
            yield FLAG_UNKNOWN if self.book.applies_to.flag else SEGMENT_UNKNOWN


def nearest(books: Iterable[EvaluatedBook]) -> EvaluatedBook | None:
    """The book that is nearest to passing, by its distance; of equal ones, one that failed, then the first by priority.

    A failure is a more useful reason for the user than an unknown.
    """
    return min(books, key=lambda each: (each.distance, each.unknown, each.book.order), default=None)


def principal_codes(books: Iterable[EvaluatedBook]) -> tuple[str, ...]:
    """At most four reasons of these books, each once, the weightiest first.

    Those of superseding books come first, failures before unknowns. Then come those of the regular book that was
    nearest to passing: they kept the user from an offer, and the other books require even more.
    """
    evaluated = list(books)
    superseding = sorted((each for each in evaluated if each.book.superseding), key=lambda each: each.unknown)
    regular = nearest(each for each in evaluated if not each.book.superseding)
    weightiest = [*superseding, *([regular] if regular else [])]
    return principal(code for each in weightiest for code in each.codes())


def _codes(outcomes: Iterable[Outcome], result: Result) -> Iterator[str]:
    return (outcome.reason.code for outcome in outcomes if outcome.result is result and outcome.reason)
