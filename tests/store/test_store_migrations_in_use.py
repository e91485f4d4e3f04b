"""Migrations of a large table while programs use it: they go on, and old and new ones work side by side."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine
from support.next_revisions import CONTRACTED, EXPANDED, audit_rows, with_next_revisions
from support.reviews import accept

from underwriting.store import migrate as migrating
from underwriting.store import session
from underwriting.store.crypto import Keyring
from underwriting.store.engines import create_engine
from underwriting.store.errors import NotMigrated
from underwriting.store.migrate import migrate
from underwriting.store.migrations import HEAD
from underwriting.store.session import Store


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return with_next_revisions(tmp_path / "migrations")


@pytest.fixture
async def engine(database_url: str) -> AsyncIterator[AsyncEngine]:
    engine = create_engine(database_url)
    yield engine
    await engine.dispose()


async def scalar(engine: AsyncEngine, query: str) -> object:
    async with engine.begin() as connection:
        return await connection.scalar(text(query))


async def test_expanding_stops_before_what_takes_something_away(database_url: str, folder: Path) -> None:
    assert await migrate(database_url, expand=True, folder=folder) == EXPANDED
    assert await migrate(database_url, expand=True, folder=folder) == EXPANDED
    assert await migrate(database_url, folder=folder) == CONTRACTED
    assert await migrate(database_url, expand=True, folder=folder) == CONTRACTED


async def test_programs_work_on_a_schema_that_was_expanded_and_not_on_one_that_was_contracted(
    database_url: str, folder: Path, keyring: Keyring
) -> None:
    await migrate(database_url, expand=True, folder=folder)
    async with Store.open(database_url, keyring) as store:
        await accept(store)
    await migrate(database_url, folder=folder)
    with pytest.raises(NotMigrated, match="install the newer program"):
        async with Store.open(database_url, keyring):
            pass


async def test_a_new_program_works_before_the_schema_is_contracted_but_not_before_it_is_expanded(
    database_url: str, folder: Path, keyring: Keyring, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(session, "HEAD", CONTRACTED)
    monkeypatch.setattr(session, "NEEDED", EXPANDED)
    with pytest.raises(NotMigrated, match=f"this program needs {EXPANDED}; run `underwriting migrate`"):
        async with Store.open(database_url, keyring):
            pass
    await migrate(database_url, expand=True, folder=folder)
    async with Store.open(database_url, keyring) as store:
        await accept(store)


async def test_all_rows_are_filled_and_an_index_that_was_left_half_made_is_made_anew(
    database_url: str, database_kind: str, folder: Path, keyring: Keyring, engine: AsyncEngine
) -> None:
    async with Store.open(database_url, keyring) as store:
        await accept(store)
    if database_kind == "postgresql":
        await scalar(engine, f"{audit_rows(20_000)} RETURNING 1")
        async with engine.begin() as connection:
            await connection.execute(text("CREATE INDEX ix_audit_length ON audit (action)"))
    await migrate(database_url, expand=True, folder=folder)
    assert await scalar(engine, "SELECT count(*) FROM audit WHERE length IS NULL OR length <> length(action)") == 0
    if database_kind == "postgresql":
        made = await scalar(engine, "SELECT indexdef FROM pg_indexes WHERE indexname = 'ix_audit_length'")
        assert str(made).endswith("(length) WHERE (length > 3)")


@asynccontextmanager
async def going_on(work: Callable[[], Awaitable[object]]) -> AsyncIterator[list[object]]:
    """Do `work` again and again; the results so far."""
    results: list[object] = []

    async def repeat() -> None:
        while True:
            results.append(await work())

    task = asyncio.create_task(repeat())
    try:
        yield results
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task


@pytest.mark.parametrize("database_kind", ["postgresql"])
async def test_readers_and_writers_go_on_while_a_migration_waits_for_a_table(
    database_url: str, folder: Path, keyring: Keyring, engine: AsyncEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(migrating, "PAUSE_SECONDS", 0.2)
    await scalar(engine, f"{audit_rows(20_000)} RETURNING 1")
    async with Store.open(database_url, keyring) as store, engine.connect() as holder:
        # A report that reads for long: the new column has to wait for it.
        await holder.scalar(text("SELECT count(*) FROM audit"))
        async with going_on(lambda: accept(store)) as accepted:
            work = asyncio.create_task(migrate(database_url, expand=True, folder=folder))
            tries = 3
            while tries:
                before = len(accepted)
                while not await scalar(engine, WAITS):
                    await asyncio.sleep(0.01)
                while await scalar(engine, WAITS):
                    await asyncio.sleep(0.05)
                while len(accepted) == before:
                    await asyncio.sleep(0.01)
                tries -= 1
            assert not work.done()
            await holder.rollback()
            assert await work == EXPANDED
            after = len(accepted)
            while len(accepted) < after + 3:
                await asyncio.sleep(0.01)
    assert await scalar(engine, "SELECT count(*) FROM audit WHERE length IS NULL AND seq < 0") == 0


WAITS = "SELECT 1 FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND query LIKE 'ALTER TABLE audit%'"


@pytest.mark.parametrize("database_kind", ["postgresql"])
async def test_a_second_migration_waits_for_the_first(database_url: str, folder: Path, engine: AsyncEngine) -> None:
    async with engine.connect() as holder:
        await holder.execute(text("SELECT pg_advisory_lock(:lock)"), {"lock": migrating.ADVISORY_LOCK})
        second = asyncio.create_task(migrate(database_url, folder=folder))
        await asyncio.sleep(5 * migrating.POLL_SECONDS)
        assert not second.done()
        assert await scalar(engine, "SELECT version_num FROM alembic_version") == HEAD
        await holder.execute(text("SELECT pg_advisory_unlock(:lock)"), {"lock": migrating.ADVISORY_LOCK})
        await holder.commit()
    assert await second == CONTRACTED


@pytest.mark.parametrize("database_kind", ["postgresql"])
async def test_a_table_that_stays_locked_is_named_in_a_sentence(
    database_url: str, folder: Path, engine: AsyncEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(migrating, "PATIENCE_SECONDS", 0.0)
    async with engine.connect() as holder:
        await holder.scalar(text("SELECT count(*) FROM audit"))
        with pytest.raises(migrating.StoreUnreachable, match="a table is locked; try again"):
            await migrate(database_url, folder=folder)
