"""Deletes what is past its term, batch by batch.

Each batch is one transaction with its audit entry, which counts what is gone and names nobody. So a purge may be
stopped at any point, and the next one goes on. An idempotency key lives as long as the decision that it made, which is
a year at least: no retry comes as late.
"""

import shutil
import time
from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import UTC, date, datetime
from pathlib import Path

from underwriting.domain.retention import MINIMUMS, Demands, Kind, too_short
from underwriting.process.failpoints import failpoint
from underwriting.settings import Settings
from underwriting.store import audit
from underwriting.store.errors import StoreError
from underwriting.store.retention import limits, queues, subjects, users
from underwriting.store.retention.records import Record, RecordType, Wanted, be_patient, work_alone
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


class TooShort(StoreError):
    """Less than the law demands was asked for."""


def demands_of(store: Store, config: Settings, months: int = 0) -> Demands:
    """What the law and the settings demand today, which is the lender's day."""
    return Demands(store.day_of(datetime.now(UTC)), config.retention, months)


def refuse_too_short(kinds: Iterable[Kind], months: int | None) -> None:
    """TooShort if fewer months are asked for than the law demands for one of the kinds."""
    if months is not None and (refusal := too_short(kinds, months)):
        raise TooShort(refusal)


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
            over = past_term(page, kinds, demands.today)
            found += _counted(over)
            wanted.gone.update(evaluations_in(over))
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
                await work_alone(work)
                await be_patient(work)
                page, after = await records.page(work, Wanted(demands, tenant, lock=True), after)
                if over := past_term(page, kinds, demands.today):
                    await records.delete(work, over)
                    failpoint("inside-purge")
                    await _note(work, _counted(over), by, demands)
            deleted += _counted(over)
            failpoint("after-purged-batch")
            more = after is not None
    if Kind.LIMITS in kinds:
        await _close_runs(store, demands, place, by, tenant)
    return deleted


def _of(kinds: Collection[Kind]) -> list[RecordType]:
    return [records for records in RECORDS if not records.kinds.isdisjoint(kinds)]


def past_term(page: Iterable[Record], kinds: Collection[Kind], today: date) -> list[Record]:
    """Those that may be deleted."""
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


def evaluations_in(records: Iterable[Record]) -> set[str]:
    """The ids of the evaluations among them."""
    return {record.key[0] for record in records if record.kind is Kind.EVALUATIONS}
