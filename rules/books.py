"""Rulebooks of both kinds, read from a file, and which of them decide on a day."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import TypeVar

from rules.core.edition import Edition, book_from, read_document, read_file
from rules.core.problems import RulebookError, subject
from rules.core.yaml_source import Path as Place
from rules.core.yaml_source import YamlNode
from rules.eligibility.book import EligibilityBook, shipped_eligibility_books
from rules.prescreening.book import Rulebook, shipped_rulebooks

AnyBook = Rulebook | EligibilityBook
E = TypeVar("E", bound=Edition)


@dataclass(frozen=True)
class Draft:
    """A book that may be published, and the file that it was read from; without a file, problems name its version."""

    book: AnyBook
    origin: str = ""
    document: YamlNode | None = None

    def problem(self, place: Place, message: str) -> str:
        """What is wrong at a place of the book: file, line, what it is about, and the message."""
        where = f"{self.origin}:{self.document.line(place)}" if self.document else str(self.book.ref)
        return f"{where}: {subject(place)}{message}"


def read_draft(path: Path) -> YamlNode:
    """What is written in a file, whether or not it is a sound book; RulebookError where it is not even YAML."""
    return read_document(Rulebook, read_file(path), str(path))


def load_draft(path: Path) -> Draft:
    """Read the book in a file, of eligibility where it has `rules`; RulebookError where it cannot be read or is wrong.

    A book has either `stages`, as the pre-screening's, or `rules`, as those of eligibility.
    """
    document = read_draft(path)
    keys = document.value.keys() if isinstance(document.value, dict) else ()
    if "gates" in keys and "stages" not in keys and "rules" not in keys:
        raise RulebookError(
            [
                f"{path}: this is a limit policy. Only those that come with the program are published, with its "
                "rulebooks; a limit run that names the file decides by it. `underwriting limits policies validate` "
                "checks it"
            ]
        )
    of_eligibility = "rules" in keys and "stages" not in keys
    kind: type[AnyBook] = EligibilityBook if of_eligibility else Rulebook
    return Draft(book_from(kind, document, str(path)), str(path), document)


def load_rulebook(path: Path) -> AnyBook:
    """The book in a file, as `load_draft` reads it."""
    return load_draft(path).book


def shipped_books() -> list[AnyBook]:
    """The rulebooks of both kinds that come with the project."""
    return [*shipped_rulebooks().values(), *shipped_eligibility_books().values()]


def in_force(books: Iterable[E], day: date) -> list[E]:
    """The newest version of each book that has begun by that day, unless it has ended."""
    begun = (book for book in sorted(books, key=lambda book: book.version) if book.valid_from <= day)
    newest = {book.name: book for book in begun}
    return [book for book in newest.values() if book.in_force_on(day)]
