"""The migrations make what the models say, all or nothing."""

import asyncio

import pytest
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, inspect, text

from underwriting.store.engines import create_engine
from underwriting.store.errors import NotMigrated, StatementRefused
from underwriting.store.migrate import SCRIPTS, migrate, scripts
from underwriting.store.migrations import HEAD, NEEDED
from underwriting.store.models import Base
from underwriting.store.session import Store


async def on(url: str, work: object) -> object:
    engine = create_engine(url)
    try:
        async with engine.begin() as connection:
            return await connection.run_sync(work)
    finally:
        await engine.dispose()


def differences(connection: Connection) -> list[object]:
    return compare_metadata(MigrationContext.configure(connection), Base.metadata)


def tables(connection: Connection) -> set[str]:
    return set(inspect(connection).get_table_names())


async def test_migrations_and_models_agree(database_url: str) -> None:
    assert await on(database_url, differences) == []


def test_head_is_the_newest_revision_and_numbers_rise() -> None:
    config = Config()
    config.set_main_option("script_location", str(SCRIPTS))
    scripts = ScriptDirectory.from_config(config)
    assert scripts.get_current_head() == HEAD
    numbers = [script.revision for script in scripts.walk_revisions()]
    assert numbers == sorted(numbers, reverse=True)
    assert numbers.index(NEEDED) <= 1, "the newest, or the one before it where that one contracts"


async def test_a_second_migration_changes_nothing(database_url: str) -> None:
    await migrate(database_url)
    assert await on(database_url, differences) == []


async def test_a_newer_programs_schema_is_left_alone_with_a_sentence(database_url: str) -> None:
    await migrate(database_url)
    await on(
        database_url, lambda connection: connection.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    )
    with pytest.raises(NotMigrated, match="revision 9999 of the schema, which this program does not know"):
        await migrate(database_url)


async def test_down_and_up_again_from_several_workers_at_once(database_url: str) -> None:
    await on(database_url, lambda connection: command.downgrade(scripts(connection), "base"))
    assert await on(database_url, tables) == {"alembic_version"}
    await asyncio.gather(*(migrate(database_url) for _ in range(3)))
    assert await on(database_url, differences) == []


async def test_a_migration_that_breaks_leaves_nothing(database_url: str) -> None:
    def broken(connection: Connection) -> None:
        command.downgrade(scripts(connection), "base")
        connection.execute(text("CREATE TABLE outbox (id INTEGER)"))
        command.upgrade(scripts(connection), "head")

    before = await on(database_url, tables)
    with pytest.raises(Exception, match="already exists"):
        await on(database_url, broken)
    assert await on(database_url, tables) == before


async def test_the_database_itself_refuses_an_unknown_state(store: Store) -> None:
    insert = "INSERT INTO effects (application_id, effect, state, fence, begun_at)"
    row = "VALUES ('a', 'e', 'perhaps', 1, '2026-01-01 00:00:00')"

    async def perhaps() -> None:
        async with store.begin() as work:
            await work.execute(text(f"{insert} {row}"))

    with pytest.raises(StatementRefused, match="ck_effects_effectstate"):
        await perhaps()
