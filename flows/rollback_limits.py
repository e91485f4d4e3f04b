"""Staff take an applied limit run back, in the Prefect UI."""

from prefect import flow
from prefect.client.schemas.objects import State
from prefect.runtime import flow_run
from prefect.states import Completed

from tasks.forms import form, refusing
from tasks.publish_limits import Progress, publish_limits
from underwriting.limit_runs.report import report_of
from underwriting.limit_runs.rollback import preview, roll_back
from underwriting.limit_runs.run_context import RunContext
from underwriting.runtime import open_runtime
from underwriting.store.errors import StoreError


@flow(flow_run_name="rollback-{run_id}", persist_result=False, validate_parameters=False)
@form
async def rollback_limits(run_id: str, decided_by: str, dry_run: bool = True) -> State[None]:
    """Give everybody whose limit a run changed the former limit back; stored with who decided.

    Fails, and changes nothing, if the run is unknown or changed nothing, or if another worker is at it. An interrupted
    rollback goes on.

    Args:
        run_id: The limit run to take back, such as lim_01KAYB2M4Z5W8Q0V6T3R9N7XJC. Its id is in its summary.
        decided_by: Your staff id, such as ann. It is stored as who decided.
        dry_run: On: say how many profiles would change, and change none. Off: take the run back.
    """
    async with open_runtime() as runtime:
        context = RunContext(runtime.store, runtime.config, progress=Progress(), flow_run_id=str(flow_run.id))
        with refusing(StoreError):
            if dry_run:
                told = f"{await preview(context, run_id)} Nothing is changed yet: switch dry_run off to do it."
            else:
                told = (await roll_back(context, run_id, decided_by)).sentence
        await publish_limits(runtime.config, await report_of(context, run_id), rollback=told)
    return Completed(name="DryRun" if dry_run else "RolledBack", message=told)
