"""Finds applications, evaluations and limit runs without a worker, and starts runs for them."""

from prefect import flow

from tasks.sweeping import dispatch_owed, end_orphans, measure_depths, resume_limit_runs, wake_waiting, warn_of_notices
from underwriting.runtime import open_runtime


@flow(persist_result=False)
async def sweep() -> int:
    """Dispatch what no worker works on, and what has waited long enough; returns how many were dispatched."""
    async with open_runtime() as runtime:
        await wake_waiting(runtime)
        await warn_of_notices(runtime)
        dispatched = await dispatch_owed(runtime)
        resumed = await resume_limit_runs(runtime)
        await end_orphans(runtime)
        await measure_depths(runtime)
        return dispatched + resumed
