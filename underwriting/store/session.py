"""Units of work on PostgreSQL or SQLite.

Isolation. PostgreSQL writes under READ COMMITTED, and every write of this package is either one guarded statement
(`UPDATE … WHERE fence = :mine`, `INSERT … ON CONFLICT DO NOTHING`) or follows a `SELECT … FOR UPDATE` of the row it
depends on, so nothing is read, computed and written over a concurrent change. Reads see one snapshot (REPEATABLE
READ, read only). SQLite's writers begin IMMEDIATE: one at a time, from the first statement on; by its default two
transactions may read the same row, and the second overwrites the first without an error.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager, contextmanager, nullcontext
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any, Protocol, TypeVar

import asyncpg
from sqlalchemy import Connection, Engine, Executable, event, inspect, select, text
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, AsyncSession
from sqlalchemy.orm import ORMExecuteState, Session

from underwriting.store.crypto import Keyring
from underwriting.store.engines import create_engine, create_read_engine
from underwriting.store.errors import NotMigrated, StatementRefused, StoreError, StoreUnreachable
from underwriting.store.migrations import HEAD, NEEDED, generation
from underwriting.store.models import Base

# SQLSTATEs of errors after which another try may help: connection, resources, operator intervention and timeouts,
# locks, deadlock.
OUTAGES = ("08", "53", "57", "55P03", "25P03", "40001", "40P01")
# Rows are changed by statements only, so what a statement returns replaces what is in memory.
STATEMENTS = {"synchronize_session": False, "populate_existing": True}

# SQLAlchemy does not wrap what asyncpg raises while it connects: no such database, a wrong password.
NO_CONNECTION = (OSError, DBAPIError, asyncpg.PostgresError)
# What a statement may raise; the last two if the driver is used directly (`bulk`).
FROM_DATABASE = (DBAPIError, asyncpg.PostgresError, asyncpg.InterfaceError)

T = TypeVar("T", bound=Base)
R = TypeVar("R")

# The lender's day on which a moment falls.
DayOf = Callable[[datetime], date]


def utc_day(moment: datetime) -> date:
    """The day of a lender whose days are those of UTC."""
    return moment.astimezone(UTC).date()


class _Session(Session):
    """The session inside a unit of work."""


@event.listens_for(_Session, "do_orm_execute")
def _by_statements(state: ORMExecuteState) -> None:
    state.update_execution_options(**STATEMENTS)


class Work(AsyncSession):
    """One unit of work, with the keys that open what it reads, and the lender's day."""

    sync_session_class = _Session

    def __init__(self, engine: AsyncEngine, keys: Keyring, day_of: DayOf) -> None:
        super().__init__(engine, expire_on_commit=False, autoflush=False)
        self.keys = keys
        self.day_of = day_of

    async def add_new(self, table: type[T], **values: Any) -> T | None:
        """INSERT … ON CONFLICT DO NOTHING: the new row, or None where its key is taken.

        RETURNING distinguishes the two on both databases; the row count does not.
        """
        insert = postgresql.insert if self.get_bind().dialect.name == "postgresql" else sqlite.insert
        statement = insert(table).values(values).on_conflict_do_nothing().returning(table)
        row: T | None = await self.scalar(statement)
        return row


class Reader(Protocol):
    """What can run a statement that reads: a unit of work, or a connection for single statements."""

    async def scalar(self, statement: Executable, parameters: dict[str, Any] | None = None, /) -> Any:
        """The first column of the first row, or None."""


