"""Rows as columns, into a table and out again: what was written is what is read, on both databases."""

from collections.abc import Iterator
from contextlib import suppress
from datetime import UTC, date, datetime

import pyarrow as pa
import pytest
from sqlalchemy import func, select
from support.databases import postgres_database

from underwriting.store.bulk import PAGE, copy_rows, read_rows
from underwriting.store.crypto import Keyring
from underwriting.store.errors import StatementRefused, StoreUnreachable
from underwriting.store.models import MessageRow, ProfileRow
from underwriting.store.session import Store

MOMENT = pa.timestamp("us", "UTC")
MADE = datetime(2026, 3, 29, 0, 59, 59, 123_456, tzinfo=UTC)
# Whatever CSV, SQL or a percent format might take for something else.
TEXTS = ["", " ", "NULL", "\\N", '"', "'; --", "a,b", "two\nlines", "100%s :x $1", "é\u2028漢", "\\", "t"]
SCHEMA = pa.schema([("user_id", pa.string()), ("created_by", pa.string()), ("created_on", MOMENT), ("until", MOMENT)])

VERSION = pa.schema([("version", pa.int64())])


def profiles(texts: list[str]) -> pa.Table:
    count = len(texts)
    return pa.table(
        {
            "tenant": pa.repeat("acme", count),
            "user_id": pa.array([f"u{number:06}{text}" for number, text in enumerate(texts)], pa.string()),
            "version": pa.array(range(count), pa.int64()),
            "currency": pa.repeat("USD", count),
            "tiers": pa.repeat("[]", count),
            "amount": pa.repeat(0, count),
            "paused": pa.repeat("[]", count),
            "created_on": pa.repeat(pa.scalar(MADE, MOMENT), count),
            "created_by": pa.array(texts, pa.string()),
            "reason": pa.repeat("test", count),
            "expires_on": pa.array([MADE if number % 2 else None for number in range(count)], MOMENT),
        }
    )


async def test_what_was_written_is_read(store: Store) -> None:
    rows = profiles(TEXTS)
    async with store.begin() as work:
        await copy_rows(work, ProfileRow, rows)
    columns = (ProfileRow.user_id, ProfileRow.created_by, ProfileRow.created_on, ProfileRow.expires_on)
    async with store.read() as work:
        query = select(*columns).order_by(ProfileRow.version)
        found = await read_rows(work, query, SCHEMA)
        one = await read_rows(work, query.where(ProfileRow.created_by == TEXTS[5]), SCHEMA)
        none = await read_rows(work, query.where(ProfileRow.created_by == "nobody"), SCHEMA)
    assert found.to_pylist() == rows.select([column.key for column in columns]).rename_columns(SCHEMA.names).to_pylist()
    assert one["created_by"].to_pylist() == [TEXTS[5]]
    assert (none.num_rows, none.schema) == (0, SCHEMA)


async def test_more_rows_than_one_page_and_more_lines_than_rows(store: Store) -> None:
    count, text = PAGE + 1, "line\n" * 30
    async with store.begin() as work:
        await copy_rows(work, ProfileRow, profiles([text] * count))
    async with store.read() as work:
        query = select(ProfileRow.version, ProfileRow.created_by).order_by(ProfileRow.version)
        found = await read_rows(work, query, pa.schema([("version", pa.int64()), ("created_by", pa.string())]))
    assert found["version"].to_pylist() == list(range(count))
    assert set(found["created_by"].to_pylist()) == {text}


async def test_rows_are_part_of_the_unit_also_where_they_are_its_first_statement(store: Store) -> None:
    with suppress(LookupError):
        async with store.begin() as work:
            await copy_rows(work, ProfileRow, profiles(["x"]))
            raise LookupError
    version = select(ProfileRow.version)
    async with store.read() as work:
        assert len(await read_rows(work, version, VERSION)) == 0
        async with store.begin() as other:
            await copy_rows(other, ProfileRow, profiles(["x"]))
        assert len(await read_rows(work, version, VERSION)) == 0, "the unit sees one snapshot"
    async with store.read() as work:
        assert len(await read_rows(work, version, VERSION)) == 1


async def test_rows_that_are_refused_are_not_shown(store: Store) -> None:
    with pytest.raises(StatementRefused) as refused:
        await write(store, "Ada", "Ada")
    found: BaseException | None = refused.value
    while found is not None:
        assert "Ada" not in str(found)
        found = found.__cause__ or (None if found.__suppress_context__ else found.__context__)


@pytest.fixture
def postgresql(postgres_url: str) -> Iterator[str]:
    """A database over a connection, which can be lost."""
    with postgres_database(postgres_url) as url:
        yield url


@pytest.mark.parametrize("direction", ["in", "out"])
async def test_a_connection_that_is_lost_is_an_outage(postgresql: str, keyring: Keyring, direction: str) -> None:
    async def use() -> None:
        async with store.begin() as work, store.read() as other:
            mine = await work.scalar(select(func.pg_backend_pid()))
            await other.scalar(select(func.pg_terminate_backend(mine, 5_000)))
            if direction == "in":
                await copy_rows(work, ProfileRow, profiles(["x"]))
            else:
                await read_rows(work, select(ProfileRow.version), VERSION)

    async with Store.open(postgresql, keyring) as store:
        with pytest.raises(StoreUnreachable, match="try again"):
            await use()


async def write(store: Store, *texts: str) -> None:
    async with store.begin() as work:
        for text in texts:
            await copy_rows(work, ProfileRow, profiles([text]))


async def test_bytes_and_days_are_written_as_they_are(store: Store) -> None:
    body = bytes(range(256))
    row = {"id": "msg_1", "channel": "events", "tenant": "acme", "customer_id": "u", "subject_id": "u", "body": body}
    moments = {"due_at": MADE, "created_at": MADE}
    async with store.begin() as work:
        await copy_rows(work, MessageRow, pa.Table.from_pylist([{**row, **moments, "state": "pending", "attempts": 0}]))
    async with store.read() as work:
        found = (await work.scalars(select(MessageRow))).one()
        day = await read_rows(work, select(MessageRow.due_at), pa.schema([("due_at", MOMENT)]))
    assert (found.body, found.due_at) == (body, MADE)
    assert day["due_at"].cast(pa.date32()).to_pylist() == [date(2026, 3, 29)]


async def test_truth_values_are_read(store: Store) -> None:
    wanted = pa.schema([("user_id", pa.string()), ("by_t", pa.bool_()), ("ended", pa.bool_())])
    query = select(ProfileRow.user_id, ProfileRow.created_by == "t", ProfileRow.expires_on < ProfileRow.created_on)
    async with store.begin() as work:
        await copy_rows(work, ProfileRow, profiles(["t", "f"]))
        found = await read_rows(work, query.order_by(ProfileRow.user_id), wanted)
    # Not known is neither.
    assert (found["by_t"].to_pylist(), found["ended"].to_pylist()) == ([True, False], [None, False])
