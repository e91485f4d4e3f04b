"""Key rotation: values that are sealed under an older key are sealed again under the current one.

Each table is walked once in the order of its key, a page at a time, and then looked through for what was sealed under
an older key meanwhile. So the time grows with the number of values. One that does not open,
since its key was lost, stays.
"""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import ColumnElement, LargeBinary, and_, bindparam, func, select, tuple_, update
from sqlalchemy.orm import QueryableAttribute

from underwriting.store.crypto import Keyring, SealedCell, header
from underwriting.store.errors import Undecipherable
from underwriting.store.models import SEALED, sealed_cell
from underwriting.store.session import Store, Work

PAGE = 500


async def reseal(store: Store) -> int:
    """Seal every older value anew; returns how many. It can be interrupted, and goes on where it stopped."""
    count = 0
    for column in SEALED:
        while walked := await _walk(store, column):
            count += walked
    return count


async def left(store: Store) -> int:
    """How many values are under other keys than the current one: after `reseal`, those that do not open."""
    async with store.read() as work:
        counts = [
            await work.scalar(select(func.count()).select_from(column.class_).where(_is_older(work, column)))
            for column in SEALED
        ]
    return sum(count or 0 for count in counts)


async def _walk(store: Store, column: QueryableAttribute[Any]) -> int:
    """Seal the older values of one column anew, from the first row to the last; returns how many."""
    count, last = 0, None
    while page := await _reseal_page(store, column, last):
        count += sum(row["new"] is not None for row in page)
        last = [value for name, value in page[-1].items() if name.startswith("key_")]
    return count


async def _reseal_page(
    store: Store, column: QueryableAttribute[Any], after: Sequence[Any] | None
) -> list[dict[str, Any]]:
    """One transaction's worth of one column."""
    key = tuple(column.class_.__table__.primary_key)
    async with store.begin() as work:
        older = await _older(work, column, after)
        if opened := [row for row in older if row["new"] is not None]:
            # A value that changed meanwhile is current already, and stays.
            here = [part == bindparam(f"key_{part.name}") for part in key]
            renewed = update(column.class_.__table__).where(*here, column == bindparam("old"))
            connection = await work.connection()
            await connection.execute(renewed.values({column.key: bindparam("new")}), opened)
    return older


async def _older(work: Work, column: QueryableAttribute[Any], after: Sequence[Any] | None) -> list[dict[str, Any]]:
    """A page of values under other keys than the current one, behind the row `after`: their rows' keys, the old value
    and the new one, None if the old one does not open.
    """
    key = tuple(column.class_.__table__.primary_key)
    query = select(*key, column).where(_is_older(work, column)).order_by(*key).limit(PAGE)
    if after is not None:
        query = query.where(
            tuple_(*key) > tuple_(*(bindparam(None, at, part.type) for part, at in zip(key, after, strict=True)))
        )
    page = []
    for *row_key, sealed in await work.execute(query):
        at = sealed_cell(column, *row_key)
        fresh = _anew(work.keys, sealed, at)
        names = [f"key_{part.name}" for part in key]
        page.append({**dict(zip(names, row_key, strict=True)), "old": sealed, "new": fresh})
    return page


def _is_older(work: Work, column: QueryableAttribute[Any]) -> ColumnElement[bool]:
    current = header(work.keys.current)
    begins = func.substr(column, 1, len(current), type_=LargeBinary())
    return and_(column.is_not(None), begins != current)


def _anew(keys: Keyring, sealed: bytes, cell: SealedCell) -> bytes | None:
    try:
        return keys.seal(keys.open(sealed, cell), cell)
    except Undecipherable:
        return None
