"""Whom a book applies to: the same answer for a user at every run, for as long as the book says the same."""

from collections.abc import Mapping
from dataclasses import dataclass

from rules.core.experiments import arm_of
from rules.eligibility.book import EligibilityBook


@dataclass(frozen=True)
class Assignment:
    """Whether a book applies to a user, and through which arm of an experiment.

    Where it is not `certain`, since the user's segment or the flag is not known, the book is run, and whatever it says
    counts as unknown: it can neither approve nor let a user pass.
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
