"""Customers who may be on a screening list: what a screening found, and what staff cleared.

A clearance is valid for one customer, one entry and the details that were compared. If the customer's details or the
entry change, the match is open again.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import ColumnElement, delete, select, update

from underwriting.store import audit
from underwriting.store.columns import from_now
from underwriting.store.errors import NoOpenMatch, Undecipherable
from underwriting.store.models import ListMatchRow, sealed_cell
from underwriting.store.session import Work


@dataclass(frozen=True)
class Found:
    """What a screening found: the entry, its score, and the evidence besides the name. It names nobody."""

    list_name: str
    entry_id: str
    kind: str
    score: float
    confirmed: bool
    evidence: str
    # A digest of all that was compared.
    compared: str

    @property
    def key(self) -> tuple[str, str, str]:
        """Identifies it among the matches of one customer."""
        return self.list_name, self.entry_id, self.kind

    @property
    def reference(self) -> str:
        """The entry's id, with its list."""
        return f"{self.list_name}:{self.entry_id}"


@dataclass(frozen=True)
class Match:
    """A match as it is stored."""

    tenant: str
    user_id: str
    found: Found
    found_at: datetime
    cleared_at: datetime | None = None
    cleared_by: str | None = None
    note: str | None = None


async def of_user(work: Work, tenant: str, user_id: str) -> list[Match]:
    """Every match of a customer, open or cleared."""
    mine = select(ListMatchRow).where(*_mine(tenant, user_id)).order_by(ListMatchRow.cleared_at, ListMatchRow.entry_id)
    return [_match(work, row) for row in await work.scalars(mine)]


async def with_matches(work: Work, user_ids: Collection[str]) -> set[tuple[str, str]]:
    """Those of these users who have a match, open or cleared, each with the tenant."""
    query = select(ListMatchRow.tenant, ListMatchRow.user_id).where(ListMatchRow.user_id.in_(user_ids)).distinct()
    return {(tenant, user_id) for tenant, user_id in await work.execute(query)}


async def waiting(work: Work, limit: int = 100) -> list[Match]:
    """Open matches of all tenants, the oldest first."""
    query = (
        select(ListMatchRow)
        .where(ListMatchRow.cleared_at.is_(None))
        .order_by(ListMatchRow.found_at, ListMatchRow.user_id, ListMatchRow.list_name, ListMatchRow.entry_id)
    )
    return [_match(work, row) for row in await work.scalars(query.limit(limit))]


async def by_user(work: Work, tenant: str, after: str | None = None, limit: int = 50) -> dict[str, list[Match]]:
    """Open matches of up to `limit` customers of a tenant, by id, after the id `after`."""
    wanted = [ListMatchRow.tenant == tenant, ListMatchRow.cleared_at.is_(None)]
    wanted += [] if after is None else [ListMatchRow.user_id > after]
    users = select(ListMatchRow.user_id).where(*wanted).distinct().order_by(ListMatchRow.user_id).limit(limit)
    key = (ListMatchRow.user_id, ListMatchRow.list_name, ListMatchRow.entry_id, ListMatchRow.kind)
    found: dict[str, list[Match]] = {}
    for row in await work.scalars(select(ListMatchRow).where(*wanted, ListMatchRow.user_id.in_(users)).order_by(*key)):
        found.setdefault(row.user_id, []).append(_match(work, row))
    return found


async def keep(
    work: Work,
    tenant: str,
    user_id: str,
    found: Sequence[Found],
    kinds: Collection[str],
    among: Collection[tuple[str, str]] | None = None,
) -> list[Found]:
    """Store what a screening of these `kinds` found; returns what was not known before.

    Matches that were not found again are deleted; with `among`, only those with its entries.
    """
    known = {match.found.key: match for match in await of_user(work, tenant, user_id)}
    seen = {each.key for each in found}
    for key in known.keys() - seen:
        if key[2] in kinds and (among is None or key[:2] in among):
            await work.execute(delete(ListMatchRow).where(*_mine(tenant, user_id), *_is(key)))
    new = [each for each in found if each.key not in known or known[each.key].found.compared != each.compared]
    for each in new:
        await _open(work, tenant, user_id, each)
    return new


async def clear(work: Work, tenant: str, user_id: str, by: str, note: str) -> list[Match]:
    """Store that the customer is none of the entries found; returns the matches that this closes.

    NoOpenMatch if none is open, unless the same person cleared them with the same note before.
    """
    stored = await of_user(work, tenant, user_id)
    matches = [match for match in stored if match.cleared_at is None]
    if not matches:
        if any((match.cleared_by, match.note) == (by, note) for match in stored):
            return []
        raise NoOpenMatch(user_id, *((stored[-1].cleared_by, stored[-1].cleared_at) if stored else ()))
    for match in matches:
        at = sealed_cell(ListMatchRow.note, tenant, user_id, *match.found.key)
        sealed = work.keys.seal(note.encode(), at)
        values = {"cleared_at": from_now(), "cleared_by": by, "note": sealed}
        await work.execute(update(ListMatchRow).where(*_mine(tenant, user_id), *_is(match.found.key)).values(values))
    entries = [match.found.reference for match in matches]
    await audit.append(work, "list_match.cleared", user_id, by, tenant=tenant, entries=entries)
    return matches


async def _open(work: Work, tenant: str, user_id: str, found: Found) -> None:
    compared = work.keys.seal(found.compared.encode(), sealed_cell(ListMatchRow.compared, tenant, user_id, *found.key))
    values = {
        "compared": compared,
        "score": found.score,
        "confirmed": found.confirmed,
        "evidence": found.evidence,
        "found_at": from_now(),
        "cleared_at": None,
        "cleared_by": None,
        "note": None,
    }
    list_name, entry_id, kind = found.key
    key = {"tenant": tenant, "user_id": user_id, "list_name": list_name, "entry_id": entry_id, "kind": kind}
    if await work.add_new(ListMatchRow, **key, **values) is None:
        await work.execute(update(ListMatchRow).where(*_mine(tenant, user_id), *_is(found.key)).values(values))
    await audit.append(work, "list_match.found", user_id, "screening", tenant=tenant, entries=[found.reference])


def _mine(tenant: str, user_id: str) -> tuple[ColumnElement[bool], ...]:
    return ListMatchRow.tenant == tenant, ListMatchRow.user_id == user_id


def _is(key: tuple[str, str, str]) -> tuple[ColumnElement[bool], ...]:
    list_name, entry_id, kind = key
    return ListMatchRow.list_name == list_name, ListMatchRow.entry_id == entry_id, ListMatchRow.kind == kind


def _match(work: Work, row: ListMatchRow) -> Match:
    key = (row.tenant, row.user_id, row.list_name, row.entry_id, row.kind)
    try:
        compared = work.keys.open(row.compared, sealed_cell(ListMatchRow.compared, *key)).decode()
    except Undecipherable:
        # Nobody can tell any more what was compared, so the match is open again.
        compared = ""
    note = None if row.note is None else work.keys.note(row.note, sealed_cell(ListMatchRow.note, *key))
    found = Found(row.list_name, row.entry_id, row.kind, row.score, row.confirmed, row.evidence, compared)
    return Match(row.tenant, row.user_id, found, row.found_at, row.cleared_at, row.cleared_by, note)
