"""Histories for limit runs: generated ones, and changes to them."""

import asyncio
import subprocess
import sys
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import date
from functools import cache
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from rules.limits.policy import LimitPolicy, shipped_policies
from underwriting.domain.application import Product
from underwriting.domain.limits import IdRange, Scope
from underwriting.limit_runs.plan import open_history
from underwriting.limit_runs.request import Request
from underwriting.limit_runs.shard import ShardResult, ShardSpec, recalculate_shard
from underwriting.playground.generator.calendar import Window
from underwriting.playground.generator.world import shipped_world
from underwriting.playground.generator.write import Plan, write
from underwriting.store.limits.bases import SCHEMA

END = date(2025, 8, 31)
USERS = 240
EVERYBODY = IdRange(None, None)
CUT_INTO = 2
CUT_RUN = """
import asyncio, sys
from datetime import date
from rules.limits.policy import policy_for
from underwriting.domain.application import Product
from underwriting.lender import open_store
from underwriting.limit_runs.request import Request
from underwriting.limit_runs.run import recalculate
from underwriting.limit_runs.run_context import RunContext
from underwriting.settings import settings

async def run():
    async with open_store(settings()) as store:
        day, policy = date.fromisoformat(sys.argv[1]), policy_for("cfi")
        asked = Request("sandbox", Product.FLOAT, day, sys.argv[2], policy, shards=int(sys.argv[3]))
        await recalculate(RunContext(store, settings()), asked)

asyncio.run(run())
"""


def written(folder: Path, end: date = END, users: int = USERS, **changes: Any) -> Path:
    """A generated history, in row groups of sixty users."""
    plan = Plan(users=users, seed=11, window=Window(end, 6), chunk=60, **changes)
    for _ in write(shipped_world(), plan, folder):
        pass
    return folder


def lenient(**changes: Any) -> LimitPolicy:
    """The shipped policy with a guard that lets everything pass, or with other changes."""
    document = _shipped().model_dump(mode="json")
    shares = {"ceiling": "1", "first_runs": "1", "times": "100", "slack": "1"}
    money = {"ceiling": 10**9, "first_runs": 10**9, "times": "100", "slack": 10**9}
    for name in document["guard"]:
        if name.startswith(("share_", "money_")):
            document["guard"][name] = money if name.startswith("money_") else shares
    return LimitPolicy.model_validate(document | changes)


@cache
def _shipped() -> LimitPolicy:
    return shipped_policies()["cfi"]


def request(history: Path | str, business_date: date = END, **changes: Any) -> Request:
    """A run over everybody, in two shards."""
    asked = Request("sandbox", Product.FLOAT, business_date, str(history), lenient(), Scope(), shards=2)
    return replace(asked, **changes)


def hit(folder: Path, user_id: str, value: bool) -> None:
    """Let the user service say of one user whether fraud was confirmed."""

    def change(rows: pa.Table) -> pa.Table:
        place, mine = rows.schema.get_field_index("fraud_hit"), pc.equal(rows["subject_id"], user_id)
        return rows.set_column(place, "fraud_hit", pc.if_else(mine, pa.scalar(value), rows["fraud_hit"]))

    rewritten(folder, "users", change)


def limits_before(history: Path) -> pa.Table:
    """The limits in force as the generator made them up."""
    rows = pq.read_table(history / "current_limits.parquet").to_pylist()
    return pa.Table.from_pylist([{**row, "version": 1, "paused": False} for row in rows], SCHEMA)


def shard(
    history: Path | str,
    folder: Path,
    bases: pa.Table | None = None,
    ids: IdRange = EVERYBODY,
    business_date: date = END,
    **changes: Any,
) -> ShardSpec:
    """One shard of a history, of everybody."""
    folder.mkdir(parents=True, exist_ok=True)
    pq.write_table(SCHEMA.empty_table() if bases is None else bases, folder / "bases.parquet")
    opened = open_history(str(history))
    spec = ShardSpec(
        number=0,
        ids=ids,
        location=opened.location,
        files=opened.within(ids),
        bases=str(folder / "bases.parquet"),
        folder=str(folder),
        business_date=business_date,
        judged_at=_shipped().business_day.moment(business_date),
        policy=lenient().text,
    )
    return replace(spec, **changes)


def calculated(spec: ShardSpec) -> tuple[ShardResult, pa.Table]:
    """What came of a shard, and its records."""
    result = recalculate_shard(spec)
    file = Path(spec.folder) / "records-0000.parquet"
    return result, pq.read_table(file) if file.exists() else pa.table({})


def quarantined(spec: ShardSpec) -> list[dict[str, Any]]:
    """The places of malformed rows."""
    file = Path(spec.folder) / "quarantine-0000.parquet"
    rows: list[dict[str, Any]] = pq.read_table(file).to_pylist() if file.exists() else []
    return rows


def rewritten(folder: Path, table: str, change: Callable[[pa.Table], pa.Table]) -> None:
    """Write the files of one table anew, changed."""
    for file in sorted((folder / table).rglob("*.parquet")):
        pq.write_table(change(pq.read_table(file, partitioning=None)), file)


def corrected(folder: Path, subject_id: str, **values: Any) -> None:
    """Correct what the feeds say of one user."""

    def change(rows: pa.Table) -> pa.Table:
        mine = pc.equal(rows["subject_id"], subject_id)
        for name, value in values.items():
            place = rows.schema.get_field_index(name)
            kind = rows.schema.field(place).type
            rows = rows.set_column(place, name, pc.if_else(mine, pa.scalar(value, kind), rows[name]))
        return rows

    rewritten(folder, "feeds", change)


def in_a_loop(work: Any) -> Any:
    """Run to the end where no loop runs."""
    return asyncio.run(work)


async def cut_limit_run(history: Path, environment: Mapping[str, str]) -> None:
    """Begin a limit run of the store that the environment names, in a process that is killed after its first shard."""
    command = [sys.executable, "-c", CUT_RUN, END.isoformat(), str(history), str(CUT_INTO)]
    failing = {**environment, "UNDERWRITING_FAILPOINT": "after-proposed-shard", "UNDERWRITING_LIMITS_AT_ONCE": "1"}
    killed = await asyncio.to_thread(subprocess.run, command, env=failing, capture_output=True, check=False)
    assert killed.returncode == -9, killed.stderr.decode()
