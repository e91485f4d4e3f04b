"""Published rulebooks: immutable versions of canonical text, so that a decision can always be read again.

A version that was withdrawn decides nothing until it is put in force again; the version before it decides meanwhile.
"""

import hashlib
from collections.abc import Hashable
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

import rfc8785
from sqlalchemy import ColumnElement, func, or_, select, tuple_, update

from underwriting.domain.application import Product
from underwriting.domain.decision import RulebookRef
from underwriting.store import audit
from underwriting.store.columns import from_now
from underwriting.store.errors import UnknownRulebook, VersionTaken
from underwriting.store.models import RulebookKind, RulebookRow
from underwriting.store.session import Work


@dataclass(frozen=True)
class Published:
    """One version as it was published."""

    ref: RulebookRef
    kind: RulebookKind
    product: Product
    text: str
    published_by: str
    published_at: datetime
    valid_from: date | None = None
    valid_until: date | None = None
    withdrawn_at: datetime | None = None
    withdrawn_by: str | None = None
    reinstated_at: datetime | None = None
    reinstated_by: str | None = None

    @property
    def name(self) -> str:
        """The rulebook's name."""
        return self.ref.name

    @property
    def version(self) -> int:
        """The version's number."""
        return self.ref.version


@dataclass(frozen=True)
class BookSet:
    """The version in force of every rulebook of one kind and product, by name."""

    books: tuple[Published, ...]

    @property
    def digest(self) -> str:
        """The SHA-256 of which versions these are; another version, or another book, gives another digest."""
        refs: list[Any] = [[book.name, book.version, book.ref.digest] for book in self.books]
        return hashlib.sha256(rfc8785.dumps(refs)).hexdigest()


async def publish(
    work: Work,
    ref: RulebookRef,
    product: Product,
    text: str,
    by: str,
    kind: RulebookKind = RulebookKind.REVIEW,
    valid_from: date | None = None,
    valid_until: date | None = None,
) -> bool:
    """Publish a version that decides from its first to its last day; False if this content is already published.

    VersionTaken if another content is, or if the name belongs to a rulebook of another kind.
    """
    other = select(RulebookRow.kind).where(RulebookRow.name == ref.name, RulebookRow.kind != kind).limit(1)
    if (taken_by := await work.scalar(other)) is not None:
        raise VersionTaken(f"{ref.name} is the name of a rulebook for {taken_by}; give the one for {kind} another name")
    row = await work.add_new(
        RulebookRow,
        name=ref.name,
        version=ref.version,
        kind=kind,
        digest=ref.digest,
        product=product,
        text=text,
        valid_from=valid_from,
        valid_until=valid_until,
        published_by=by,
        published_at=from_now(),
    )
    if row is None:
        taken = await work.get_one(RulebookRow, (ref.name, ref.version))
        if taken.digest != ref.digest:
            raise VersionTaken(f"{ref} is published with another content; raise the version number of the rulebook")
        return False
    await audit.append(work, "rulebook.published", str(ref), by, digest=ref.digest)
    return True


async def get(work: Work, name: str, version: int | None = None) -> Published:
    """One version, the newest where none is named; UnknownRulebook if there is none."""
    query = select(RulebookRow).where(RulebookRow.name == name).order_by(RulebookRow.version.desc()).limit(1)
    if version is not None:
        query = query.where(RulebookRow.version == version)
    row = await work.scalar(query)
    if row is None:
        raise UnknownRulebook(name, version)
    return _published(row)


async def in_force(work: Work, name: str, day: date) -> Published:
    """The version that decides on a day; UnknownRulebook if none does.

    It is the newest version that has begun and is not withdrawn. If that one has ended, no earlier one is in force
    again.
    """
    begun = select(RulebookRow).where(RulebookRow.name == name, *_begun(day))
    row = await work.scalar(begun.order_by(RulebookRow.version.desc()).limit(1))
    if row is None or (row.valid_until is not None and row.valid_until < day):
        raise UnknownRulebook(f"{name}, in force on {day},", None)
    return _published(row)


async def listing(work: Work) -> list[Published]:
    """Every version of every rulebook, newest first within its name."""
    rows = await work.scalars(select(RulebookRow).order_by(RulebookRow.name, RulebookRow.version.desc()))
    return [_published(row) for row in rows]


async def mark(work: Work) -> Hashable:
    """A value that changes when any process publishes or withdraws a version, or puts one in force again."""
    counts = (func.count(), func.count(RulebookRow.withdrawn_at))
    moments = (func.max(RulebookRow.withdrawn_at), func.max(RulebookRow.reinstated_at))
    return tuple((await work.execute(select(*counts, *moments))).one())


async def current_set(work: Work, kind: RulebookKind, product: Product, day: date) -> BookSet:
    """The version in force (`in_force`) of each rulebook for this product; empty if there is none."""
    mine = (RulebookRow.kind == kind, RulebookRow.product == product, *_begun(day))
    lasts = or_(RulebookRow.valid_until.is_(None), RulebookRow.valid_until >= day)
    newest = select(RulebookRow.name, func.max(RulebookRow.version)).where(*mine).group_by(RulebookRow.name)
    rows = await work.scalars(
        select(RulebookRow)
        .where(*mine, lasts, tuple_(RulebookRow.name, RulebookRow.version).in_(newest))
        .order_by(RulebookRow.name)
    )
    return BookSet(tuple(map(_published, rows)))


async def withdraw(work: Work, name: str, version: int, by: str, note: str) -> bool:
    """Let a version decide nothing any more; False if it is withdrawn already. UnknownRulebook if there is none."""
    withdrawn = {"withdrawn_at": from_now(), "withdrawn_by": by}
    return await _change(work, name, version, RulebookRow.withdrawn_at.is_(None), withdrawn, "withdrawn", by, note)


async def reinstate(work: Work, name: str, version: int, by: str, note: str) -> bool:
    """Let a withdrawn version decide again; False if it is not withdrawn. UnknownRulebook if there is none."""
    reinstated = {"withdrawn_at": None, "withdrawn_by": None, "reinstated_at": from_now(), "reinstated_by": by}
    return await _change(work, name, version, RulebookRow.withdrawn_at.is_not(None), reinstated, "reinstated", by, note)


async def _change(
    work: Work,
    name: str,
    version: int,
    condition: ColumnElement[bool],
    values: dict[str, Any],
    action: str,
    by: str,
    note: str,
) -> bool:
    ref = (await get(work, name, version)).ref
    this = (RulebookRow.name == name, RulebookRow.version == version)
    changed = await work.scalar(
        update(RulebookRow).where(*this, condition).values(values).returning(RulebookRow.version)
    )
    if changed is None:
        return False
    await audit.append(work, f"rulebook.{action}", str(ref), by, digest=ref.digest, note=note)
    return True


def _begun(day: date) -> tuple[ColumnElement[bool], ColumnElement[bool]]:
    begun = or_(RulebookRow.valid_from.is_(None), RulebookRow.valid_from <= day)
    return begun, RulebookRow.withdrawn_at.is_(None)


def _published(row: RulebookRow) -> Published:
    return Published(
        ref=RulebookRef(name=row.name, version=row.version, digest=row.digest),
        kind=row.kind,
        product=row.product,
        text=row.text,
        published_by=row.published_by,
        published_at=row.published_at,
        valid_from=row.valid_from,
        valid_until=row.valid_until,
        withdrawn_at=row.withdrawn_at,
        withdrawn_by=row.withdrawn_by,
        reinstated_at=row.reinstated_at,
        reinstated_by=row.reinstated_by,
    )
