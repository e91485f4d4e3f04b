"""Deletes what is past its term, batch by batch; and of one person all that nothing demands to keep.

Each batch is one transaction with its audit entry, which counts what is gone and names nobody. So a purge may be
stopped at any point, and the next one goes on. An idempotency key lives as long as the decision that it made, which is
a year at least: no retry comes as late.
"""

import shutil
import time
from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from pathlib import Path

import duckdb
from ulid import ULID

from underwriting.domain.retention import MINIMUMS, Demands, Kind, Term, too_short
from underwriting.process.failpoints import failpoint
from underwriting.settings import Settings
from underwriting.store import audit, person
from underwriting.store.errors import StoreError
from underwriting.store.retention import limits, queues, subjects, users
from underwriting.store.retention.records import Record, RecordType, Wanted, be_patient
from underwriting.store.session import Store, Work

# In this order, because some rest on others.
RECORDS: Sequence[RecordType] = (
    subjects.APPLICATIONS,
    subjects.EVALUATIONS,
    users.FLOATS,
    limits.LIMITS,
    users.PROFILES,
    users.SCREENING,
    queues.MESSAGES,
    queues.EVENTS,
    queues.LOG,
)
# Columns that name a user in the files of limit runs.
USER_COLUMNS = ("subject_id", "user_id")


class TooShort(StoreError):
    """Less than the law demands was asked for."""


class CannotErase(StoreError):
    """A person cannot be erased now: there is a hold, or something is under way."""


@dataclass(frozen=True)
class Erasure:
    """What is or would be erased of a person, and what is kept: how many records of a kind, until when, and why."""

    # Names it in the audit log; empty as long as nothing is erased.
    id: str
    erased: Mapping[Kind, int]
    kept: Mapping[tuple[Kind, str], list[Record]] = field(default_factory=dict)
    # Folders of limit runs whose files had rows of the person.
    folders: Sequence[str] = ()


def demands_of(store: Store, config: Settings, months: int = 0) -> Demands:
    """What the law and the settings demand today, which is the lender's day."""
    return Demands(store.day_of(datetime.now(UTC)), config.retention, months)


def refuse_too_short(kinds: Iterable[Kind], months: int | None) -> None:
    """TooShort if fewer months are asked for than the law demands for one of the kinds."""
    refusals = [refusal for kind in kinds if months is not None and (refusal := too_short(kind, months))]
    if refusals:
        raise TooShort("; ".join(refusals))


async def past_their_terms(
    store: Store, demands: Demands, kinds: Collection[Kind] = tuple(Kind), tenant: str | None = None
) -> Counter[tuple[Kind, str]]:
    """How many records a purge would delete, by kind and tenant."""
    found: Counter[tuple[Kind, str]] = Counter()
    wanted = Wanted(demands, tenant)
    for records in _of(kinds):
        after, more = None, True
        while more:
            async with store.read() as work:
                await be_patient(work)
                page, after = await records.page(work, wanted, after)
            over = _over(page, kinds, demands.today)
            found += _counted(over)
            wanted.gone.update(_evaluations(over))
            more = after is not None
    return found


async def purge(
    store: Store,
    demands: Demands,
    place: Path,
    by: str,
    kinds: Collection[Kind] = tuple(Kind),
    tenant: str | None = None,
    seconds: float | None = None,
) -> Counter[tuple[Kind, str]]:
    """Delete what is past its term; returns how many records, by kind and tenant.

    `place` is the folder of all limit runs. After so many `seconds` the rest is left for the next time.
    """
    began = time.monotonic()
    deleted: Counter[tuple[Kind, str]] = Counter()
    for records in _of(kinds):
        after, more = None, True
        while more:
            if seconds is not None and time.monotonic() - began > seconds:
                return deleted
            async with store.begin() as work:
                await be_patient(work)
                page, after = await records.page(work, Wanted(demands, tenant, lock=True), after)
                if over := _over(page, kinds, demands.today):
                    await records.delete(work, over)
                    failpoint("inside-purge")
                    await _note(work, _counted(over), by, demands)
            deleted += _counted(over)
            failpoint("after-purged-batch")
            more = after is not None
    if Kind.LIMITS in kinds:
        await _close_runs(store, demands, place, by, tenant)
    return deleted


async def erasable(store: Store, demands: Demands, tenant: str, person_id: str) -> Erasure:
    """What would be erased of a person, and what would be kept. UnknownPerson or CannotErase say why nothing would."""
    async with store.read() as work:
        await person.known(work, tenant, person_id)
        await _refuse_while_under_way(work, demands, tenant, person_id)
        found = await _all_of(work, Wanted(demands, tenant, person_id))
        return _erasure("", found, demands.today, ())


async def erase(store: Store, demands: Demands, place: Path, tenant: str, person_id: str, by: str) -> Erasure:
    """Erase of a person what nothing demands to keep, in one transaction, and from the files of limit runs in `place`.

    A second time continues where the first was stopped, and erases what has passed its term since. UnknownPerson or
    CannotErase say why nothing is erased.
    """
    async with store.read() as work:
        await _refuse_while_under_way(work, demands, tenant, person_id)
        # The files go first: without a row in the store, nobody would look for them again.
        runs = [
            *await limits.runs_of(work, tenant, person_id),
            *{
                record.key[0]
                for records, page in await _all_of(work, Wanted(demands, tenant, person_id))
                for record in page
                if records is limits.LIMITS and record.term.is_over(demands.today)
            },
        ]
    folders = [str(folder) for run in runs if _forget_in(folder := place / run, person_id)]
    erasure_id = f"era_{ULID()}"
    async with store.begin() as work:
        if not folders:
            await person.known(work, tenant, person_id)
        await be_patient(work)
        await _refuse_while_under_way(work, demands, tenant, person_id)
        found = await _all_of(work, Wanted(demands, tenant, person_id))
        for records, page in found:
            if over := [record for record in page if record.term.is_over(demands.today)]:
                await (queues.forget_events if records is queues.EVENTS else records.delete)(work, over)
            if records is users.PROFILES:
                await users.forget_notes(work, page)
        await subjects.forget_callbacks(work, tenant, person_id)
        await users.forget_ranks(work, tenant, person_id)
        await limits.forget_bounds(work, tenant, person_id, by)
        failpoint("inside-erasure")
        erased = _erasure(erasure_id, found, demands.today, folders)
        counts = {kind.replace("-", "_"): count for kind, count in erased.erased.items()}
        await audit.append(work, "person.erased", erasure_id, by, tenant=tenant, **counts)
    return erased


