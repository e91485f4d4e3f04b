"""The limit run from Parquet to committed records and applied limits, against the bare fact query, pandas and Polars.

`python -m benchmarks.limits [--users 100000] [--folder DIR]`; a million users have 120 million transactions.
"""

import argparse
import asyncio
import json
import os
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from benchmarks import peer_pandas, peer_polars
from benchmarks.limits_rig import (
    EVERYBODY,
    fact_database,
    first,
    history_of,
    in_a_child,
    move_in,
    postgres,
    request,
    run_async,
    scratch,
    transactions,
)
from benchmarks.peer_facts import QUERY, Peer, compared, timed
from rules.facts import facts_sql
from underwriting.domain.limits import IdRange, Scope
from underwriting.limit_runs.plan import open_history, plan_ranges
from underwriting.limit_runs.run import recalculate
from underwriting.limit_runs.run_context import RunContext
from underwriting.limit_runs.shard_facts import QUERIES
from underwriting.settings import Settings
from underwriting.store.crypto import Keyring
from underwriting.store.session import Store

PEERS: dict[str, Peer] = {"pandas": peer_pandas.facts, "polars": peer_polars.facts}
# For these first users, the peers have to agree with our SQL on every fact.
SAMPLE = 10_000


def bare(history: str, ranges: Sequence[IdRange]) -> dict[str, Any]:
    """All facts about all users, a query for each source, directly on the files: no checks, nothing stored."""
    began = time.perf_counter()
    for ids in ranges:
        with fact_database(history, ids) as connection:
            for query in QUERIES:
                connection.execute(f"CREATE TABLE {query}_facts AS {facts_sql(query)}")
    return {"seconds": time.perf_counter() - began}


def transaction_facts(history: str, users: int) -> dict[str, Any]:
    """The facts about the transactions of the first users; the peers compute them, too."""
    began = time.perf_counter()
    with fact_database(history, first(users)) as connection:
        connection.execute(facts_sql(QUERY)).to_arrow_table()
    return {"seconds": time.perf_counter() - began}


@dataclass
class Clock:
    """The time at which each part of a run ended."""

    began: float = field(default_factory=time.perf_counter)
    seen: dict[str, float] = field(default_factory=dict)

    async def __call__(self, what: str, done: int, of: int) -> None:
        """Record when a part ended, and print the progress now and then."""
        self.seen[what] = time.perf_counter() - self.began
        if done == of or done % 10 == 0:
            print(f"{self.seen[what]:8.1f} s {what} {done} of {of}", flush=True)


def full_run(history: str, url: str, folder: str) -> dict[str, Any]:
    """The run: quarantine, facts, decisions, records in the store, guard, profiles and events."""

    async def run() -> dict[str, Any]:
        config = Settings(state_dir=Path(folder), limits_memory_mb=1024)
        clock = Clock()
        async with Store.open(url, Keyring.generate()) as store:
            report = await recalculate(RunContext(store, config, progress=clock), request(Path(history)))
        assert report.state == "applied"
        return {
            "records_s": clock.seen["calculating"],
            "applied_s": time.perf_counter() - clock.began,
            "users": report.totals.users,
            "written": report.written,
            "shards": report.shards,
        }

    found: dict[str, Any] = run_async(run())
    return found


def middle_of(work: Callable[..., dict[str, Any]], *args: Any) -> dict[str, Any]:
    """The median of three calls, each in a process of its own."""
    return sorted((in_a_child(work, *args) for _ in range(3)), key=lambda found: found["seconds"])[1]


async def measure(users: int, folder: Path) -> dict[str, Any]:
    """Every part in a process of its own, one after another."""
    history = history_of(users, folder)
    tenth = max(1, users // 10)
    with scratch() as place:
        async with postgres(place) as url:
            await move_in(url, history)
            ours = await asyncio.to_thread(in_a_child, full_run, str(history), url, str(place))
    ranges = plan_ranges(open_history(str(history)), Scope(), None, Settings().limits_shard_users)
    ways = {"at_once": [EVERYBODY], "by_ranges": ranges}
    queries = {way: await asyncio.to_thread(in_a_child, bare, str(history), each) for way, each in ways.items()}
    part = await asyncio.to_thread(middle_of, transaction_facts, str(history), tenth)
    peers, agree = {}, True
    for name, peer in PEERS.items():
        peers[name] = await asyncio.to_thread(middle_of, timed, peer, str(history), tenth)
        checked = await asyncio.to_thread(in_a_child, compared, peer, str(history), min(users, SAMPLE))
        print(f"{name} differs from our SQL on {checked['differ'] or 'nothing'}", flush=True)
        agree = agree and not checked["differ"]
    return {
        "history": history, "ours": ours, "bare": queries, "part": part, "peers": peers, "tenth": tenth, "agree": agree,
    }  # fmt: skip


def main(users: int, folder: Path) -> None:
    """Measure, check that the peers agree, and print the figures."""
    found = asyncio.run(measure(users, folder))
    ours, queries, part, peers = found["ours"], found["bare"], found["part"], found["peers"]
    print(
        json.dumps(
            {
                "benchmark": "limits",
                "users": users,
                "transactions": transactions(found["history"]),
                "shards": ours["shards"],
                "cores": os.cpu_count(),
                "committed_records_s": round(ours["records_s"], 1),
                "applied_s": round(ours["applied_s"], 1),
                "profiles_written": ours["written"],
                "peak_mib": ours["peak_mib"],
                "cpu_s": ours["cpu_s"],
                **{f"bare_{way}_s": round(query["seconds"], 1) for way, query in queries.items()},
                **{f"bare_{way}_peak_mib": query["peak_mib"] for way, query in queries.items()},
                **{f"bare_{way}_cpu_s": query["cpu_s"] for way, query in queries.items()},
                **{
                    f"over_bare_{way}": round(ours["records_s"] / query["seconds"], 2) for way, query in queries.items()
                },
                "tenth": found["tenth"],
                "transaction_facts_tenth_s": round(part["seconds"], 2),
                "transaction_facts_peak_mib": part["peak_mib"],
                "transaction_facts_cpu_s": part["cpu_s"],
                **{f"{name}_tenth_s": round(peer["seconds"], 2) for name, peer in peers.items()},
                **{f"{name}_peak_mib": peer["peak_mib"] for name, peer in peers.items()},
                **{f"{name}_cpu_s": peer["cpu_s"] for name, peer in peers.items()},
                **{f"over_{name}": round(peer["seconds"] / part["seconds"], 2) for name, peer in peers.items()},
                "agree": found["agree"],
            }
        )
    )
    if not found["agree"]:
        raise SystemExit("the peers do not agree on the facts")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--users", type=int, default=100_000)
    parser.add_argument("--folder", type=Path, default=Path("/tmp/bench-limits"), help="where histories are kept")
    chosen = parser.parse_args()
    chosen.folder.mkdir(parents=True, exist_ok=True)
    main(chosen.users, chosen.folder)
