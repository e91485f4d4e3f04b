"""What fell between: applications, evaluations and limit runs that wait without a worker, or whose worker is gone."""

from prefect import flow

from tasks.sweeping import dispatch_owed, end_orphans, resume_limit_runs, tell_depths, wake_waiting, warn_of_notices
from underwriting.workplace import workplace


@flow(persist_result=False)
async def sweep() -> int:
    """Dispatch what is owed and nobody works on, also what waited long enough; returns how many were dispatched."""
    async with workplace() as place:
        await wake_waiting(place)
        await warn_of_notices(place)
        dispatched = await dispatch_owed(place)
        resumed = await resume_limit_runs(place)
        await end_orphans(place)
        await tell_depths(place)
        return dispatched + resumed
