"""Databases for tests: one embedded PostgreSQL server a session, and a fresh migrated database a test."""

import asyncio
import shutil
from collections.abc import Callable, Coroutine, Iterator
from contextlib import contextmanager
from itertools import count
from pathlib import Path
from typing import Any

import asyncpg

from underwriting.local.postgres import Postgres
from underwriting.store.migrate import migrate

TEMPLATE = "migrated"
_numbers = count(1)


def run(work: Coroutine[Any, Any, Any]) -> Any:
    """Run to the end on a loop of its own, without touching the one that pytest-asyncio set."""
    loop = asyncio.new_event_loop()
    try:
        return loop.run_until_complete(work)
    finally:
        loop.close()


@contextmanager
def postgres_server(folder: Path) -> Iterator[str]:
    """A running server; yields the URL of its database `postgres`."""
    server = Postgres(folder, folder / "log")
    try:
        run(server.start())
        url = server.url("postgres")
        # Tests kill processes, never the machine.
        run(execute(url, "ALTER SYSTEM SET fsync = off", "SELECT pg_reload_conf()"))
        run(execute(url, f"CREATE DATABASE {TEMPLATE}"))
        run(migrate(sibling(url, TEMPLATE)))
        yield url
    finally:
        run(server.stop())


def fill_template(server_url: str, name: str, fill: Callable[[str], Coroutine[Any, Any, None]]) -> str:
    """A migrated database that `fill` writes to by its URL, to be copied from under its name."""
    run(execute(server_url, f"CREATE DATABASE {name} TEMPLATE {TEMPLATE} STRATEGY FILE_COPY"))
    run(fill(sibling(server_url, name)))
    return name


@contextmanager
def postgres_database(server_url: str, template: str = TEMPLATE) -> Iterator[str]:
    """A database of the test's own, copied from the template, and dropped after it."""
    name = f"test_{next(_numbers)}"
    run(execute(server_url, f"CREATE DATABASE {name} TEMPLATE {template} STRATEGY FILE_COPY"))
    try:
        yield sibling(server_url, name)
    finally:
        run(execute(server_url, f"DROP DATABASE {name} WITH (FORCE)"))


def sqlite_database(folder: Path, template: Path) -> str:
    """A file of the test's own, copied from the migrated one."""
    return sqlite_url(Path(shutil.copy(template, folder / "store.db")))


def sqlite_template(folder: Path) -> Path:
    """A migrated file, closed, so that nothing of it is left in a write-ahead log."""
    file = folder / "template.db"
    run(migrate(sqlite_url(file)))
    return file


def sqlite_url(file: Path) -> str:
    return f"sqlite+aiosqlite:///{file}"


def sibling(url: str, database: str) -> str:
    """The URL of another database of the same server."""
    server, _, query = url.partition("?")
    return f"{server.rpartition('/')[0]}/{database}?{query}"


async def execute(url: str, *statements: str) -> None:
    """Run statements outside any transaction, as CREATE DATABASE asks for."""
    connection = await asyncpg.connect(url.replace("+asyncpg", ""))
    try:
        for statement in statements:
            await connection.execute(statement)
    finally:
        await connection.close()
