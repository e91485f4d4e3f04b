"""Goes on with a limit run that was interrupted; the housekeeping starts it."""

from prefect import flow
from prefect.client.schemas.objects import State

from flows.recalculate_limits import calculated
from tasks.forms import form, refusing
from tasks.limit_shards import shard_runner
from underwriting.limit_runs.request import Request
from underwriting.runtime import open_runtime
from underwriting.settings import settings
from underwriting.store.errors import StoreError
from underwriting.store.limits import runs as limit_runs


@flow(
    flow_run_name="resume-{run_id}",
    task_runner=shard_runner(settings()),
    persist_result=False,
    validate_parameters=False,
)
@form
async def resume_limits(run_id: str) -> State[None]:
    """Go on with an interrupted limit run at its unfinished shards, as it was asked for.

    Args:
        run_id: The limit run, such as lim_01KAYB2M4Z5W8Q0V6T3R9N7XJC. The housekeeping fills it in.
    """
    async with open_runtime() as runtime:
        with refusing(StoreError):
            async with runtime.store.read() as work:
                request = Request.of_run(await limit_runs.get(work, run_id))
        return await calculated(runtime, request)
