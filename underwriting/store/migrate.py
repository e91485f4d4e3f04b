"""Bring a database's schema up to this program's; safe to run from several processes at once, and beside programs.

On PostgreSQL each revision is a transaction. What waits for a lock gives up soon, lets those pass that wait behind it,
and is tried again: readers and writers go on. On SQLite all revisions are one transaction.
"""

import asyncio
import time
from itertools import takewhile
from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from underwriting.store.engines import create_engine
from underwriting.store.errors import NotMigrated, StoreUnreachable
from underwriting.store.migrations import generation
from underwriting.store.session import NO_CONNECTION

SCRIPTS = Path(__file__).parent / "migrations"
# Any number that no other program on the same database takes for its own advisory lock.
ADVISORY_LOCK = 7_306_142
# A table's readers wait for no longer than this behind a revision that waits for the table.
LOCK_SECONDS = 1
PAUSE_SECONDS = 2.0
POLL_SECONDS = 0.2
PATIENCE_SECONDS = 600.0
LOCK_NOT_AVAILABLE = "55P03"


def scripts(connection: Connection, folder: Path = SCRIPTS, *, one_by_one: bool = False) -> Config:
    """Alembic's configuration, bound to a connection: whose transaction is the caller's, or revisions have one each."""
    config = Config()
    config.set_main_option("script_location", str(folder))
    config.attributes.update(connection=connection, one_by_one=one_by_one)
    return config


async def migrate(url: str, *, expand: bool = False, folder: Path = SCRIPTS) -> str:
    """Upgrade to the newest revision, or with `expand` to the newest that takes nothing from the programs in use.

    Returns the database's revision. A second run changes nothing; one at the same time waits for the first.
    StoreUnreachable where the database does not answer, or a table is locked for ten minutes; NotMigrated where a newer
    program migrated it.
    """
    engine = create_engine(url)
    try:
        if engine.dialect.name == "postgresql":
            return await _upgrade_postgresql(engine, folder, expand=expand)
        async with engine.execution_options(sqlite_begin="IMMEDIATE").begin() as connection:
            return await connection.run_sync(_upgrade, folder, expand)
    except NO_CONNECTION as error:
        raise StoreUnreachable(f"cannot migrate the database: {error}") from error
    finally:
        await engine.dispose()


async def _upgrade_postgresql(engine: AsyncEngine, folder: Path, *, expand: bool) -> str:
    async with engine.connect() as lock, engine.connect() as connection:
        await _patient(lock, lock_seconds=0)
        # It ends with its connection. Who waits for it inside a statement has a snapshot, and an index that is created
        # concurrently waits for all snapshots: so it is asked for again and again.
        while not await lock.scalar(text("SELECT pg_try_advisory_lock(:lock)"), {"lock": ADVISORY_LOCK}):
            await lock.commit()
            await asyncio.sleep(POLL_SECONDS)
        await lock.commit()
        await _patient(connection, LOCK_SECONDS)
        end = time.monotonic() + PATIENCE_SECONDS
        while True:
            try:
                return await connection.run_sync(_upgrade, folder, expand)
            except DBAPIError as error:
                await connection.rollback()
                if getattr(error.orig, "sqlstate", "") != LOCK_NOT_AVAILABLE:
                    raise
                if time.monotonic() > end:
                    raise StoreUnreachable("cannot migrate the database: a table is locked; try again") from error
                await asyncio.sleep(PAUSE_SECONDS)


async def _patient(connection: AsyncConnection, lock_seconds: int) -> None:
    """Let this session's statements take as long as they need, and wait so long for a lock; 0 is for ever."""
    for name in ("statement_timeout", "idle_in_transaction_session_timeout"):
        await connection.execute(text(f"SET {name} = 0"))
    await connection.execute(text(f"SET lock_timeout = '{lock_seconds}s'"))
    await connection.commit()


def _upgrade(connection: Connection, folder: Path, expand: bool) -> str:  # Passed on by run_sync.
    one_by_one = connection.dialect.name == "postgresql"
    config = scripts(connection, folder, one_by_one=one_by_one)
    current, known = MigrationContext.configure(connection).get_current_revision(), ScriptDirectory.from_config(config)
    if current is not None and current not in {script.revision for script in known.walk_revisions()}:
        raise NotMigrated(
            f"the database has revision {current} of the schema, which this program does not know; "
            "use the program that made it, or a newer one"
        )
    revision = _expanded(connection, config) if expand else "head"
    if one_by_one:
        connection.commit()
    command.upgrade(config, revision)
    return str(MigrationContext.configure(connection).get_current_revision())


def _expanded(connection: Connection, config: Config) -> str:
    """The newest revision of the database's generation; of all, if the database is empty."""
    current = MigrationContext.configure(connection).get_current_revision()
    if current is None:
        return "head"
    later = [script.revision for script in ScriptDirectory.from_config(config).iterate_revisions("head", current)]
    return [current, *takewhile(lambda one: generation(one) == generation(current), reversed(later))][-1]
