"""One limit run from its history to profiles: shards are calculated, the guard checks the totals, shards are applied.

A run may be interrupted at any point and started again: finished work is kept. The same date again changes nothing.
Where the history was corrected since, the shards that the correction touches are calculated again, from the limits that
the run began with, and the guard checks the new totals.
"""

import asyncio
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import asdict, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from rules.limits.guard import GuardResult, GuardVerdict, check_run
from rules.limits.policy import LimitPolicy
from rules.limits.tiers import FIRST_LIMIT, TIERS
from underwriting.domain.limits import IdRange, LimitRunState, LimitShardState
from underwriting.limit_runs.files import write_table
from underwriting.limit_runs.history import History
from underwriting.limit_runs.plan import open_history, plan_ranges
from underwriting.limit_runs.records import record_rows
from underwriting.limit_runs.report import Report, report_of
from underwriting.limit_runs.request import Request
from underwriting.limit_runs.run_context import RunContext
from underwriting.limit_runs.shard import ShardResult, ShardSpec, records_file
from underwriting.limit_runs.totals import Totals, summed
from underwriting.process.failpoints import failpoint
from underwriting.store.columns import from_now
from underwriting.store.errors import RunInTheWay, StoreError
from underwriting.store.limits import bases as limit_bases
from underwriting.store.limits import changes as limit_changes
from underwriting.store.limits import records as limit_records
from underwriting.store.limits import runs as limit_runs
from underwriting.store.limits import shards as limit_shards
from underwriting.store.limits.runs import Claimed
from underwriting.store.models import LimitRunRow, LimitShardRow

# A shard whose calculation was begun so often without an end is given up.
MAX_TRIES = 3


async def recalculate(context: RunContext, request: Request) -> Report:
    """Start the run or continue it; HistoryError, RunInTheWay or LeaseLost say why not. Not for dry runs."""
    history = await asyncio.to_thread(open_history, request.history)
    async with context.store.begin() as work:
        run = await limit_runs.opened(work, request.run_request, datetime.now(UTC))
    async with context.lease(run.id, full=request.full, shards=request.shards) as claimed:
        if claimed is None:
            return replace(await report_of(context, run.id), busy=True)
        return await _Run(context, request, history, claimed).proceed()


async def finish(context: RunContext, run_id: str) -> Report:
    """Apply a run that was released; nothing happens to one that has nothing to apply."""
    async with context.lease(run_id) as claimed:
        if claimed is None:
            return replace(await report_of(context, run_id), busy=True)
        return await apply(context, claimed)


async def apply(context: RunContext, claimed: Claimed) -> Report:
    """Apply what is proposed, a transaction for each shard, and end the run."""
    async with context.store.read() as work:
        run = await limit_runs.get(work, claimed.run_id)
        shards = await limit_shards.shards(work, claimed.run_id)
    if run.state is not LimitRunState.APPLYING:
        return await report_of(context, claimed.run_id)
    proposed = [shard for shard in shards if shard.state is LimitShardState.PROPOSED]
    written, overtaken = 0, 0
    for done, shard in enumerate(proposed, 1):
        async with context.store.begin() as work:
            applied = await limit_changes.apply_shard(work, claimed, run, shard, TIERS, datetime.now(UTC))
        written, overtaken = written + applied.written, overtaken + len(applied.overtaken)
        await context.progress("applying", done, len(proposed))
        failpoint("after-applied-shard")
    failed = any(shard.state is LimitShardState.FAILED for shard in shards)
    async with context.store.begin() as work:
        await limit_runs.enter(work, claimed, LimitRunState.INCOMPLETE if failed else LimitRunState.APPLIED)
    return replace(await report_of(context, claimed.run_id), written=written, overtaken=overtaken)


