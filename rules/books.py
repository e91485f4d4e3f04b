"""Rulebooks of both kinds: read from a file, and checked against each other before they are published."""

from collections.abc import Iterable
from pathlib import Path

from rules.core.edition import Book, book_from, read_document, read_file
from rules.core.experiments import Experiment, moved
from rules.core.problems import RulebookError
from rules.eligibility.book import EligibilityBook
from rules.prescreening.book import Rulebook

AnyBook = Rulebook | EligibilityBook


def load_rulebook(path: Path) -> AnyBook:
    """Read the book in a file, of eligibility where it has `rules`; RulebookError where it cannot be read or is wrong.

    A book has either `stages`, as the pre-screening's, or `rules`, as those of eligibility.
    """
    document = read_document(Rulebook, read_file(path), str(path))
    if isinstance(document.value, dict) and "rules" in document.value and "stages" not in document.value:
        return book_from(EligibilityBook, document, str(path))
    return book_from(Rulebook, document, str(path))


def agree_on_experiments(books: Iterable[Book]) -> None:
    """RulebookError where books of one experiment give its arms different shares."""
    first: dict[str, Book] = {}
    problems = []
    for book in books:
        if (experiment := book.experiment) is None:
            continue
        other = first.setdefault(experiment.name, book)
        if other.experiment and other.experiment.shares != experiment.shares:
            problems.append(
                f"{book.ref} and {other.ref} give the arms of the experiment {experiment.name} different shares; "
                "repeat the same in both"
            )
    if problems:
        raise RulebookError(problems)


def keep_arms(published: Iterable[Experiment], books: Iterable[Book]) -> None:
    """RulebookError where a new version of an experiment would move users who are in an arm already.

    `published` has the experiments as they were published, the oldest first, also those that ended: one that begins
    again has its users back in their arms.
    """
    before = {experiment.name: experiment for experiment in published}
    problems = []
    for book in books:
        now = book.experiment
        if now and now.name in before and (share := moved(before[now.name], now)):
            problems.append(
                f"{book.ref} would move {share:.2%} of all users out of their arms of {now.name}; only raise "
                "shares, or give the experiment another name"
            )
    if problems:
        raise RulebookError(problems)
