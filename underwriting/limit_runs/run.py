"""One limit run from its history to profiles: shard by shard proposed, judged as a whole, shard by shard applied.

It can be ended anywhere and started again: what is done stays done. The same date again changes nothing; where the
history was corrected since, the shards that the correction touches are calculated anew, from the limits that the run
began with, and what they change is judged and applied.
"""

import asyncio
from collections.abc import Sequence
from dataclasses import asdict, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq

from rules.limits.guard import GuardVerdict, check_run
from rules.limits.tiers import FIRST_LIMIT, TIERS
from underwriting.domain.limits import IdRange, LimitRunState, LimitShardState
from underwriting.limit_runs.history import History
from underwriting.limit_runs.lease import owned
from underwriting.limit_runs.plan import open_history, plan_ranges
from underwriting.limit_runs.report import report_of
from underwriting.limit_runs.request import Report, Request
from underwriting.limit_runs.rows import record_rows
from underwriting.limit_runs.run_context import RunContext
from underwriting.limit_runs.shard import ShardResult, ShardSpec, records_file
from underwriting.limit_runs.totals import Totals, summed
from underwriting.process.failpoints import failpoint
from underwriting.store.columns import from_now
from underwriting.store.errors import RunInTheWay
from underwriting.store.limits import bases as limit_bases
from underwriting.store.limits import changes as limit_changes
from underwriting.store.limits import records as limit_records
from underwriting.store.limits import runs as limit_runs
from underwriting.store.limits import shards as limit_shards
from underwriting.store.limits.runs import Claimed
from underwriting.store.models import LimitRunRow, LimitShardRow


async def recalculate(desk: RunContext, request: Request) -> Report:
    """Run it, or go on with it; HistoryError, RunInTheWay or LeaseLost say why not. Not for dry runs."""
    history = await asyncio.to_thread(open_history, request.history)
    async with desk.store.begin() as work:
        run = await limit_runs.opened(work, request.order, datetime.now(UTC))
    term = timedelta(seconds=desk.config.lease_seconds)
    async with owned(desk.store, run.id, desk.flow_run_id, term) as claimed:
        if claimed is None:
            return replace(await report_of(desk, run.id), busy=True)
        return await _Run(desk, request, history, claimed).through()


async def finish(desk: RunContext, run_id: str) -> Report:
    """Apply a run that was released; nothing happens to one that has nothing to apply."""
    term = timedelta(seconds=desk.config.lease_seconds)
    async with owned(desk.store, run_id, desk.flow_run_id, term) as claimed:
        if claimed is None:
            return replace(await report_of(desk, run_id), busy=True)
        return await apply(desk, claimed)


async def apply(desk: RunContext, claimed: Claimed) -> Report:
    """Apply what is proposed, a transaction for each shard, and end the run."""
    async with desk.store.read() as work:
        run = await limit_runs.get(work, claimed.run_id)
        shards = await limit_shards.shards(work, claimed.run_id)
    if run.state is not LimitRunState.APPLYING:
        return await report_of(desk, claimed.run_id)
    proposed = [shard for shard in shards if shard.state is LimitShardState.PROPOSED]
    written, overtaken = 0, 0
    for done, shard in enumerate(proposed, 1):
        async with desk.store.begin() as work:
            applied = await limit_changes.apply_shard(work, claimed, run, shard.number, TIERS, datetime.now(UTC))
        written, overtaken = written + applied.written, overtaken + len(applied.overtaken)
        await desk.progress("applying", done, len(proposed))
        failpoint("after-applied-shard")
    failed = any(shard.state is LimitShardState.FAILED for shard in shards)
    async with desk.store.begin() as work:
        await limit_runs.enter(work, claimed, LimitRunState.INCOMPLETE if failed else LimitRunState.APPLIED)
    return replace(await report_of(desk, claimed.run_id), written=written, overtaken=overtaken)