class _Run:
    """A run that we have leased."""

    def __init__(self, context: RunContext, request: Request, history: History, claimed: Claimed) -> None:
        self._context, self._request, self._history, self._claimed = context, request, history, claimed
        self._calculated = 0

    async def proceed(self) -> Report:
        run = await self._stored_run()
        if run.state is LimitRunState.ROLLING_BACK:
            raise RunInTheWay(f"{run.id} is being rolled back; `underwriting limits rollback {run.id}` goes on with it")
        if run.state is LimitRunState.APPLYING:
            return await apply(self._context, self._claimed)
        planned = await self._planned()
        await self._context.for_each([shard for shard in planned if not shard.tries], self._calculate)
        # Each of these was being calculated when a worker died. Alone, one cannot take others with it.
        for shard in planned:
            if shard.tries:
                await self._calculate(shard)
        # In any other state nothing was calculated anew: it is applied, or waits for a person.
        waits = (await self._stored_run()).state is LimitRunState.CALCULATING
        report = await (self._check_guard() if waits else report_of(self._context, self._claimed.run_id))
        return replace(report, calculated=self._calculated)

    async def _planned(self) -> Sequence[LimitShardRow]:
        """The shards of the run, planned where this is its first time."""
        async with self._context.store.read() as work:
            shards = await limit_shards.shards(work, self._claimed.run_id)
        if shards:
            return shards
        ranges = await shard_ranges(self._context, self._request, self._history)
        async with self._context.store.begin() as work:
            await limit_runs.ensure(work, self._claimed)
            await limit_shards.plan(work, self._claimed.run_id, ranges)
            return await limit_shards.shards(work, self._claimed.run_id)

    async def _calculate(self, shard: LimitShardRow) -> None:
        """Calculate a shard unless it was already calculated from the same files."""
        ids = IdRange(shard.first_id, shard.end_id)
        version = self._history.version(ids)
        fresh = shard.state in (LimitShardState.PENDING, LimitShardState.FAILED)
        # A database has no version: whether its rows are the same is seen by reading them.
        same_files = version != "" and version == shard.version
        if not fresh and same_files and not self._request.full:
            return
        if shard.tries >= MAX_TRIES:
            await self._give_up(shard)
            return
        await self._note_tries(shard, shard.tries + 1)
        run, known_digest = await self._stored_run(), None if fresh else shard.digest
        spec = await spec_of(self._context, self._request, self._history, run, shard.number, ids, known_digest)
        try:
            result = await self._context.calculate(spec)
        # Raised again: whether it failed or was stopped, it killed nobody. Where that cannot be stored, the try counts.
        except BaseException:
            with suppress(StoreError):
                await self._note_tries(shard, 0)
            raise
        failpoint("after-calculated-shard")
        await self._store(spec, result, version)

    async def _note_tries(self, shard: LimitShardRow, tries: int) -> None:
        async with self._context.store.begin() as work:
            await limit_shards.note_shard(work, self._claimed, shard.number, tries=tries)

    async def _give_up(self, shard: LimitShardRow) -> None:
        """Let a shard fail that may be what kills the workers: the others are applied, its users keep their limits."""
        users = f"users from {shard.first_id or 'the first'} up to {shard.end_id or 'the last'}"
        why = f"{shard.tries} workers died while they calculated it ({users}); give the workers more memory"
        async with self._context.store.begin() as work:
            values = {"state": LimitShardState.FAILED, "trouble": why, "digest": None, "totals": None, "tries": 0}
            await limit_shards.note_shard(work, self._claimed, shard.number, **values)
        self._calculated += 1

    async def _store(self, spec: ShardSpec, result: ShardResult, version: str) -> None:
        """Store the result of a shard in one transaction."""
        claimed, number = self._claimed, result.number
        intake = {name: {"rows": one.rows, "malformed": one.malformed} for name, one in result.tables.items()}
        noted: dict[str, Any] = {"version": version, "digest": result.digest, "intake": intake, "tries": 0}
        if result.error is not None:
            async with self._context.store.begin() as work:
                failed = {**noted, "state": LimitShardState.FAILED, "trouble": result.error, "totals": None}
                await limit_shards.note_shard(work, claimed, number, **failed)
            self._calculated += 1
            return
        if result.unchanged:
            async with self._context.store.begin() as work:
                await limit_shards.note_shard(work, claimed, number, version=version, tries=0)
            return
        records = records_file(spec, spec.folder)
        bases = Path(spec.bases)
        rows = await asyncio.to_thread(record_rows, records, bases, claimed.run_id, number, FIRST_LIMIT)
        async with self._context.store.begin() as work:
            await limit_runs.begin_again(work, claimed)
            await limit_records.propose(
                work,
                claimed,
                number,
                spec.ids,
                rows,
                records_digest=result.records,
                totals=result.totals.model_dump(),
                **noted,
            )
        self._calculated += 1
        failpoint("after-proposed-shard")

    async def _check_guard(self) -> Report:
        """Check the totals by the guard: apply the run, or hold it for a person."""
        run = await self._stored_run()
        async with self._context.store.read() as work:
            shards = await limit_shards.shards(work, run.id)
        totals = summed(Totals.model_validate(shard.totals) for shard in shards if shard.totals is not None)
        result = await guard_result(self._context, run, self._request.policy, totals)
        holds = result.verdict is GuardVerdict.HOLD
        values: dict[str, Any] = {"totals": totals.model_dump(), "guard": asdict(result)}
        async with self._context.store.begin() as work:
            if holds:
                await limit_runs.enter(work, self._claimed, LimitRunState.HELD, decided_by=None, **values)
            else:
                await limit_runs.enter(work, self._claimed, LimitRunState.APPLYING, applied_at=from_now(), **values)
        failpoint("after-judged")
        if holds:
            return await report_of(self._context, run.id)
        return await apply(self._context, self._claimed)

    async def _stored_run(self) -> LimitRunRow:
        async with self._context.store.read() as work:
            return await limit_runs.get(work, self._claimed.run_id)


async def shard_ranges(context: RunContext, request: Request, history: History) -> Sequence[IdRange]:
    """The ranges of ids of a run's shards."""
    users = context.config.limits_shard_users
    return await asyncio.to_thread(plan_ranges, history, request.scope, request.shards, users)


async def guard_result(context: RunContext, run: LimitRunRow, policy: LimitPolicy, totals: Totals) -> GuardResult:
    """The guard's verdict on a run's totals, compared with those of earlier runs."""
    async with context.store.read() as work:
        earlier = await limit_runs.before(work, run, policy.guard.last_runs)
    return check_run(policy.guard, totals, [Totals.model_validate(one.totals) for one in earlier if one.totals])


async def spec_of(
    context: RunContext,
    request: Request,
    history: History,
    run: LimitRunRow,
    number: int,
    ids: IdRange,
    known_digest: str | None = None,
) -> ShardSpec:
    """What one shard needs; the limits in force are written to a file for it."""
    folder = context.folder(run.id)
    bases = folder / f"bases-{number:04}.parquet"
    async with context.store.read() as work:
        found = await limit_bases.bases(work, run, ids, datetime.now(UTC), FIRST_LIMIT)
    sealed = context.config.limits_sealed
    await asyncio.to_thread(write_table, bases, found, sealed=sealed)
    return ShardSpec(
        number=number,
        ids=ids,
        location=history.location,
        files=history.within(ids),
        bases=str(bases),
        folder=str(folder),
        business_date=request.business_date,
        judged_at=run.judged_at,
        policy=request.policy.text,
        segment=request.scope.segment,
        memory_mb=context.config.limits_memory_mb,
        sealed=sealed,
        known_digest=known_digest,
    )
