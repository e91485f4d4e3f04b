"""Whether a book applies to a user: the same answer at every run until the book changes."""

from collections.abc import Mapping
from dataclasses import dataclass

from rules.core.experiments import arm_of
from rules.eligibility.book import EligibilityBook
from underwriting.domain.decision import Result
from underwriting.domain.eligibility import BookResult


@dataclass(frozen=True)
class Assignment:
    """Whether a book applies to a user, and through which arm of an experiment.

    Where it is not `certain`, because the user's segment or the flag is not known, the book is run, but its result
    counts as unknown.
    """

    applies: bool
    arm: str | None = None
    certain: bool = True


_NOT = Assignment(applies=False)


def applies(book: EligibilityBook, user_id: str, segment: str | None, flags: Mapping[str, bool]) -> Assignment:
    """Whether the book applies to the user; a `segment` of None is not known.

    `flags` has the flags whose value for this user is known: whether a book behind any other flag applies is not.
    """
    whom = book.applies_to
    if whom.flag is not None and flags.get(whom.flag) is False:
        return _NOT
    if whom.segments is not None and segment is not None and segment not in whom.segments:
        return _NOT
    if whom.experiment is not None and arm_of(whom.experiment, user_id) != whom.experiment.arm:
        return _NOT
    return Assignment(
        applies=True,
        arm=whom.experiment.arm if whom.experiment else None,
        certain=(whom.segments is None or segment is not None) and (whom.flag is None or whom.flag in flags),
    )


def as_assigned(result: BookResult, by: Assignment | BookResult) -> BookResult:
    """The result with the arm of an assignment, or of an earlier result; unknown where it is not certain to apply."""
    outcome = result.result if by.certain else Result.UNKNOWN
    return result.model_copy(update={"arm": by.arm, "certain": by.certain, "result": outcome})
