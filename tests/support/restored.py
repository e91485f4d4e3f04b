"""A PostgreSQL server that archives its log, and is restored to a moment of before, by PostgreSQL's own programs."""

import asyncio
import os
import pwd
import shutil
import subprocess
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Self

import asyncpg

from underwriting.local.postgres import STORE_DATABASE, USER, Postgres, programs


class Restorable:
    """The server with its base backup and the archive of its log, in one folder."""

    def __init__(self, folder: Path) -> None:
        self.server = Postgres(folder / "postgres", folder / "log")
        self.url = self.server.url(STORE_DATABASE)
        self._archive, self._base = folder / "archive", folder / "base"

    @classmethod
    @asynccontextmanager
    async def started(cls, folder: Path) -> AsyncIterator[Self]:
        """Archiving, with nothing in it."""
        self = cls(folder)
        self._archive.mkdir()
        _give(self._archive)
        await self.server.start()
        try:
            await self.ask("ALTER SYSTEM SET archive_mode = on")
            await self.ask(f"ALTER SYSTEM SET archive_command = 'cp %p {self._archive}/%f'")
            await self.server.restart()
            yield self
        finally:
            await self.server.stop()

    async def back_up(self) -> None:
        """Take the base backup."""
        self._base.mkdir()
        _give(self._base)
        where = ["-h", str(self.server.sockets), "-U", USER, "-D", str(self._base), "-c", "fast"]
        user = {} if os.geteuid() else {"user": "nobody", "group": pwd.getpwnam("nobody").pw_gid}
        await asyncio.to_thread(subprocess.run, [str(programs() / "pg_basebackup"), *where], check=True, **user)

    async def moment(self) -> str:
        """Now; what is committed before it is kept, and what is committed afterwards is lost."""
        moment = await self.ask("SELECT clock_timestamp()::text")
        await asyncio.sleep(0.1)
        return moment

    async def restore(self, moment: str) -> None:
        """Stop, put the base backup in place of the data, and replay the archive up to the moment."""
        await self.ask("SELECT pg_switch_wal()")
        await self.server.stop()
        shutil.rmtree(self.server.data)
        self._base.rename(self.server.data)
        (self.server.data / "recovery.signal").touch()
        with (self.server.data / "postgresql.auto.conf").open("a") as file:
            file.write(f"restore_command = 'cp {self._archive}/%f %p'\nrecovery_target_time = '{moment}'\n")
            file.write("recovery_target_action = 'promote'\n")
        _give(self.server.data / "recovery.signal")
        await self.server.start()
        end = time.monotonic() + 60
        while await self.ask("SELECT pg_is_in_recovery()"):
            assert time.monotonic() < end, "it is still being restored"
            await asyncio.sleep(0.1)

    async def ask(self, statement: str) -> str:
        """The first value that a statement gives, if it gives any."""
        connection = await asyncpg.connect(self.url.replace("+asyncpg", ""))
        try:
            value: str = await connection.fetchval(statement)
            return value
        finally:
            await connection.close()


def _give(path: Path) -> None:
    """To the user that the server runs as."""
    if not os.geteuid():
        nobody = pwd.getpwnam("nobody")
        os.chown(path, nobody.pw_uid, nobody.pw_gid)
        path.chmod(0o700 if path.is_dir() else 0o600)
