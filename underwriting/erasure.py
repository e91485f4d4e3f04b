"""Erases of one person what nothing demands to keep, and says what is kept, until when, and why.

The store changes in one transaction. Before it, the person's rows in the files of limit runs go: without a row in the
store, nobody would look for them again.
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path

import pyarrow.compute as pc
from ulid import ULID

from underwriting.domain.retention import Demands, Kind, Term
from underwriting.limit_runs import files
from underwriting.limit_runs.report_files import export_moves
from underwriting.process.failpoints import failpoint
from underwriting.retention import RECORDS, evaluations_in, past_term
from underwriting.store import audit, person
from underwriting.store.errors import StoreError
from underwriting.store.retention import limits, queues, subjects, users
from underwriting.store.retention.records import Record, RecordType, Wanted, be_patient, work_alone
from underwriting.store.session import Store, Work

# Columns that name a user in the files of limit runs.
USER_COLUMNS = ("subject_id", "user_id")


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
        await work_alone(work)
        await be_patient(work)
        if not folders:
            await person.known(work, tenant, person_id)
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


async def _all_of(work: Work, wanted: Wanted) -> list[tuple[RecordType, list[Record]]]:
    """All records of one person."""
    found = []
    for records in RECORDS:
        page, after = await records.page(work, wanted, None)
        while after is not None:
            more, after = await records.page(work, wanted, after)
            page += more
        wanted.gone.update(evaluations_in(past_term(page, tuple(Kind), wanted.demands.today)))
        found.append((records, page))
    return found


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
    for file in files.find(folder, "*.parquet"):
        table = files.read_table(file)
        for name in set(USER_COLUMNS) & set(table.column_names):
            others = table.filter(pc.not_equal(table[name], person_id).fill_null(True))
            if len(others) < len(table):
                files.write_table(file, others, sealed=files.is_sealed(file))
                table, changed = others, True
    if changed and files.find(folder, "moves.csv"):
        export_moves(folder, folder)
    return changed
