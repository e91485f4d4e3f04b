"""Units of work: all or nothing, one snapshot, and a clear error where the database is not there."""

import asyncio
import threading
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest
from sqlalchemy import Pool, event, text
from support.databases import execute, postgres_database, sibling, sqlite_database, sqlite_url
from support.reviews import accept, rows

from underwriting.store.crypto import Keyring
from underwriting.store.errors import NotMigrated, StatementRefused, StoreUnreachable
from underwriting.store.session import Reader, Store


async def open_and_close(url: str, keys: Keyring) -> None:
    async with Store.open(url, keys):
        pass


async def test_leaving_the_block_by_an_error_rolls_back(store: Store) -> None:
    with suppress(RuntimeError):
        async with store.begin() as work:
            await work.execute(text("UPDATE audit_head SET seq = 9"))
            raise RuntimeError
    async with store.read() as work:
        assert await work.scalar(text("SELECT seq FROM audit_head")) == 0


async def test_cancelling_the_block_rolls_back(store: Store) -> None:
    async def endless() -> None:
        async with store.begin() as work:
            await work.execute(text("UPDATE audit_head SET seq = 9"))
            started.set()
            await asyncio.sleep(60)

    started = asyncio.Event()
    task = asyncio.create_task(endless())
    await started.wait()
    task.cancel()
    with suppress(asyncio.CancelledError):
        await task
    async with store.begin() as work:  # and the write lock is free again
        assert await work.scalar(text("SELECT seq FROM audit_head")) == 0


async def test_a_reading_unit_keeps_nothing(store: Store) -> None:
    with suppress(StatementRefused):  # PostgreSQL does at once
        async with store.read() as work:
            await work.execute(text("UPDATE audit_head SET seq = 9"))
    async with store.read() as work:
        assert await work.scalar(text("SELECT seq FROM audit_head")) == 0


async def test_a_glance_reads_what_is_committed_and_keeps_nothing(store: Store) -> None:
    await accept(store)
    counted = await store.fetch(lambda connection: connection.scalar(text("SELECT count(*) FROM applications")))
    assert counted == 1
    with pytest.raises(StatementRefused):
        await store.fetch(lambda connection: connection.scalar(text("UPDATE audit_head SET seq = 9 RETURNING seq")))


async def test_a_glance_waits_for_no_writer(store: Store) -> None:
    async with asyncio.timeout(5), store.begin() as work:
        await work.execute(text("UPDATE audit_head SET seq = 9"))
        assert await store.fetch(lambda connection: connection.scalar(text("SELECT seq FROM audit_head"))) == 0


@pytest.fixture
def opened() -> Iterator[list[object]]:
    """The connections that pools open during a test."""
    found: list[object] = []

    def note(connection: object, _record: object) -> None:
        found.append(connection)

    event.listen(Pool, "connect", note)
    yield found
    event.remove(Pool, "connect", note)


async def test_every_wave_of_work_has_the_connections_of_the_first(store: Store, opened: list[object]) -> None:
    async def unit() -> None:
        async with store.read() as work:
            await work.scalar(text("SELECT 1"))
            await asyncio.sleep(0.01)

    async def slow(connection: Reader) -> None:
        await connection.scalar(text("SELECT 1"))
        await asyncio.sleep(0.01)

    counts = []
    for _ in range(3):
        await asyncio.gather(*(unit() for _ in range(18)), *(store.fetch(slow) for _ in range(9)))
        counts.append(len(opened))
    assert counts[0] > 20
    assert counts[1:] == counts[:1] * 2


async def test_a_glance_at_sqlite_is_answered_in_the_thread_that_asks(
    tmp_path: Path, migrated_sqlite: Path, keyring: Keyring
) -> None:
    async with Store.open(sqlite_database(tmp_path, migrated_sqlite), keyring) as store:
        threads = set(threading.enumerate())
        assert await store.fetch(lambda connection: connection.scalar(text("SELECT 1"))) == 1
        assert set(threading.enumerate()) == threads


async def test_a_glance_at_a_file_that_is_out_of_reach_says_so(
    tmp_path: Path, migrated_sqlite: Path, keyring: Keyring
) -> None:
    (tmp_path / "mounted").mkdir()
    async with Store.open(sqlite_database(tmp_path / "mounted", migrated_sqlite), keyring) as store:
        (tmp_path / "mounted").rename(tmp_path / "unmounted")
        with pytest.raises(StoreUnreachable, match="check database_url"):
            await store.fetch(lambda connection: connection.scalar(text("SELECT 1")))


@pytest.fixture
def on_postgres(postgres_url: str) -> Iterator[str]:
    with postgres_database(postgres_url) as url:
        yield url