class _ThreadReader:
    """A synchronous connection, used in the calling thread."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    async def scalar(self, statement: Executable, parameters: dict[str, Any] | None = None, /) -> Any:
        return self._connection.scalar(statement, parameters)


class Store:
    """The outcome store behind one connection pool; one for each event loop, cheap to pass round."""

    def __init__(self, engine: AsyncEngine, single_reads: AsyncEngine | Engine, keys: Keyring, day_of: DayOf) -> None:
        self._single_reads = single_reads
        sqlite = engine.dialect.name == "sqlite"
        self._keys = keys
        self.day_of = day_of
        self._writer = engine.execution_options(sqlite_begin="IMMEDIATE") if sqlite else engine
        self._reader = (
            engine if sqlite else engine.execution_options(isolation_level="REPEATABLE READ", postgresql_readonly=True)
        )
        # SQLite lets one writer in and makes the others poll; those of this process wait here instead, in order.
        self._turn: AbstractAsyncContextManager[Any] = asyncio.Lock() if sqlite else nullcontext()

    @classmethod
    @asynccontextmanager
    async def open(cls, url: str, keys: Keyring, day_of: DayOf = utc_day) -> AsyncIterator["Store"]:
        """Connect, and check that the schema is this program's; StoreUnreachable or NotMigrated say what to do.

        The time for a notice counts in the days that `day_of` gives.
        """
        if not url:
            raise StoreUnreachable("no database is named; set UNDERWRITING_DATABASE_URL")
        engine, single_reads = create_engine(url), create_read_engine(url)
        try:
            store = cls(engine, single_reads, keys, day_of)
            _check_file(engine)
            async with store.read() as work:
                await _check_schema(work)
            yield store
        finally:
            await engine.dispose()
            if isinstance(single_reads, Engine):
                single_reads.dispose()
            else:
                await single_reads.dispose()

    @asynccontextmanager
    async def begin(self) -> AsyncIterator[Work]:
        """A unit that writes: committed at the end of the block, rolled back where the block is left by an error.

        Units do not nest: on SQLite the inner one would wait for the outer one.
        """
        async with self._turn, _unit(self._writer, self._keys, self.day_of) as work:
            yield work
            await work.commit()

    @asynccontextmanager
    async def read(self) -> AsyncIterator[Work]:
        """A unit that only reads, from one snapshot; changes are not kept."""
        async with _unit(self._reader, self._keys, self.day_of) as work:
            yield work

    async def check(self) -> None:
        """StoreUnreachable unless the database answers."""
        async with self.read() as work:
            await work.scalar(select(1))

    async def fetch(self, query: Callable[[Reader], Awaitable[R]]) -> R:
        """The result of one statement that reads, in one round trip: without transaction, session or a test of the
        connection. If the connection is broken, the statement is run once more on a new one.
        """
        try:
            return await self._fetch_once(query)
        except StoreUnreachable:
            return await self._fetch_once(query)

    async def _fetch_once(self, query: Callable[[Reader], Awaitable[R]]) -> R:
        try:
            if isinstance(self._single_reads, Engine):
                with _connecting():
                    connection = self._single_reads.connect()
                with connection:
                    return await query(_ThreadReader(connection))
            async with _connected(self._single_reads.connect()) as reader:
                return await query(reader)
        except DBAPIError as error:
            raise _store_error(error).with_traceback(error.__traceback__) from None


@asynccontextmanager
async def _unit(engine: AsyncEngine, keys: Keyring, day_of: DayOf) -> AsyncIterator[Work]:
    """A unit that is rolled back at its end unless it was committed."""
    try:
        async with Work(engine, keys, day_of) as work:
            await _connect(work)
            yield work
    except FROM_DATABASE as error:
        # Without the cause: its text shows the rows that were refused, and error texts end up in logs and in Prefect.
        raise _store_error(error).with_traceback(error.__traceback__) from None


async def _connect(work: Work) -> None:
    """Connect now, so that an error of another network inside the unit is not taken for the database's."""
    with _connecting():
        await work.connection()


@asynccontextmanager
async def _connected(opening: AsyncConnection) -> AsyncIterator[AsyncConnection]:
    with _connecting():
        connection = await opening
    try:
        yield connection
    finally:
        await connection.close()


@contextmanager
def _connecting() -> Iterator[None]:
    """Turn what goes wrong while connecting into StoreUnreachable."""
    try:
        yield
    except PoolTimeout as error:
        raise StoreUnreachable("all connections to the database are in use; try again, or add workers") from error
    except NO_CONNECTION as error:
        raise StoreUnreachable(f"cannot reach the database: {_first_line(error)}; check database_url") from error


def _store_error(error: DBAPIError | asyncpg.PostgresError | asyncpg.InterfaceError) -> StoreError:
    cause = error.orig if isinstance(error, DBAPIError) else error
    lost = isinstance(cause, asyncpg.InterfaceError) or (isinstance(error, DBAPIError) and error.connection_invalidated)
    if lost or str(getattr(cause, "sqlstate", "")).startswith(OUTAGES):
        return StoreUnreachable(f"the database did not answer: {_first_line(error)}; try again")
    return StatementRefused(f"the database refused a statement: {_first_line(error)}")


def _first_line(error: Exception) -> str:
    """The driver's message, without the statement, its parameters and the row."""
    return str(getattr(error, "orig", None) or error).partition("\n")[0]


def _check_file(engine: AsyncEngine) -> None:
    """SQLite would make an empty file of a mistyped path."""
    name = engine.url.database
    if engine.dialect.name == "sqlite" and not (name and Path(name).is_file()):
        raise NotMigrated(f"there is no database at {name}; make it with `underwriting migrate`")


async def _check_schema(work: Work) -> None:
    connection = await work.connection()
    if not await connection.run_sync(lambda sync: inspect(sync).has_table("alembic_version")):
        raise NotMigrated("the database has no tables yet; run `underwriting migrate`")
    version = await work.scalar(text("SELECT version_num FROM alembic_version"))
    if version is None or version < NEEDED:
        raise NotMigrated(
            f"the database is at schema {version}, this program needs {NEEDED}; run `underwriting migrate`"
        )
    if generation(version) > generation(HEAD):
        raise NotMigrated(f"the database is at schema {version}, this program knows {HEAD}; install the newer program")
