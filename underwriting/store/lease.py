"""One worker's ownership of a row: a fence that rises with every claim, and a lease by the database's clock."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, TypeVar

from sqlalchemy import ColumnElement, update

from underwriting.store.columns import from_now
from underwriting.store.errors import StoreUnreachable
from underwriting.store.models import LeasedRow
from underwriting.store.session import Store, Work

L = TypeVar("L", bound=LeasedRow)


async def take(
    work: Work, table: type[L], row_id: str, lease: timedelta, *free: ColumnElement[bool], **values: Any
) -> L | None:
    """Own the row for `lease` and set its columns; None if it does not meet the conditions `free`."""
    return await work.scalar(
        update(table)
        .where(table.id == row_id, *free)
        .values(fence=table.fence + 1, lease_until=from_now(lease), **values)
        .returning(table)
    )


async def change(work: Work, table: type[LeasedRow], owned: ColumnElement[bool], **values: Any) -> bool:
    """Set columns of the row that is `owned`; False, and nothing is changed, if it is not ours any more."""
    return await work.scalar(update(table).where(owned).values(**values).returning(table.id)) is not None


@dataclass
class Renewal:
    """Whether the lease was lost, as far as we know. Only the fence in the store is certain."""

    lost: bool = False


@asynccontextmanager
async def renewing(store: Store, term: timedelta, renew: Callable[[Work], Awaitable[bool]]) -> AsyncIterator[Renewal]:
    """Call `renew` at every third of the term while the block runs, until it returns that the row is not ours."""
    renewal = Renewal()

    async def keep() -> None:
        while not renewal.lost:
            await asyncio.sleep(term.total_seconds() / 3)
            # If the store is away for a moment, the next renewal may still be in time.
            with suppress(StoreUnreachable):
                async with store.begin() as work:
                    renewal.lost = not await renew(work)

    keeping = asyncio.create_task(keep())
    try:
        yield renewal
    finally:
        keeping.cancel()
        with suppress(asyncio.CancelledError):
            await keeping