async def test_a_glance_outlives_a_restart_of_the_server(on_postgres: str, keyring: Keyring) -> None:
    async with Store.open(on_postgres, keyring) as store:

        async def one() -> object:
            return await store.fetch(lambda connection: connection.scalar(text("SELECT 1")))

        assert await one() == 1
        others = "FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()"
        await execute(on_postgres, f"SELECT pg_terminate_backend(pid) {others}")
        assert await one() == 1


async def test_a_reading_unit_sees_one_snapshot(store: Store) -> None:
    async with store.read() as work:
        before = await work.scalar(text("SELECT count(*) FROM applications"))
        await accept(store)
        assert await work.scalar(text("SELECT count(*) FROM applications")) == before == 0
    assert await rows(store, "applications") == 1


async def test_two_hundred_units_at_once_find_their_connection(store: Store) -> None:
    await asyncio.gather(*(accept(store) for _ in range(200)))
    assert await rows(store, "applications") == 200


async def test_an_empty_database_says_how_to_migrate(postgres_url: str, tmp_path: Path, keyring: Keyring) -> None:
    (tmp_path / "empty.db").touch()
    for url in (postgres_url, sqlite_url(tmp_path / "empty.db")):
        with pytest.raises(NotMigrated, match="run `underwriting migrate`"):
            await open_and_close(url, keyring)


async def test_a_mistyped_file_is_not_made(tmp_path: Path, keyring: Keyring) -> None:
    with pytest.raises(NotMigrated, match="there is no database at"):
        await open_and_close(sqlite_url(tmp_path / "typo.db"), keyring)
    assert not (tmp_path / "typo.db").exists()


@pytest.mark.parametrize(
    ("version", "advice"), [("0000", "underwriting migrate"), ("9999", "install the newer program")]
)
async def test_another_schema_is_refused(database_url: str, keyring: Keyring, version: str, advice: str) -> None:
    async with Store.open(database_url, keyring) as store, store.begin() as work:
        await work.execute(text("UPDATE alembic_version SET version_num = :version"), {"version": version})
    with pytest.raises(NotMigrated, match=advice):
        await open_and_close(database_url, keyring)


@pytest.mark.parametrize(
    "url",
    [
        "postgresql+asyncpg://postgres@/store?host=/nowhere",
        "postgresql+asyncpg://postgres@127.0.0.1:1/store",
        "postgresql+asyncpg://postgres@host.invalid/store",
    ],
)
async def test_a_server_that_is_not_there(url: str, keyring: Keyring) -> None:
    with pytest.raises(StoreUnreachable, match="cannot reach the database"):
        await open_and_close(url, keyring)


async def test_a_database_that_is_not_there(postgres_url: str, keyring: Keyring) -> None:
    with pytest.raises(StoreUnreachable, match='database "nowhere" does not exist'):
        await open_and_close(sibling(postgres_url, "nowhere"), keyring)


async def test_a_file_that_is_no_database(tmp_path: Path, keyring: Keyring) -> None:
    (tmp_path / "letter.db").write_bytes(b"Dear Sir or Madam, " * 1000)
    with pytest.raises(StoreUnreachable, match="file is not a database"):
        await open_and_close(sqlite_url(tmp_path / "letter.db"), keyring)


END_SESSIONS = (
    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
    " WHERE application_name = 'underwriting' AND pid <> pg_backend_pid()"
)


async def test_a_broken_connection_costs_the_unit_and_not_the_next_one(
    postgres_database_url: str, postgres_url: str, keyring: Keyring
) -> None:
    async with Store.open(postgres_database_url, keyring) as store:

        async def broken() -> None:
            async with store.begin() as work:
                await execute(postgres_url, END_SESSIONS)
                await work.execute(text("SELECT 1"))

        with pytest.raises(StoreUnreachable, match="did not answer"):
            await broken()
        await execute(postgres_url, END_SESSIONS)
        await accept(store)


async def test_a_lock_that_is_never_let_go_ends_in_an_error(postgres_database_url: str, keyring: Keyring) -> None:
    async def lock(store: Store) -> None:
        async with store.begin() as work:
            await work.execute(text("SET LOCAL lock_timeout = 50"))
            await work.execute(text("SELECT * FROM audit_head FOR UPDATE"))

    async with Store.open(postgres_database_url, keyring) as store, store.begin() as holder:
        await holder.execute(text("SELECT * FROM audit_head FOR UPDATE"))
        with pytest.raises(StoreUnreachable, match="lock timeout"):
            await lock(store)


async def test_an_error_of_another_network_stays_what_it_is(store: Store) -> None:
    with pytest.raises(ConnectionRefusedError):
        async with store.begin():
            raise ConnectionRefusedError("the bureau")
