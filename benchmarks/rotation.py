"""How long it takes to seal a large store anew under another key.

`python -m benchmarks.rotation [--rows 1000000]`
"""

import argparse
import asyncio
import tempfile
import time
from pathlib import Path

from benchmarks.rig import report
from underwriting.local.postgres import Postgres
from underwriting.store import lists
from underwriting.store.crypto import KEY_BYTES, Keyring
from underwriting.store.lists import ListEntry
from underwriting.store.migrate import migrate
from underwriting.store.rotation import reseal
from underwriting.store.session import Store

OLD, NEW = b"o" * KEY_BYTES, b"n" * KEY_BYTES
# What a list's entry or a bureau's report takes.
RECORD = b"x" * 1_000
BATCH = 50_000


async def main(rows: int) -> None:
    """Seal a tenth of the rows anew, then all of them, and print the figures; both take as long for each row."""
    with tempfile.TemporaryDirectory(prefix="bench-") as folder:
        server = Postgres(Path(folder), Path(folder) / "log")
        await server.start()
        try:
            await migrate(server.url("postgres"))
            figures = {count: await _seconds(server.url("postgres"), count) for count in (rows // 10, rows)}
        finally:
            await server.stop()
    per_row = {count: round(1e6 * seconds / count, 1) for count, seconds in figures.items()}
    report({"benchmark": "rotation", "rows": rows, "seconds": round(figures[rows], 1), "microseconds_per_row": per_row})


async def _seconds(url: str, rows: int) -> float:
    """Fill the store with rows sealed under the old key, and seal them anew."""
    async with Store.open(url, Keyring({"old": OLD}, "old")) as store:
        for start in range(0, rows, BATCH):
            entries = [ListEntry(str(number), RECORD) for number in range(start, min(start + BATCH, rows))]
            async with store.begin() as work:
                await lists.replace(work, f"{rows}-{start}", "a" * 64, entries, "bench")
    async with Store.open(url, Keyring({"old": OLD, "new": NEW}, "new")) as store:
        began = time.perf_counter()
        if (resealed := await reseal(store)) != rows:
            raise RuntimeError(f"{resealed} of {rows} rows were sealed anew")
        return time.perf_counter() - began


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=1_000_000)
    asyncio.run(main(parser.parse_args().rows))
