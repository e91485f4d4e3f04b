"""What a limit run works with: the store, the settings, and how its shards are calculated."""

import asyncio
import os
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any, TypeVar

from underwriting.limit_runs.files import make_folder
from underwriting.limit_runs.shard import ShardResult, ShardSpec, recalculate_shard
from underwriting.process.logs import log_about
from underwriting.settings import Settings
from underwriting.store.errors import StoreUnreachable
from underwriting.store.lease import renewing
from underwriting.store.limits import runs as limit_runs
from underwriting.store.limits.runs import Claimed
from underwriting.store.session import Store

T = TypeVar("T")
R = TypeVar("R")
# How shards are calculated: in a thread, or as tasks somewhere else.
Calculate = Callable[[ShardSpec], Awaitable[ShardResult]]
# Reports progress: what is being done, how many shards are done, how many there are.
Progress = Callable[[str, int, int], Awaitable[None]]


async def in_a_thread(spec: ShardSpec) -> ShardResult:
    """Calculate a shard in a thread of this process, so that its event loop stays free."""
    return await asyncio.to_thread(recalculate_shard, spec)


async def no_progress(_what: str, _done: int, _of: int) -> None:
    """Report nothing."""


@dataclass(frozen=True)
class RunContext:
    """What every run needs, and what a flow, a command and a test each decide for themselves."""

    store: Store
    config: Settings
    calculate: Calculate = in_a_thread
    progress: Progress = no_progress
    flow_run_id: str | None = None
    # Shards calculated at the same time. None: as the setting `limits_at_once` says, else one more than cores, since
    # some wait for the store meanwhile.
    concurrent_shards: int | None = None

    async def for_each(self, shards: Sequence[T], calculate: Callable[[T], Awaitable[R]]) -> list[R]:
        """Calculate the shards, some at the same time; the results in their order.

        All shards end before an error is raised, so that the results of the others are stored.
        """
        slots = asyncio.Semaphore(self.concurrent_shards or self.config.limits_at_once or (os.cpu_count() or 1) + 1)
        done = 0

        async def one(shard: T) -> R:
            nonlocal done
            async with slots:
                result = await calculate(shard)
            done += 1
            await self.progress("calculating", done, len(shards))
            return result

        await self.progress("calculating", 0, len(shards))
        results = list[R]()
        for end in await asyncio.gather(*map(one, shards), return_exceptions=True):
            if isinstance(end, BaseException):
                raise end
            results.append(end)
        return results

    def folder(self, run_id: str) -> Path:
        """The run's folder; it is made where it is missing."""
        return make_folder(self.config.limits_place / run_id).resolve()

    @asynccontextmanager
    async def lease(self, run_id: str, **values: Any) -> AsyncIterator[Claimed | None]:
        """Lease the run for the block, with these columns, and renew the lease; None where another worker owns it.

        Every write asks the store whether the lease is still ours. A flow run that fails, or is interrupted from
        outside, as by a worker that stops, leaves the run to the housekeeping, which continues it. A command gives the
        run back, since its user sees how it ended.
        """
        term = timedelta(seconds=self.config.lease_seconds)
        async with self.store.begin() as work:
            claimed = await limit_runs.claim(work, run_id, self.flow_run_id, term, **values)
        if claimed is None:
            yield None
            return
        ended = self.flow_run_id is None
        try:
            with log_about(limit_run_id=run_id, flow_run_id=self.flow_run_id):
                async with renewing(self.store, term, lambda work: limit_runs.renew(work, claimed, term)):
                    yield claimed
            ended = True
        finally:
            # Where the store does not answer, the lease expires, to the same effect.
            with suppress(StoreUnreachable):
                async with self.store.begin() as work:
                    await limit_runs.release(work, claimed, to_be_continued=not ended)