def _of(kinds: Collection[Kind]) -> list[RecordType]:
    return [records for records in RECORDS if not records.kinds.isdisjoint(kinds)]


def _over(page: Iterable[Record], kinds: Collection[Kind], today: date) -> list[Record]:
    return [record for record in page if record.kind in kinds and record.term.is_over(today)]


def _counted(records: Iterable[Record]) -> Counter[tuple[Kind, str]]:
    return Counter((record.kind, record.tenant) for record in records)


async def _note(work: Work, counts: Mapping[tuple[Kind, str], int], by: str, demands: Demands) -> None:
    for (kind, tenant), count in sorted(counts.items()):
        months = max(demands.asked, MINIMUMS[kind].months)
        await audit.append(work, f"purged.{kind}", tenant or "-", by, records=count, older_than_months=months)


async def _close_runs(store: Store, demands: Demands, place: Path, by: str, tenant: str | None) -> None:
    """Delete the folders of runs that have no records any more. A run is closed last, so that none is forgotten."""
    async with store.read() as work:
        runs = await limits.emptied_runs(work, Wanted(demands, tenant))
    for run_id in runs:
        folder = place / run_id
        if folder.exists():
            shutil.rmtree(folder)
        async with store.begin() as work:
            await limits.close_run(work, run_id, by)


async def _all_of(work: Work, wanted: Wanted) -> list[tuple[RecordType, list[Record]]]:
    """All records of one person."""
    found = []
    for records in RECORDS:
        page, after = await records.page(work, wanted, None)
        while after is not None:
            more, after = await records.page(work, wanted, after)
            page += more
        wanted.gone.update(_evaluations(_over(page, tuple(Kind), wanted.demands.today)))
        found.append((records, page))
    return found


def _evaluations(records: Iterable[Record]) -> set[str]:
    return {record.key[0] for record in records if record.kind is Kind.EVALUATIONS}


async def _refuse_while_under_way(work: Work, demands: Demands, tenant: str, person_id: str) -> None:
    if demands.is_held(tenant, person_id):
        raise CannotErase(f"{person_id} of {tenant} is on hold in UNDERWRITING_RETENTION; nothing is erased")
    if waiting := await subjects.under_way(work, tenant, person_id):
        raise CannotErase(f"{waiting[0]} is under way; erase {person_id} once it is decided")
    if waiting := await queues.unhandled(work, tenant, person_id):
        raise CannotErase(f"event {waiting[0]} is not handled; erase {person_id} in a minute")


def _erasure(
    erasure_id: str, found: Iterable[tuple[RecordType, Sequence[Record]]], today: date, folders: Sequence[str]
) -> Erasure:
    erased: Counter[Kind] = Counter()
    kept: dict[tuple[Kind, str], list[Record]] = {}
    for _, page in found:
        for record in page:
            if record.term.is_over(today):
                erased[record.kind] += 1
            else:
                kept.setdefault((record.kind, record.term.why), []).append(record)
    return Erasure(erasure_id, erased, kept, folders)


def longest(records: Iterable[Record]) -> date | None:
    """Until when the last of some records is kept; None if that is not known."""
    term = Term(date.min, "")
    for record in records:
        term = record.term.or_later(term)
    return term.until


def _forget_in(folder: Path, person_id: str) -> bool:
    """Delete the rows of a user from the files of a limit run; whether there were any."""
    changed = False
    with duckdb.connect(config={"threads": 1}) as connection:
        for file in sorted(folder.glob("*.parquet")):
            described = connection.execute("DESCRIBE SELECT * FROM read_parquet(?)", [str(file)]).fetchall()
            names = [name for name, *_ in described if name in USER_COLUMNS]
            for name in names:
                changed |= _forget_in_file(connection, file, name, person_id)
    if changed and (folder / "moves.csv").exists():
        # Imported here because it also draws pictures, which takes a second.
        from underwriting.limit_runs.report_files import export_moves  # noqa: PLC0415

        export_moves(folder, folder)
    return changed


def _forget_in_file(connection: duckdb.DuckDBPyConnection, file: Path, column: str, person_id: str) -> bool:
    # S608: the column is one of ours.
    count = f"SELECT count(*) FROM read_parquet(?) WHERE {column} = ?"  # noqa: S608
    if not connection.execute(count, [str(file), person_id]).fetchall()[0][0]:
        return False
    new = file.with_name(f".{file.name}.new")
    rest = f"SELECT * FROM read_parquet(?) WHERE {column} IS DISTINCT FROM ?"  # noqa: S608
    target = str(new).replace("'", "''")
    connection.execute(f"COPY ({rest}) TO '{target}' (FORMAT PARQUET, COMPRESSION ZSTD)", [str(file), person_id])
    new.replace(file)
    return True