class _Run:
    """A run that is ours, as far as the store's fence says so."""

    def __init__(self, desk: RunContext, request: Request, history: History, claimed: Claimed) -> None:
        self._desk, self._request, self._history, self._claimed = desk, request, history, claimed
        self._folder = desk.folder(claimed.run_id)
        self._calculated = 0

    async def through(self) -> Report:
        run = await self._row()
        if run.state is LimitRunState.ROLLING_BACK:
            raise RunInTheWay(f"{run.id} is being rolled back; `underwriting limits rollback {run.id}` goes on with it")
        if run.state is LimitRunState.APPLYING:
            return await apply(self._desk, self._claimed)
        await self._calculate_all()
        # What does not wait for judgement is as it was: applied, or waiting for a person.
        waits = (await self._row()).state is LimitRunState.CALCULATING
        report = await (self._judged() if waits else report_of(self._desk, self._claimed.run_id))
        return replace(report, calculated=self._calculated)

    async def _calculate_all(self) -> None:
        shards = await self._planned()
        turn, done = asyncio.Semaphore(self._desk.width), 0

        async def one(shard: LimitShardRow) -> None:
            nonlocal done
            async with turn:
                await self._calculate(shard)
            done += 1
            await self._desk.progress("calculating", done, len(shards))

        await self._desk.progress("calculating", 0, len(shards))
        # All are waited for before an error is raised: what the others did is kept.
        ends = await asyncio.gather(*map(one, shards), return_exceptions=True)
        for end in ends:
            if isinstance(end, BaseException):
                raise end

    async def _planned(self) -> Sequence[LimitShardRow]:
        """The shards of the run, planned where this is its first time."""
        async with self._desk.store.read() as work:
            shards = await limit_shards.shards(work, self._claimed.run_id)
        if shards:
            return shards
        request, users = self._request, self._desk.config.limits_shard_users
        ranges = await asyncio.to_thread(plan_ranges, self._history, request.scope, request.shards, users)
        async with self._desk.store.begin() as work:
            await limit_runs.ensure(work, self._claimed)
            await limit_shards.plan(work, self._claimed.run_id, ranges)
            return await limit_shards.shards(work, self._claimed.run_id)

    async def _calculate(self, shard: LimitShardRow) -> None:
        """Calculate a shard unless it was calculated from the very same files."""
        ids = IdRange(shard.first_id, shard.end_id)
        version = self._history.version(ids)
        fresh = shard.state in (LimitShardState.PENDING, LimitShardState.FAILED)
        # A database does not say by itself whether its rows are the same.
        same_files = version != "" and version == shard.version
        if not fresh and same_files and not self._request.full:
            return
        spec = await self._spec(shard.number, ids, None if fresh else shard.digest)
        result = await self._desk.calculate(spec)
        failpoint("after-calculated-shard")
        await self._store(spec, result, version)

    async def _spec(self, number: int, ids: IdRange, seen: str | None) -> ShardSpec:
        bases = self._folder / f"bases-{number:04}.parquet"
        run = await self._row()
        async with self._desk.store.read() as work:
            found = await limit_bases.bases(work, run, ids, datetime.now(UTC), FIRST_LIMIT)
        await asyncio.to_thread(pq.write_table, found, bases)
        files, folder = str(bases), str(self._folder)
        return spec_of(self._desk, self._request, self._history, run.judged_at, number, ids, files, folder, seen)

    async def _store(self, spec: ShardSpec, result: ShardResult, version: str) -> None:
        """Write down what came of it, in one transaction."""
        claimed, number = self._claimed, result.number
        intake = {name: {"rows": one.rows, "malformed": one.malformed} for name, one in result.tables.items()}
        noted: dict[str, Any] = {"version": version, "digest": result.digest, "intake": intake}
        if result.trouble is not None:
            async with self._desk.store.begin() as work:
                failed = {**noted, "state": LimitShardState.FAILED, "trouble": result.trouble, "totals": None}
                await limit_shards.note_shard(work, claimed, number, **failed)
            self._calculated += 1
            return
        if result.unchanged:
            async with self._desk.store.begin() as work:
                await limit_shards.note_shard(work, claimed, number, version=version)
            return
        records = records_file(spec, spec.folder)
        bases = Path(spec.bases)
        rows = await asyncio.to_thread(record_rows, records, bases, claimed.run_id, number, FIRST_LIMIT)
        async with self._desk.store.begin() as work:
            await limit_runs.begin_again(work, claimed)
            await limit_records.propose(
                work, claimed, number, rows, records_digest=result.records, totals=result.totals.model_dump(), **noted
            )
        self._calculated += 1
        failpoint("after-proposed-shard")

    async def _judged(self) -> Report:
        """Hear the guard on the totals: then wait for a person, or apply."""
        run, policy = await self._row(), self._request.policy
        async with self._desk.store.read() as work:
            shards = await limit_shards.shards(work, run.id)
            earlier = await limit_runs.before(work, run, policy.guard.last_runs)
        totals = summed(Totals.model_validate(shard.totals) for shard in shards if shard.totals is not None)
        word = check_run(policy.guard, totals, [Totals.model_validate(one.totals) for one in earlier if one.totals])
        holds = word.verdict is GuardVerdict.HOLD
        values: dict[str, Any] = {"totals": totals.model_dump(), "guard": asdict(word)}
        async with self._desk.store.begin() as work:
            if holds:
                await limit_runs.enter(work, self._claimed, LimitRunState.HELD, decided_by=None, **values)
            else:
                await limit_runs.enter(work, self._claimed, LimitRunState.APPLYING, applied_at=from_now(), **values)
        failpoint("after-judged")
        if holds:
            return await report_of(self._desk, run.id)
        return await apply(self._desk, self._claimed)

    async def _row(self) -> LimitRunRow:
        async with self._desk.store.read() as work:
            return await limit_runs.get(work, self._claimed.run_id)


def spec_of(
    desk: RunContext,
    request: Request,
    history: History,
    judged_at: datetime,
    number: int,
    ids: IdRange,
    bases: str,
    folder: str,
    seen: str | None = None,
) -> ShardSpec:
    """Everything that one shard's records follow from."""
    return ShardSpec(
        number=number,
        ids=ids,
        location=history.location,
        files=history.within(ids),
        bases=bases,
        folder=folder,
        business_date=request.business_date,
        judged_at=judged_at,
        policy=request.policy.text,
        segment=request.scope.segment,
        memory_mb=desk.config.limits_memory_mb,
        seen=seen,
    )
