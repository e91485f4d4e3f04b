"""What fell between: applications, evaluations and limit runs that wait without a worker, or whose worker is gone."""

from prefect import flow

from tasks.sweeping import dispatch_owed, end_orphans, resume_limit_runs, tell_depths, wake_waiting, warn_of_notices
from underwriting.runtime import open_runtime


@flow(persist_result=False)
async def sweep() -> int:
    """Dispatch what is owed and nobody works on, also what waited long enough; returns how many were dispatched."""
    async with open_runtime() as runtime:
        await wake_waiting(runtime)
        await warn_of_notices(runtime)
        dispatched = await dispatch_owed(runtime)
        resumed = await resume_limit_runs(runtime)
        await end_orphans(runtime)
        await tell_depths(runtime)
        return dispatched + resumed
