"""One shard of a run: the users of one range of ids, from their history to a record each.

It reads and writes files only, without store or Prefect, and is picklable: in this process, in a thread or on a Dask
worker it writes the same bytes.
"""

import shutil
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from hashlib import sha256
from pathlib import Path
from tempfile import TemporaryDirectory

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq

from rules.facts.terms import fact_terms
from rules.limits.decide import decide_limits
from rules.limits.policy import LimitPolicy, parse_policy
from underwriting.domain.limits import IdRange
from underwriting.limit_runs.fetch import sources
from underwriting.limit_runs.files import keep, read_table
from underwriting.limit_runs.history import DataFile
from underwriting.limit_runs.intake import TableIntake, load_tables
from underwriting.limit_runs.quality import Quality, shipped_quality
from underwriting.limit_runs.records import records_of
from underwriting.limit_runs.shard_facts import add_matches, add_reported_floats, create_subjects, facts_frame, prepare
from underwriting.limit_runs.totals import Totals, totals_of


@dataclass(frozen=True)
class ShardSpec:
    """Everything that one shard's records depend on."""

    number: int
    ids: IdRange
    location: str
    files: Mapping[str, tuple[DataFile, ...]]
    # The limits in force before the run, as Parquet (`store.limit_bases.SCHEMA`).
    bases: str
    # Where records and quarantined rows go.
    folder: str
    business_date: date
    judged_at: datetime
    # The policy's canonical text, so that a worker decides by the very same one.
    policy: str
    segment: str | None = None
    threads: int = 1
    memory_mb: int = 1024
    # Whether records and quarantined rows are sealed; the keys are those of the process that calculates.
    sealed: bool = False
    # The digest of an earlier calculation's rows: with the same rows there is nothing to do.
    known_digest: str | None = None


@dataclass(frozen=True)
class ShardResult:
    """What became of a shard. With an `error` there are no records. `unchanged`: the stored records are still right."""

    number: int
    digest: str
    tables: Mapping[str, TableIntake]
    unchanged: bool = False
    error: str | None = None
    # The SHA-256 of the records' file.
    records: str | None = None
    totals: Totals = field(default_factory=Totals)


def recalculate_shard(spec: ShardSpec) -> ShardResult:
    """Facts by SQL, limits by the policy, records into `folder`; HistoryError where a file of the history is gone.

    A shard with more malformed rows than `rules/policies/history_quality.yaml` allows fails, and says so: its users
    keep their limits.
    """
    quality, policy = shipped_quality(), parse_policy(spec.policy)
    folder = Path(spec.folder)
    prefix = f"shard-{spec.number:04}-"
    # What a worker that was killed worked on.
    for left in folder.glob(f"{prefix}*"):
        shutil.rmtree(left, ignore_errors=True)
    with TemporaryDirectory(prefix=prefix, dir=folder) as scratch, _database(spec, scratch) as db:
        tables = load_tables(
            db, sources(spec.location, spec.files, spec.ids, Path(scratch)), quality, quarantine_file(spec, scratch)
        )
        digest = _digest(tables, policy, spec)
        if digest == spec.known_digest:
            return ShardResult(spec.number, digest, tables, unchanged=True)
        keep(quarantine_file(spec, scratch), quarantine_file(spec, spec.folder), sealed=spec.sealed)
        if error := _too_malformed(tables, quality):
            return ShardResult(spec.number, digest, tables, error=error)
        db.register("in_force", read_table(Path(spec.bases)))
        db.execute("CREATE TABLE bases AS FROM in_force")
        add_matches(db)
        create_subjects(db, spec.business_date, spec.judged_at, policy.currency, spec.segment)
        add_reported_floats(db)
        prepare(db)
        facts = facts_frame(db)
        records = records_of(decide_limits(policy, facts), facts, spec.business_date)
        written = _write(records, records_file(spec, scratch))
        keep(records_file(spec, scratch), records_file(spec, spec.folder), sealed=spec.sealed)
    return ShardResult(spec.number, digest, tables, records=written, totals=totals_of(records))


def records_file(spec: ShardSpec, folder: str) -> Path:
    """Where the shard's records are."""
    return Path(folder) / f"records-{spec.number:04}.parquet"


def quarantine_file(spec: ShardSpec, folder: str) -> Path:
    """Where the places of its malformed rows are, if it has any."""
    return Path(folder) / f"quarantine-{spec.number:04}.parquet"


def _database(spec: ShardSpec, scratch: str) -> duckdb.DuckDBPyConnection:
    memory = f"{spec.memory_mb}MB"
    connection = duckdb.connect(config={"threads": spec.threads, "memory_limit": memory, "temp_directory": scratch})
    # Several threads would draw progress bars on the terminal at once.
    connection.execute("SET enable_progress_bar = false")
    return connection


def _digest(tables: Mapping[str, TableIntake], policy: LimitPolicy, spec: ShardSpec) -> str:
    """What the records depend on: all rows in any order, the policy, the numbers in the facts, the segment."""
    rules = [policy.ref.digest, fact_terms().ref.digest, spec.segment or ""]
    parts = [*(f"{name}={one.digest}" for name, one in sorted(tables.items())), *rules]
    return sha256("\n".join(parts).encode()).hexdigest()


def _too_malformed(tables: Mapping[str, TableIntake], quality: Quality) -> str | None:
    """The tables with too many malformed rows, as a message; None where there are none."""
    broken = [
        f"{name}: {sum(one.malformed.values())} of {one.rows} rows are malformed"
        for name, one in tables.items()
        if one.malformed_share > quality.max_malformed_share
    ]
    allowed = f"{quality.max_malformed_share:.2%} at most are allowed; see the quarantined rows, and fix the source"
    return f"{'; '.join(broken)}; {allowed}" if broken else None


def _write(records: pa.Table, file: Path) -> str:
    pq.write_table(records, file, compression="zstd", row_group_size=100_000)
    return sha256(file.read_bytes()).hexdigest()
