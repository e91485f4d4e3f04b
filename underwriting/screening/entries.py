"""What a screening list says, and whom it is asked about."""

import json
from dataclasses import dataclass
from datetime import date
from hashlib import sha256
from typing import Self

from pydantic import BaseModel, ConfigDict, Field, field_serializer, model_validator

from underwriting.screening.names import Kind

# How entries are read from files: raised where more is read, so that the same files are loaded again.
_READING = b"2"
# Shorter numbers are borne by too many.
_LEAST_DIGITS = 5


class BirthDate(BaseModel):
    """A day, or the span of days that an inexact statement leaves open; both ends included."""

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
    """One listed person, company, vessel or aircraft. `kind` is empty where the list does not say."""

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
        # A set's own order differs from process to process, and the record would seem to have changed.
        return sorted(values)

    @property
    def record(self) -> bytes:
        """The entry as it is stored; fields that a later version adds do not change it where it lacks them."""
        return self.model_dump_json(exclude_defaults=True).encode()


@dataclass(frozen=True)
class ScreeningList:
    """A whole list as read from its files: a digest of their content, and what was odd but lost nothing."""

    name: str
    digest: str
    entries: tuple[Entry, ...]
    remarks: tuple[str, ...] = ()


@dataclass(frozen=True)
class Subject:
    """Who is looked up. What is not known neither raises nor lowers a score."""

    name: str
    kind: Kind
    birth_date: date | None = None
    country: str | None = None
    # The number of an identity document, or of a company in its register.
    document: str | None = None

    def compared_with(self, entry: Entry) -> str:
        """SHA-256 of all that is compared, of the subject and of the entry; it changes as soon as either does."""
        details = (self.name, self.kind, str(self.birth_date), self.country, document_number(self.document or ""))
        return digest_of(json.dumps(details).encode(), entry.record)


def document_number(text: str) -> str:
    """A document's number in one spelling; empty where it is too short to tell anybody apart."""
    number = "".join(filter(str.isalnum, text.upper()))
    return number if len(number) >= _LEAST_DIGITS else ""


def digest_of(*contents: bytes) -> str:
    """SHA-256 over files in their order; it changes with any byte of any of them, and with how we read them."""
    return sha256(b"".join(sha256(content).digest() for content in (_READING, *contents))).hexdigest()
