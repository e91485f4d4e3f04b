"""Whom a shard is about, in the store: ids in a range, byte by byte, and found by the index."""

from datetime import UTC, datetime

import pytest
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncConnection

from rules.tiers import CURRENCY, TIERS
from underwriting.domain.limits import IdRange
from underwriting.store.limit_bases import orders_bytewise, within
from underwriting.store.limit_profiles import adopt
from underwriting.store.models import ProfileRow
from underwriting.store.session import Store

IDS = ["A-1", "Z", "a-1", "a1", "b", "é"]
RANGES = [IdRange(None, None), IdRange(None, "a"), IdRange("Z", "a1"), IdRange("a1", None), IdRange("b", "b")]


def is_postgresql(connection: AsyncConnection) -> bool:
    return connection.dialect.name == "postgresql"


@pytest.mark.parametrize("ids", RANGES, ids=str)
async def test_ids_are_in_a_range_as_their_bytes_are(store: Store, ids: IdRange) -> None:
    async with store.begin() as work:
        await adopt(work, "acme", [(user_id, 2_000, datetime.now(UTC)) for user_id in IDS], CURRENCY, TIERS, "test")
    async with store.read() as work:
        assert await orders_bytewise(work)
        # What is asked of a PostgreSQL that orders by a language is right there, too.
        for bytewise in (True, False) if is_postgresql(await work.connection()) else (True,):
            found = await work.scalars(select(ProfileRow.user_id).where(within(ProfileRow.user_id, ids, bytewise)))
            assert sorted(found) == [user_id for user_id in IDS if user_id in ids]


async def test_a_range_of_ids_is_found_by_the_index(store: Store) -> None:
    async with store.read() as work:
        connection = await work.connection()
        if is_postgresql(connection):
            # A table this small is read as a whole, unless that is forbidden.
            await connection.exec_driver_sql("SET LOCAL enable_seqscan = off")
        inside = within(ProfileRow.user_id, IdRange("a", "b"), await orders_bytewise(work))
        query = select(ProfileRow.version).where(ProfileRow.tenant == "acme", inside)
        statement = query.compile(connection.sync_connection, compile_kwargs={"literal_binds": True})
        explain = "EXPLAIN" if is_postgresql(connection) else "EXPLAIN QUERY PLAN"
        plan = "\n".join(str(row[-1]) for row in await connection.exec_driver_sql(f"{explain} {statement}"))
    by_index = [line for line in plan.splitlines() if "Index Cond" in line or "USING" in line]
    assert by_index, plan
    assert all("user_id" in line for line in by_index), plan
