"""How long applications wait while the schema of a large table changes: a new column, filled and indexed.

`python -m benchmarks.migrations [--rows 1000000]`
"""

import argparse
import asyncio
import tempfile
import time
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path

import asyncpg
from sqlalchemy import text

from benchmarks.rig import percentile, report
from tests.support.next_revisions import EXPANDED, audit_rows, with_next_revisions
from tests.support.reviews import request
from underwriting.local.postgres import Postgres
from underwriting.store import applications
from underwriting.store.crypto import Keyring
from underwriting.store.migrate import migrate
from underwriting.store.session import Store

QUIET_SECONDS = 5.0
# A report reads the table for so long at a time, and the migration has to wait for it.
REPORT_SECONDS = 3.0


class Traffic:
    """Applications that are stored one after the other, each with its audit entry, and reads of the audit log."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self.writes: list[float] = []
        self.reads: list[float] = []

    async def go_on(self) -> None:
        """Write and read until cancelled."""
        await asyncio.gather(self._write(), self._read())

    def figures(self) -> dict[str, float]:
        """Milliseconds, of what was done since the last call."""
        writes, reads = self.writes, self.reads
        self.writes, self.reads = [], []
        return {
            "write_p99_ms": round(1000 * percentile(writes, 0.99), 1),
            "write_longest_ms": round(1000 * max(writes)),
            "read_p99_ms": round(1000 * percentile(reads, 0.99), 1),
            "read_longest_ms": round(1000 * max(reads)),
            "writes": len(writes),
        }

    async def _write(self) -> None:
        for number in range(10_000_000):
            began = time.perf_counter()
            async with self._store.begin() as work:
                await applications.accept(work, "bench", request(), f"key-{number}", datetime.now(UTC))
            self.writes.append(time.perf_counter() - began)
            await asyncio.sleep(0.01)

    async def _read(self) -> None:
        while True:
            began = time.perf_counter()
            async with self._store.read() as work:
                await work.scalar(text("SELECT action FROM audit WHERE seq = -1"))
            self.reads.append(time.perf_counter() - began)
            await asyncio.sleep(0.01)


async def main(rows: int) -> None:
    """Fill the table, measure the traffic alone, then during the migration, and print the figures."""
    with tempfile.TemporaryDirectory(prefix="bench-") as folder:
        server = Postgres(Path(folder), Path(folder) / "log")
        await server.start()
        try:
            url = server.url("postgres")
            await migrate(url)
            plain = url.replace("+asyncpg", "")
            connection = await asyncpg.connect(plain)
            await connection.execute(audit_rows(rows))
            async with Store.open(url, Keyring.generate()) as store:
                traffic = Traffic(store)
                going = asyncio.create_task(traffic.go_on())
                await asyncio.sleep(QUIET_SECONDS)
                quiet = traffic.figures()
                reports = asyncio.create_task(_report_again_and_again(plain))
                began = time.perf_counter()
                revision = await migrate(url, expand=True, folder=with_next_revisions(Path(folder) / "migrations"))
                seconds = time.perf_counter() - began
                during = traffic.figures()
                for task in (going, reports):
                    task.cancel()
                    with suppress(asyncio.CancelledError):
                        await task
            left = await connection.fetchval("SELECT count(*) FROM audit WHERE length IS NULL AND seq < 0")
            await connection.close()
        finally:
            await server.stop()
    if revision != EXPANDED or left:
        raise RuntimeError(f"the schema is at {revision}, and {left} rows are not filled")
    report({"benchmark": "migrations", "rows": rows, "seconds": round(seconds, 1), "quiet": quiet, "during": during})


async def _report_again_and_again(url: str) -> None:
    connection = await asyncpg.connect(url)
    try:
        while True:
            async with connection.transaction():
                await connection.fetchval("SELECT count(*) FROM audit WHERE seq = -1")
                await asyncio.sleep(REPORT_SECONDS)
            await asyncio.sleep(REPORT_SECONDS)
    finally:
        await connection.close()


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=1_000_000)
    asyncio.run(main(parser.parse_args().rows))
