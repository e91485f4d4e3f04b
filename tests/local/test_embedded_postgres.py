"""The embedded PostgreSQL survives what happens to processes and folders."""

import asyncio
import os
import signal
import tempfile
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import asyncpg
import psutil
import pytest

from underwriting.local import Postgres
from underwriting.local.postgres import STORE_DATABASE, answers, database_url


@pytest.fixture(scope="module")
def cluster() -> Iterator[Postgres]:
    with tempfile.TemporaryDirectory(prefix="postgres-") as folder:
        yield Postgres(Path(folder) / "postgres", Path(folder) / "postgres.log")


@pytest.fixture
async def server(cluster: Postgres) -> AsyncIterator[Postgres]:
    """A running server; its folder is made once, and used by one test after the other."""
    await cluster.start()
    yield cluster
    await cluster.stop()


async def value(server: Postgres, query: str) -> object:
    connection = await asyncpg.connect(server.url(STORE_DATABASE).replace("+asyncpg", ""))
    try:
        return await connection.fetchval(query)
    finally:
        await connection.close()


async def test_text_is_utf8_and_sorted_alike_on_every_machine(server: Postgres) -> None:
    assert (
        await value(server, "SELECT pg_encoding_to_char(encoding) FROM pg_database WHERE datname = 'underwriting'")
        == "UTF8"
    )
    assert await value(server, "SELECT datlocale FROM pg_database WHERE datname = 'underwriting'") == "C.UTF-8"


async def test_what_was_committed_survives_kills_and_restarts(server: Postgres) -> None:
    await value(server, "CREATE TABLE kept AS SELECT 1 AS n")
    server.kill()
    assert not answers(server.folder)
    await server.start()
    await server.restart(immediately=True)
    assert await value(server, "SELECT n FROM kept") == 1


async def test_who_watches_a_server_does_not_take_its_restart_for_an_end(
    server: Postgres, monkeypatch: pytest.MonkeyPatch
) -> None:
    # The server has ended for most of this time before the restart looks at it again.
    monkeypatch.setattr("underwriting.local.child.POLL_SECONDS", 0.5)
    before = server.pid
    restart = asyncio.create_task(server.restart(immediately=True))
    seen = {server.running}
    while not restart.done():
        await asyncio.sleep(0.01)
        seen.add(server.running)
    await restart
    assert seen == {True}
    assert server.pid != before
    server.kill()
    assert not server.running


async def test_lock_files_that_name_another_process_are_no_obstacle(server: Postgres) -> None:
    await server.stop()
    for lock in (server.data / "postmaster.pid", server.sockets / ".s.PGSQL.5432.lock"):
        lock.write_text(f"{os.getpid()}\n{server.data}\n")
    await server.start()
    assert await value(server, "SELECT 1") == 1


async def test_a_server_left_by_a_killed_supervisor_is_replaced(server: Postgres) -> None:
    orphan = psutil.Process(server.pid)
    successor = Postgres(server.folder, server.folder.parent / "postgres.log")
    await successor.start()
    try:
        assert not orphan.is_running() or orphan.status() == psutil.STATUS_ZOMBIE
        assert await value(successor, "SELECT 1") == 1
    finally:
        await successor.stop()


async def test_a_long_path_has_its_socket_elsewhere() -> None:
    with tempfile.TemporaryDirectory(prefix="postgres-") as root:
        folder = Path(root) / ("deep" * 30)
        server = Postgres(folder, Path(root) / "postgres.log")
        await server.start()
        try:
            assert await value(server, "SELECT 1") == 1
            assert answers(folder)
            assert str(folder) not in database_url(folder, STORE_DATABASE)
            assert server.sockets.stat().st_mode & 0o777 == 0o700
        finally:
            await server.stop()
            server.sockets.rmdir()


async def test_a_fast_shutdown_follows_the_signal_of_a_dying_parent(server: Postgres) -> None:
    os.kill(server.pid, signal.SIGINT)
    psutil.Process(server.pid).wait(10)
    assert "received fast shutdown request" in (server.folder.parent / "postgres.log").read_text()
