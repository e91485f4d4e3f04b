"""Screening lists as last loaded. Every entry is sealed: an internal block list names people."""

import asyncio
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Row, delete, insert, select, update

from underwriting.store import audit
from underwriting.store.columns import from_now
from underwriting.store.crypto import Keyring
from underwriting.store.errors import Undecipherable
from underwriting.store.models import ListEntryRow, ListMatchRow, ListRow, sealed_cell
from underwriting.store.session import Work

# Entries of one statement.
PAGE = 1_000


@dataclass(frozen=True)
class ListEntry:
    """One entry: its id within the list, and the record that the screening package writes."""

    id: str
    record: bytes


@dataclass(frozen=True)
class ListVersion:
    """The loaded content of a list. Its digest identifies the content, for what is built from the list."""

    name: str
    digest: str
    entries: int
    loaded_by: str
    loaded_at: datetime
    # When it was last loaded or found unchanged, and the version that all known customers were compared with.
    checked_at: datetime
    screened_at: datetime | None


async def replace(work: Work, name: str, digest: str, listed: Iterable[ListEntry], by: str) -> bool:
    """Replace the list by `listed`; False, and only the time of the check is noted, if this digest is loaded.

    Also this digest is loaded again if an entry does not open.

    Unchanged entries keep their `changed_at`. Matches with removed entries are deleted.
    """
    loaded = list(listed)
    now = (await work.execute(select(from_now()))).scalar_one()
    values = {"digest": digest, "entries": len(loaded), "loaded_by": by, "loaded_at": now, "checked_at": now}
    new = await work.add_new(ListRow, name=name, **values) is not None
    here = ListRow.name == name
    loaded_before = await work.scalar(select(ListRow.digest).where(here).with_for_update())
    before = await _readable(work, name)
    if not new and loaded_before == digest and None not in before.values():
        await work.execute(update(ListRow).where(here).values(checked_at=now))
        return False
    if not new:
        await work.execute(update(ListRow).where(here).values(**values))
    await _replace_changed(work, name, before, loaded, now)
    await audit.append(work, "list.loaded", name, by, digest=digest, entries=len(loaded))
    return True


async def _replace_changed(
    work: Work, name: str, before: Mapping[str, bytes | None], loaded: Sequence[ListEntry], now: datetime
) -> None:
    fresh = [entry for entry in loaded if before.get(entry.id) != entry.record]
    ids = {entry.id for entry in loaded}
    gone = [id_ for id_ in before if id_ not in ids]
    stale = gone + [entry.id for entry in fresh if entry.id in before]
    await _delete(work, ListEntryRow, name, stale)
    await _delete(work, ListMatchRow, name, gone)
    rows = [
        {
            "list_name": name,
            "entry_id": entry.id,
            "record": work.keys.seal(entry.record, sealed_cell(ListEntryRow.record, name, entry.id)),
            "changed_at": now,
        }
        for entry in fresh
    ]
    if rows:
        await work.execute(insert(ListEntryRow), rows)


async def _delete(work: Work, table: type[ListEntryRow | ListMatchRow], name: str, ids: Sequence[str]) -> None:
    for start in range(0, len(ids), PAGE):
        page = ids[start : start + PAGE]
        await work.execute(delete(table).where(table.list_name == name, table.entry_id.in_(page)))


async def _readable(work: Work, name: str) -> dict[str, bytes | None]:
    """The entries of a list by id; None for one that does not open."""
    query = select(ListEntryRow.entry_id, ListEntryRow.record).where(ListEntryRow.list_name == name)
    rows = (await work.execute(query)).all()

    def opened(entry_id: str, sealed: bytes) -> bytes | None:
        try:
            return work.keys.open(sealed, sealed_cell(ListEntryRow.record, name, entry_id))
        except Undecipherable:
            return None

    return await asyncio.to_thread(lambda: {entry_id: opened(entry_id, sealed) for entry_id, sealed in rows})


async def screened(work: Work, version: ListVersion) -> None:
    """Note that all known customers were compared with this version of the list."""
    here = (ListRow.name == version.name, ListRow.loaded_at >= version.loaded_at)
    await work.execute(update(ListRow).where(*here).values(screened_at=version.loaded_at))


async def versions(work: Work) -> list[ListVersion]:
    """What is loaded, by name."""
    rows = await work.scalars(select(ListRow).order_by(ListRow.name))
    return [
        ListVersion(row.name, row.digest, row.entries, row.loaded_by, row.loaded_at, row.checked_at, row.screened_at)
        for row in rows
    ]


async def entries(work: Work, name: str, since: datetime | None = None) -> list[ListEntry]:
    """Every entry of a list, opened, by id, or those that changed after `since`; empty if it was never loaded."""
    query = select(ListEntryRow.entry_id, ListEntryRow.record).where(ListEntryRow.list_name == name)
    if since is not None:
        query = query.where(ListEntryRow.changed_at > since)
    rows = (await work.execute(query.order_by(ListEntryRow.entry_id))).all()
    # Ten thousand entries take a tenth of a second to open.
    return await asyncio.to_thread(_opened, work.keys, name, rows)


def _opened(keys: Keyring, name: str, rows: Iterable[Row[tuple[str, bytes]]]) -> list[ListEntry]:
    return [
        ListEntry(entry_id, keys.open(sealed, sealed_cell(ListEntryRow.record, name, entry_id)))
        for entry_id, sealed in rows
    ]
