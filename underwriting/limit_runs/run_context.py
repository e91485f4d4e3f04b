"""Where a limit run is worked on: the store, the settings, and how its shards are calculated."""

import asyncio
import os
from dataclasses import dataclass
from pathlib import Path

from underwriting.limit_runs.request import Calculate, Progress
from underwriting.limit_runs.shard import ShardResult, ShardSpec, recalculate_shard
from underwriting.settings import Settings
from underwriting.store.session import Store


async def in_a_thread(spec: ShardSpec) -> ShardResult:
    """Calculate a shard beside the event loop of this process."""
    return await asyncio.to_thread(recalculate_shard, spec)


async def unseen(_what: str, _done: int, _of: int) -> None:
    """Progress that nobody looks at."""


@dataclass(frozen=True)
class RunContext:
    """What every run needs, and what each place that runs one decides for itself."""

    store: Store
    config: Settings
    calculate: Calculate = in_a_thread
    progress: Progress = unseen
    flow_run_id: str | None = None
    # Shards under way at once; None means as the setting `limits_at_once` says.
    at_once: int | None = None

    @property
    def width(self) -> int:
        """How many shards are under way at once: one more than cores, since some wait for the store meanwhile."""
        return self.at_once or self.config.limits_at_once or (os.cpu_count() or 1) + 1

    def folder(self, run_id: str) -> Path:
        """The run's folder, made where it is not there yet."""
        folder = self.config.limits_place / run_id
        folder.mkdir(parents=True, exist_ok=True)
        return folder.resolve()
