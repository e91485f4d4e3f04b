"""A book and what it said of one user, as precedence looks at them."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from rules.eligibility.book import EligibilityBook
from underwriting.domain.decision import MAX_PRINCIPAL_REASONS, OnUnknown, Outcome, Result
from underwriting.domain.eligibility import BookResult

SEGMENT_UNKNOWN = "segment_unknown"
FLAG_UNKNOWN = "flag_unknown"


@dataclass(frozen=True)
class EvaluatedBook:
    """A book with its result."""

    book: EligibilityBook
    said: BookResult

    @property
    def passes(self) -> bool:
        """Whether all its rules pass, and it is sure to apply."""
        return self.said.result is Result.PASS

    @property
    def unknown(self) -> bool:
        """Whether it is not known what it says of the user."""
        return self.said.result is Result.UNKNOWN

    @property
    def rejects(self) -> bool:
        """Whether it fails, or is unknown and says that this rejects; what a person has to look at does not."""
        unknown_rejects = self.unknown and self.book.on_unknown is OnUnknown.REJECT
        return self.said.result is Result.FAIL or (unknown_rejects and next(self._unknowns(), None) is not None)

    def codes(self) -> tuple[str, ...]:
        """Why it does not pass, in book order: what failed, or what is not known."""
        if self.said.result is Result.FAIL:
            return tuple(_codes(self.said.outcomes, Result.FAIL))
        if self.rejects:
            return tuple(self._unknowns())
        return (*self._doubt(), *(_codes(self.said.outcomes, Result.UNKNOWN)))

    @property
    def distance(self) -> int:
        """How many rules stand against it: those that failed, and those that are unknown where that rejects.

        Where nothing stands against it for certain, it is how many are unknown.
        """
        failed = [outcome for outcome in self.said.outcomes if outcome.result is Result.FAIL]
        unknown = [outcome for outcome in self.said.outcomes if outcome.result is Result.UNKNOWN]
        if failed and self.book.on_unknown is OnUnknown.REFER:
            return len(failed)
        return len(failed) + len(unknown) + (not self.said.certain)

    def allowed(self, amounts: Iterable[int]) -> tuple[int, ...]:
        """Those of `amounts` that the book offers and its rules allow."""
        cap = self.said.cap
        return tuple(each for each in amounts if each in self.book.offers and (cap is None or each <= cap))

    @property
    def might_pass(self) -> bool:
        """Whether it would pass for all that is known, if everything else were in the user's favour."""
        return self.unknown and self.said.first_failed is None

    def _unknowns(self) -> Iterator[str]:
        """What is not known, and is not a person's to look at."""
        yield from self._doubt()
        yield from _codes((each for each in self.said.outcomes if not each.refers), Result.UNKNOWN)

    def _doubt(self) -> Iterator[str]:
        """Why it is not known whether the book applies. A flag is seldom known where the segment is not."""
        if not self.said.certain:
            yield FLAG_UNKNOWN if self.book.applies_to.flag else SEGMENT_UNKNOWN


def nearest(books: Iterable[EvaluatedBook]) -> EvaluatedBook | None:
    """The book that is nearest to passing: the fewest rules stand against it, or else its priority is the first.

    Of two that are as near, what failed says more than what is not known.
    """
    return min(books, key=lambda each: (each.distance, each.unknown, each.book.order), default=None)


def principal(books: Iterable[EvaluatedBook]) -> list[str]:
    """At most four reasons of these books, each once, the weightiest first.

    Those of superseding books come first, what failed before what is not known. Then come those of the regular book
    that was nearest to passing: they are what kept the user from an offer, and the others ask for still more.
    """
    heard = list(books)
    superseding = sorted((each for each in heard if each.book.superseding), key=lambda each: each.unknown)
    regular = nearest(each for each in heard if not each.book.superseding)
    weighty = [*superseding, *([regular] if regular else [])]
    return list(dict.fromkeys(code for each in weighty for code in each.codes()))[:MAX_PRINCIPAL_REASONS]


def _codes(outcomes: Iterable[Outcome], result: Result) -> Iterator[str]:
    return (outcome.reason.code for outcome in outcomes if outcome.result is result and outcome.reason)
