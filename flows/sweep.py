"""What fell between: applications, evaluations and limit runs that wait without a worker, or whose worker is gone."""

from prefect import flow

from tasks.sweeping import dispatch_owed, end_orphans, resume_limit_runs, tell_depths
from underwriting.workplace import workplace


@flow(persist_result=False)
async def sweep() -> int:
    """Dispatch what is owed and nobody works on; returns how many were dispatched again."""
    async with workplace() as place:
        dispatched = await dispatch_owed(place)
        resumed = await resume_limit_runs(place)
        await end_orphans(place)
        await tell_depths(place)
        return dispatched + resumed
