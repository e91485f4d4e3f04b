"""What fell between: applications that wait without a worker, or whose worker is gone."""

from prefect import flow

from tasks.sweeping import dispatch_owed, end_orphans
from underwriting.workplace import workplace


@flow(persist_result=False)
async def sweep() -> int:
    """Dispatch what is owed and nobody works on; returns how many applications were dispatched again."""
    async with workplace() as place:
        dispatched = await dispatch_owed(place)
        await end_orphans(place)
        return dispatched
