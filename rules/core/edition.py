"""What rulebooks and limit policies have in common: name, version and digest, and how they are read."""

from abc import abstractmethod
from collections.abc import Mapping
from datetime import date
from fnmatch import fnmatch
from functools import cached_property
from hashlib import sha256
from importlib.resources import files
from pathlib import Path
from types import MappingProxyType
from typing import Annotated, Any, ClassVar, Literal, Self, TypeVar

import rfc8785
from pydantic import BaseModel, ConfigDict, Field, ValidationError, ValidationInfo, field_validator

from rules.core.experiments import Experiment
from rules.core.problems import RulebookError, reworded, rulebook_error, wrong
from rules.core.yaml_source import YamlNode, YamlProblem, read_yaml
from underwriting.domain.application import Product
from underwriting.domain.decision import OnUnknown, RulebookRef
from underwriting.domain.money import CurrencyCode

# The meaning of a text never changes, so each process caches this many books of each kind. Reading is slow, since it
# keeps the line of every part.
PARSED = 256


class Edition(BaseModel):
    """One version of a rulebook or of a limit policy, and its text."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    # The kind that it is published as, and what error messages call it.
    kind: ClassVar[str]
    noun: ClassVar[str] = "a rulebook"

    name: Annotated[str, Field(pattern="^[a-z][a-z0-9-]{0,63}$", description="lower-case letters, digits and hyphens")]
    version: Annotated[int, Field(strict=True, ge=1, le=2**31 - 1)]
    product: Product
    currency: Annotated[CurrencyCode, Field(description="The currency of every amount in the book")]
    valid_from: Annotated[date, Field(description="The first day on which it decides")]
    # Left out of the canonical form where there is none, so that documents without an end keep their digest.
    valid_until: Annotated[
        date | None,
        Field(exclude_if=lambda day: day is None, description="The last day on which it decides; for good without one"),
    ] = None

    @field_validator("valid_until")
    @classmethod
    def _ends_no_earlier_than_it_begins(cls, until: date | None, given: ValidationInfo) -> date | None:
        begins = given.data.get("valid_from")
        if until is not None and begins is not None and until < begins:
            raise wrong(f"{until} is before {begins}, the first day; end it later")
        return until

    def in_force_on(self, day: date) -> bool:
        """Whether it decides on that day, unless a newer version has begun."""
        return self.valid_from <= day and (self.valid_until is None or day <= self.valid_until)

    @cached_property
    def text(self) -> str:
        """The canonical form (RFC 8785 JSON, which is YAML too): what is published, stored and read back."""
        return rfc8785.dumps(self.model_dump(mode="json")).decode()

    @cached_property
    def ref(self) -> RulebookRef:
        """Name, version and digest, which identify the exact text."""
        return RulebookRef(name=self.name, version=self.version, digest=sha256(self.text.encode()).hexdigest())

    def model_copy(self, *, update: Mapping[str, Any] | None = None, deep: bool = False) -> Self:
        """A validated deep copy with its own digest. ValidationError where the changes are not valid.

        Pydantic's own copy would keep the cached text and digest of this one.
        """
        return self.model_validate({**self.model_dump(mode="json"), **(update or {})})


class Book(Edition):
    """What the rulebooks of both kinds have."""

    # What a book of this kind decides on: reviews of applications, or the eligibility of users.
    kind: ClassVar[Literal["review", "eligibility"]]

    on_unknown: OnUnknown = OnUnknown.REFER
    # Of the books of a product, lower priorities come first; a superseding book has to pass whatever the others decide.
    priority: Annotated[int, Field(strict=True, ge=0, le=10_000)] = 100
    superseding: Annotated[bool, Field(strict=True)] = False

    @property
    @abstractmethod
    def experiment(self) -> Experiment | None:
        """The experiment that the book takes part in, with its arm; None for a book without one."""


Kind = TypeVar("Kind", bound=Edition)


def read_document(kind: type[Edition], text: str, origin: str) -> YamlNode:
    """The mapping in a text, each part with its line; RulebookError where it is not YAML or no mapping.

    `book_from` tells of parts that could not be read, together with everything else that is wrong.
    """
    try:
        document = read_yaml(text)
    except YamlProblem as problem:
        raise RulebookError([f"{origin}:{problem.line}: {problem.message}"]) from None
    if not isinstance(document.value, dict):
        if document.problems:
            raise rulebook_error(None, document, origin)
        raise RulebookError([f"{origin}:1: not {kind.noun}; it has the keys {', '.join(kind.model_fields)}"])
    return document


def read_book(kind: type[Kind], text: str, origin: str) -> Kind:
    """A book or policy from YAML or its canonical form; RulebookError names every problem with `origin` and line."""
    return book_from(kind, read_document(kind, text, origin), origin)


def book_from(kind: type[Kind], document: YamlNode, origin: str) -> Kind:
    """A book or policy from a document that was read already."""
    try:
        book = kind.model_validate(document.value)
    except ValidationError as error:
        raise rulebook_error(reworded(error, kind), document, origin) from None
    if document.problems:
        raise rulebook_error(None, document, origin)
    return book


def read_file(path: Path) -> str:
    """The text of a file; RulebookError where it cannot be read."""
    try:
        return path.read_text("utf-8")
    except OSError as error:
        raise RulebookError([f"{path}: {error.strerror}"]) from None
    except UnicodeDecodeError as error:
        raise RulebookError([f"{path}: not UTF-8 at byte {error.start}; save it as UTF-8"]) from None


def shipped(kind: type[Kind], *folder: str, pattern: str = "*.yaml") -> Mapping[str, Kind]:
    """The books or policies in a folder of `rules`, by name."""
    inside = files("rules").joinpath(*folder).iterdir()
    found = sorted((file for file in inside if fnmatch(file.name, pattern)), key=lambda file: file.name)
    books = [read_book(kind, file.read_text("utf-8"), file.name) for file in found]
    return MappingProxyType({book.name: book for book in books})
