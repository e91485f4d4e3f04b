"""Screening lists as last loaded. Every entry is sealed: an internal block list names people."""

import asyncio
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Row, delete, insert, select, update

from underwriting.store import audit
from underwriting.store.columns import from_now
from underwriting.store.crypto import Keyring
from underwriting.store.models import ListEntryRow, ListRow, place
from underwriting.store.session import Work


@dataclass(frozen=True)
class ListEntry:
    """One entry: its id within the list, and the record as the screening package writes it."""

    id: str
    record: bytes


@dataclass(frozen=True)
class ListVersion:
    """Which content of a list is loaded. The digest changes with it, so it keys whatever is built from the list."""

    name: str
    digest: str
    entries: int
    loaded_by: str
    loaded_at: datetime


async def replace(work: Work, name: str, digest: str, entries: Iterable[ListEntry], by: str) -> bool:
    """Put `entries` in the place of the whole list; False, and nothing is changed, where this digest is loaded."""
    rows = [
        {
            "list_name": name,
            "entry_id": entry.id,
            "record": work.keys.seal(entry.record, place(ListEntryRow.record, name, entry.id)),
        }
        for entry in entries
    ]
    values = {"digest": digest, "entries": len(rows), "loaded_by": by, "loaded_at": from_now()}
    if await work.add_new(ListRow, name=name, **values) is None:
        changed = update(ListRow).where(ListRow.name == name, ListRow.digest != digest).values(**values)
        if await work.scalar(changed.returning(ListRow.name)) is None:
            return False
    await work.execute(delete(ListEntryRow).where(ListEntryRow.list_name == name))
    if rows:
        await work.execute(insert(ListEntryRow), rows)
    await audit.append(work, "list.loaded", name, by, digest=digest, entries=len(rows))
    return True


async def versions(work: Work) -> list[ListVersion]:
    """What is loaded, by name."""
    rows = await work.scalars(select(ListRow).order_by(ListRow.name))
    return [ListVersion(row.name, row.digest, row.entries, row.loaded_by, row.loaded_at) for row in rows]


async def entries(work: Work, name: str) -> list[ListEntry]:
    """Every entry of a list, opened, by id; empty where the list was never loaded."""
    query = select(ListEntryRow.entry_id, ListEntryRow.record).where(ListEntryRow.list_name == name)
    rows = (await work.execute(query.order_by(ListEntryRow.entry_id))).all()
    # Ten thousand entries take a tenth of a second to open.
    return await asyncio.to_thread(_opened, work.keys, name, rows)


def _opened(keys: Keyring, name: str, rows: Iterable[Row[tuple[str, bytes]]]) -> list[ListEntry]:
    return [
        ListEntry(entry_id, keys.open(sealed, place(ListEntryRow.record, name, entry_id))) for entry_id, sealed in rows
    ]
