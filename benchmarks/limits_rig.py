"""What the two benchmarks of the limit run share: a history of any size, a store, a measured child process."""

import asyncio
import multiprocessing
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from datetime import UTC, date, datetime
from datetime import time as time_of_day
from pathlib import Path
from typing import Any

import duckdb
import pyarrow.parquet as pq

from rules.facts import input_schema
from rules.limits.policy import LimitPolicy, shipped_policies
from rules.limits.tiers import CURRENCY, TIERS
from underwriting.domain.application import Product
from underwriting.domain.limits import IdRange, Scope
from underwriting.limit_runs.history import MODELS
from underwriting.limit_runs.quality import sql_type
from underwriting.limit_runs.request import Request
from underwriting.limit_runs.shard_facts import create_subjects, prepare
from underwriting.local.postgres import Postgres
from underwriting.store.crypto import Keyring
from underwriting.store.limits.bases import SCHEMA
from underwriting.store.limits.profiles import adopt
from underwriting.store.migrate import migrate
from underwriting.store.session import Store

END = date(2025, 8, 31)
DECIDED_AT = shipped_policies()["cfi"].business_day.moment(END)
TENANT = "sandbox"
# The limits of both: two cores and 4 GiB.
THREADS, MEMORY = 2, "3500MB"
EVERYBODY = IdRange(None, None)


def history_of(users: int, folder: Path) -> Path:
    """A generated history of so many users with about 120 transactions each; an existing one is used again."""
    place = folder / f"history-{users}"
    if not place.exists():
        arguments = ["histories", "generate", str(place), "--users", str(users), "--end", str(END), "--seed", "1"]
        subprocess.run(
            [str(Path(sys.executable).with_name("underwriting")), *arguments], check=True, stderr=subprocess.DEVNULL
        )
    return place


def transactions(history: Path) -> int:
    """The number of rows, by the footers."""
    return sum(pq.read_metadata(file).num_rows for file in (history / "transactions").rglob("*.parquet"))


def lenient() -> LimitPolicy:
    """The shipped policy with a guard that holds no run, so that the measured run is applied."""
    document = shipped_policies()["cfi"].model_dump(mode="json")
    shares = {"ceiling": "1", "first_runs": "1", "times": "100", "slack": "1"}
    money = {"ceiling": 10**9, "first_runs": 10**9, "times": "100", "slack": 10**9}
    for name in document["guard"]:
        if name.startswith(("share_", "money_")):
            document["guard"][name] = money if name.startswith("money_") else shares
    return LimitPolicy.model_validate(document)


def request(history: Path, **changes: Any) -> Request:
    """A run over everybody."""
    return Request(TENANT, Product.FLOAT, END, str(history), lenient(), Scope(), **changes)


@contextmanager
def scratch() -> Iterator[Path]:
    """A temporary folder with a short path, readable for PostgreSQL's user."""
    folder = Path(tempfile.mkdtemp(prefix="limits-"))
    folder.chmod(0o755)
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@asynccontextmanager
async def postgres(folder: Path) -> AsyncIterator[str]:
    """The URL of a migrated database on a server of its own."""
    server = Postgres(folder / "postgres", folder / "postgres.log")
    try:
        await server.start()
        await migrate(server.url("postgres"))
        yield server.url("postgres")
    finally:
        await server.stop()


async def move_in(url: str, history: Path) -> None:
    """Store the limits that the users have in the history."""
    rows = pq.read_table(history / "current_limits.parquet", columns=["subject_id", "amount", "raised_on"]).to_pylist()
    limits = [
        (row["subject_id"], row["amount"], datetime.combine(row["raised_on"] or date(2025, 1, 1), time_of_day(), UTC))
        for row in rows
    ]
    async with Store.open(url, Keyring.generate()) as store, store.begin() as work:
        await adopt(work, TENANT, limits, CURRENCY, TIERS, "benchmark")


def first(users: int) -> IdRange:
    """The range of the first so many users of a generated history."""
    return IdRange(None, f"u{users:09}")


def rows_of(history: str | Path, table: str) -> str:
    """The rows of a table of a history, to select from; none if the history lacks the table."""
    if (Path(history) / table).exists():
        return f"read_parquet('{history}/{table}/**/*.parquet')"
    columns = ", ".join(f"NULL::{sql_type(field.type)} AS {field.name}" for field in input_schema(table))
    return f"(SELECT {columns} WHERE FALSE)"


def fact_database(history: str, ids: IdRange = EVERYBODY) -> duckdb.DuckDBPyConnection:
    """Every table of the history for the facts' SQL, unchecked; only a range of users, if one is given."""
    connection = duckdb.connect(config={"threads": THREADS, "memory_limit": MEMORY})
    # All facts at once do not fit into memory; DuckDB spills the rest to this folder.
    connection.execute(f"SET temp_directory = '{tempfile.gettempdir()}'")
    inside = [
        *([f"subject_id >= '{ids.first}'"] if ids.first else []),
        *([f"subject_id < '{ids.end}'"] if ids.end else []),
    ]
    where = f" WHERE {' AND '.join(inside)}" if inside else ""
    for table in MODELS:
        connection.execute(f"CREATE VIEW {table} AS FROM {rows_of(history, table)}{where}")
    connection.execute("CREATE TABLE judged AS SELECT subject_id FROM users ORDER BY 1")
    connection.register("nobody", SCHEMA.empty_table())
    connection.execute("CREATE TABLE bases AS FROM nobody")
    create_subjects(connection, END, DECIDED_AT, CURRENCY)
    prepare(connection)
    return connection


def in_a_child(work: Callable[..., dict[str, Any]], *args: Any) -> dict[str, Any]:
    """Call `work` in a process of its own; its figures, with its peak memory in MiB."""
    context = multiprocessing.get_context("spawn")
    with context.Pool(1) as pool:
        return pool.apply(_measured, (work, args))


def _measured(work: Callable[..., dict[str, Any]], args: tuple[Any, ...]) -> dict[str, Any]:
    began = time.process_time()
    found = work(*args)
    # Processor time of all threads of this process: other work on the machine does not affect it.
    found = {**found, "cpu_s": round(time.process_time() - began, 1)}
    return {**found, "peak_mib": round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024)}


def seconds(work: Callable[[], object]) -> float:
    """How long a call takes."""
    began = time.perf_counter()
    work()
    return time.perf_counter() - began


def run_async(work: Any) -> Any:
    """Run a coroutine to its end."""
    return asyncio.run(work)
