"""How the limit run scales: its cost from 10,000 to a million users, two Dask workers against one, rows a second.

`python -m benchmarks.limits_scale [--users 10000 30000 100000] [--folder DIR]`
"""

import argparse
import asyncio
import json
import time
from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
from distributed import Client

from benchmarks.limits import full_run
from benchmarks.limits_rig import EVERYBODY, history_of, in_a_child, postgres, request, run_async, scratch
from rules.limits.tiers import FIRST_LIMIT
from tasks.limit_shards import local_cluster
from underwriting.domain.limits import IdRange
from underwriting.limit_runs.plan import open_history, plan_ranges
from underwriting.limit_runs.records import record_rows
from underwriting.limit_runs.shard import ShardSpec, recalculate_shard, records_file
from underwriting.settings import Settings
from underwriting.store.crypto import Keyring
from underwriting.store.limits import records as limit_records
from underwriting.store.limits import runs as limit_runs
from underwriting.store.limits import shards as limit_shards
from underwriting.store.limits.bases import SCHEMA
from underwriting.store.migrate import migrate
from underwriting.store.session import Store

# Users of the runs whose records are written again and again.
WRITTEN = 20_000


async def cost(sizes: Sequence[int], folder: Path) -> dict[int, dict[str, Any]]:
    """The full run at every size, each on a store of its own."""
    found = {}
    for users in sizes:
        history = history_of(users, folder)
        with scratch() as place:
            async with postgres(place) as url:
                found[users] = await asyncio.to_thread(in_a_child, full_run, str(history), url, str(place))
    return found


def specs(history: Path, folder: Path, shards: int) -> list[ShardSpec]:
    """The shards of a run, as Dask gets them."""
    folder.mkdir(parents=True, exist_ok=True)
    pq.write_table(SCHEMA.empty_table(), folder / "bases.parquet")
    asked = request(history)
    opened = open_history(str(history))
    config = Settings(state_dir=folder)
    ranges: Sequence[IdRange] = plan_ranges(opened, asked.scope, shards, config.limits_shard_users)
    return [
        ShardSpec(
            number=number,
            ids=ids,
            location=opened.location,
            files=opened.within(ids),
            bases=str(folder / "bases.parquet"),
            folder=str(folder),
            business_date=asked.business_date,
            judged_at=asked.judged_at,
            policy=asked.policy.text,
            memory_mb=config.limits_memory_mb,
        )
        for number, ids in enumerate(ranges)
    ]


def on_dask(workers: int, shards: list[ShardSpec]) -> float:
    """Seconds for all shards on so many worker processes, each of one thread, warmed up."""
    with local_cluster(workers) as cluster, Client(cluster) as client:  # type: ignore[no-untyped-call]
        client.gather(client.map(recalculate_shard, shards[:workers], pure=False))
        began = time.perf_counter()
        client.gather(client.map(recalculate_shard, shards, pure=False))
        return time.perf_counter() - began


async def rows_a_second(url: str, rows: pa.Table, folder: Path) -> float:
    """Rows a second of a run's records that are written and committed to a database."""
    async with Store.open(url, Keyring.generate()) as store:
        asked = request(folder)
        async with store.begin() as work:
            run = await limit_runs.opened(work, asked.run_request, asked.judged_at)
            claimed = await limit_runs.claim(work, run.id, None, timedelta(hours=1))
            assert claimed is not None
            await limit_shards.plan(work, run.id, [EVERYBODY])
        mine = rows.set_column(0, "run_id", pa.repeat(run.id, len(rows)))
        began = time.perf_counter()
        async with store.begin() as work:
            await limit_records.propose(work, claimed, 0, EVERYBODY, mine)
        return len(rows) / (time.perf_counter() - began)


async def writing(history: Path) -> dict[str, float]:
    """Rows a second, written to each of the two databases."""
    with scratch() as place:
        (shard,) = specs(history, place / "shard", 1)
        await asyncio.to_thread(recalculate_shard, shard)
        rows = record_rows(records_file(shard, shard.folder), Path(shard.bases), "lim_", 0, FIRST_LIMIT)
        file = f"sqlite+aiosqlite:///{place}/store.db"
        await migrate(file)
        found = {"sqlite": await rows_a_second(file, rows, place)}
        async with postgres(place) as url:
            found["postgresql"] = await rows_a_second(url, rows, place)
    return found


def main(sizes: Sequence[int], folder: Path) -> None:
    """Measure, and print the figures."""
    costs = run_async(cost(sizes, folder))
    largest, smallest = max(sizes), min(sizes)
    with scratch() as place:
        shards = specs(history_of(largest, folder), place, max(8, largest // Settings().limits_shard_users))
        workers = {count: on_dask(count, shards) for count in (1, 2)}
    rates = run_async(writing(history_of(min(sizes, key=lambda users: abs(users - WRITTEN)), folder)))
    per_user = {users: 1e6 * found["records_s"] / users for users, found in costs.items()}
    print(
        json.dumps(
            {
                "benchmark": "limits-scale",
                "records_s": {users: round(found["records_s"], 1) for users, found in costs.items()},
                "peak_mib": {users: found["peak_mib"] for users, found in costs.items()},
                "microseconds_a_user": {users: round(cost) for users, cost in per_user.items()},
                "largest_over_smallest_a_user": round(per_user[largest] / per_user[smallest], 2),
                "dask_seconds": {count: round(taken, 1) for count, taken in workers.items()},
                "two_workers_over_one": round(workers[1] / workers[2], 2),
                "rows_a_second": {name: round(rate) for name, rate in rates.items()},
            }
        )
    )


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--users", type=int, nargs="+", default=[10_000, 30_000, 100_000])
    parser.add_argument("--folder", type=Path, default=Path("/tmp/bench-limits"), help="where histories are kept")
    chosen = parser.parse_args()
    chosen.folder.mkdir(parents=True, exist_ok=True)
    main(chosen.users, chosen.folder)
