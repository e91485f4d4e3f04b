"""The entries of screening lists, and the subjects that are looked up."""

import json
from dataclasses import dataclass
from datetime import date
from hashlib import sha256
from typing import Self

from pydantic import BaseModel, ConfigDict, Field, field_serializer, model_validator

from underwriting.screening.names import Kind

# The version of the file readers: raise it when they read more, so that unchanged files are loaded again.
_READER_VERSION = b"2"
# Too many documents share shorter numbers.
_LEAST_DIGITS = 5


class BirthDate(BaseModel):
    """A day, or the span of possible days of an inexact date; both ends included."""

    model_config = ConfigDict(frozen=True)

    earliest: date
    latest: date

    @model_validator(mode="after")
    def _in_order(self) -> Self:
        if self.latest < self.earliest:
            raise ValueError(f"{self.latest} comes before {self.earliest}")
        return self

    @property
    def exact(self) -> bool:
        """Whether the day itself is known."""
        return self.earliest == self.latest


class Entry(BaseModel):
    """One listed person, company, vessel or aircraft. `kind` is None if the list does not state it."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    id: str
    kind: Kind | None = None
    name: str = Field(min_length=1)
    aliases: tuple[str, ...] = ()
    # Alternatives: any of them may be the true one.
    birth_dates: tuple[BirthDate, ...] = ()
    # ISO 3166-1 alpha-2: nationality, citizenship, place of birth and addresses.
    countries: frozenset[str] = frozenset()
    # Numbers of passports, identity cards, registrations: capital letters and digits alone.
    documents: frozenset[str] = frozenset()
    # The sanctions programme, or why we blocked it.
    reason: str = ""

    @field_serializer("countries", "documents")
    def _in_order(self, values: frozenset[str]) -> list[str]:
        # The order of a set differs between processes, so the record would seem to have changed.
        return sorted(values)

    @property
    def record(self) -> bytes:
        """The entry as stored; empty fields that a later version adds do not change it."""
        return self.model_dump_json(exclude_defaults=True).encode()


@dataclass(frozen=True)
class ScreeningList:
    """A whole list as read from its files, with their digest and remarks on harmless oddities."""

    name: str
    digest: str
    entries: tuple[Entry, ...]
    remarks: tuple[str, ...] = ()


@dataclass(frozen=True)
class Subject:
    """Who is looked up. Unknown details do not change a score."""

    name: str
    kind: Kind
    birth_date: date | None = None
    country: str | None = None
    # The number of an identity document, or of a company in its register.
    document: str | None = None

    def compared_with(self, entry: Entry) -> str:
        """SHA-256 of all compared details of the subject and the entry; it changes if either does."""
        details = (self.name, self.kind, str(self.birth_date), self.country, document_number(self.document or ""))
        return digest_of(json.dumps(details).encode(), entry.record)


def document_number(text: str) -> str:
    """A document's number in one spelling; empty if it is too short to identify anybody."""
    number = "".join(filter(str.isalnum, text.upper()))
    return number if len(number) >= _LEAST_DIGITS else ""


def digest_of(*contents: bytes) -> str:
    """SHA-256 over files in their order and over the version of their readers."""
    return sha256(b"".join(sha256(content).digest() for content in (_READER_VERSION, *contents))).hexdigest()
