"""Finds applications, evaluations and limit runs without a worker, and starts runs for them."""

from prefect import flow
from prefect.client.schemas.objects import State
from prefect.states import Completed

from tasks.sweeping import dispatch_owed, end_orphans, resume_limit_runs, wake_waiting, warn_of_notices
from underwriting.runtime import open_runtime


@flow(flow_run_name="sweep", persist_result=False, timeout_seconds=300)
async def sweep() -> State[int]:
    """Dispatch what no worker works on, and what has waited long enough; returns how many were dispatched.

    Housekeeping does the same every few seconds; this is for an operator who does not want to wait.
    """
    async with open_runtime() as runtime:
        await wake_waiting(runtime)
        await warn_of_notices(runtime)
        dispatched = await dispatch_owed(runtime)
        resumed = await resume_limit_runs(runtime)
        await end_orphans(runtime)
    message = f"{dispatched} applications and evaluations started again, {resumed} limit runs"
    return Completed(message=message, data=dispatched + resumed)
