"""Bring a database's schema up to this program's, all or nothing; safe to run from several processes at once."""

from pathlib import Path

from alembic import command
from alembic.config import Config
from sqlalchemy import Connection, text
from sqlalchemy.ext.asyncio import AsyncEngine

from underwriting.store.engines import create_engine
from underwriting.store.errors import StoreUnreachable
from underwriting.store.session import NO_CONNECTION

SCRIPTS = Path(__file__).parent / "migrations"
# Any number that no other program on the same database takes for its own advisory lock.
ADVISORY_LOCK = 7_306_142


def scripts(connection: Connection) -> Config:
    """Alembic's configuration, bound to a connection whose transaction is the caller's."""
    config = Config()
    config.set_main_option("script_location", str(SCRIPTS))
    config.attributes["connection"] = connection
    return config


async def migrate(url: str, revision: str = "head") -> None:
    """Upgrade to `revision`; StoreUnreachable where the database does not answer. A second run changes nothing."""
    engine = create_engine(url)
    try:
        await _upgrade(engine, revision)
    except NO_CONNECTION as error:
        raise StoreUnreachable(f"cannot migrate the database: {error}") from error
    finally:
        await engine.dispose()


async def _upgrade(engine: AsyncEngine, revision: str) -> None:
    """One at a time: SQLite by its write lock, PostgreSQL by an advisory one that ends with the transaction."""
    async with engine.execution_options(sqlite_begin="IMMEDIATE").begin() as connection:
        if engine.dialect.name == "postgresql":
            await connection.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": ADVISORY_LOCK})
        await connection.run_sync(lambda sync: command.upgrade(scripts(sync), revision))
