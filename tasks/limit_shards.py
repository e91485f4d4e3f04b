"""Shards of a limit run as tasks: in threads of the worker's process, or on a Dask cluster."""

import asyncio
import os
from functools import partial
from typing import TYPE_CHECKING, Any

import duckdb
from prefect import Task, task
from prefect.cache_policies import NO_CACHE
from prefect.client.schemas.objects import State, TaskRun
from prefect.futures import PrefectFuture
from prefect.task_runners import TaskRunner, ThreadPoolTaskRunner

from underwriting.limit_runs.shard import ShardResult, ShardSpec, recalculate_shard
from underwriting.settings import Settings, settings

if TYPE_CHECKING:
    from distributed import LocalCluster

LOCAL = "local:"


def is_unreachable(_task: Task[..., Any], _run: TaskRun, state: State[Any]) -> bool:
    """Whether to retry: after a file or disk that did not answer, not after a file that is wrong."""
    return isinstance(state.data, OSError | duckdb.IOException)


@task(
    task_run_name="shard-{spec.number}",
    retries=len(settings().retry_delays),
    retry_delay_seconds=list(settings().retry_delays),
    retry_jitter_factor=0.5,
    retry_condition_fn=is_unreachable,
    cache_policy=NO_CACHE,
    persist_result=False,
)
def limit_shard(spec: ShardSpec) -> ShardResult:
    """Calculate one shard, in the place that the task runner chooses. A second call changes nothing."""
    return recalculate_shard(spec)


def shard_runner(config: Settings) -> TaskRunner[Any]:
    """Where shards run, by the setting `limits_dask`."""
    if not config.limits_dask:
        return ThreadPoolTaskRunner(max_workers=config.limits_at_once or os.cpu_count() or 1)
    # Imported here, since importing Dask takes a second.
    from prefect_dask.task_runners import DaskTaskRunner  # noqa: PLC0415

    if not config.limits_dask.startswith(LOCAL):
        return DaskTaskRunner(address=config.limits_dask)
    workers = int(config.limits_dask.removeprefix(LOCAL))
    return DaskTaskRunner(cluster_class=partial(local_cluster, workers))


def local_cluster(workers: int) -> "LocalCluster":
    """A cluster of so many processes on this machine, each of which calculates one shard at a time.

    The dashboard and its profiling are off: they run fifty to a hundred times a second in every process and take a
    tenth of two cores.
    """
    import dask.config  # noqa: PLC0415
    from distributed import LocalCluster  # noqa: PLC0415

    with dask.config.set({"distributed.admin.tick.interval": "1s", "distributed.worker.profile.enabled": False}):
        return LocalCluster(  # type: ignore[no-untyped-call]
            n_workers=workers, threads_per_worker=1, dashboard_address=None
        )


class OnRunner:
    """Calculates shards by the task runner of the flow that it is called in."""

    def __init__(self) -> None:
        # The first submission starts the cluster; the lock keeps it to one.
        self._turn = asyncio.Lock()

    async def __call__(self, spec: ShardSpec) -> ShardResult:
        """Submit the shard, and wait for it without blocking the event loop."""
        async with self._turn:
            future: PrefectFuture[ShardResult] = await asyncio.to_thread(limit_shard.submit, spec)
        loop, done = asyncio.get_running_loop(), asyncio.Event()

        def finished(_: PrefectFuture[ShardResult]) -> None:
            loop.call_soon_threadsafe(done.set)

        future.add_done_callback(finished)
        await done.wait()
        try:
            return await asyncio.to_thread(future.result)
        except Exception as error:
            if not _killed_workers(error):
                raise
            why = f"it killed one Dask worker after another: {error}; give the workers more memory"
            return ShardResult(spec.number, "", {}, error=why)


def _killed_workers(error: Exception) -> bool:
    """Whether Dask gave a task up, because workers died with it."""
    if not settings().limits_dask:
        return False
    from distributed.scheduler import KilledWorker  # noqa: PLC0415

    return isinstance(error, KilledWorker)
