"""Staff release or discard a limit run that the guard held, in the Prefect UI."""

from enum import StrEnum

from prefect import flow
from prefect.client.schemas.objects import State
from prefect.runtime import flow_run
from prefect.states import Completed

from tasks.forms import form, refusing
from tasks.publish_limits import Progress, publish_limits
from underwriting.domain.limits import LimitRunState
from underwriting.limit_runs.run import finish
from underwriting.limit_runs.run_context import RunContext
from underwriting.runtime import open_runtime
from underwriting.store.errors import StoreError
from underwriting.store.limits import held_runs


class Release(StrEnum):
    """The decision of staff."""

    RELEASE = "release"
    DISCARD = "discard"

    @property
    def state(self) -> LimitRunState:
        """The state that it brings the run into."""
        return LimitRunState.APPLYING if self is Release.RELEASE else LimitRunState.DISCARDED


@flow(flow_run_name="release-{run_id}", persist_result=False, validate_parameters=False)
@form
async def release_limits(run_id: str, decision: Release, note: str, decided_by: str) -> State[None]:
    """Release a held limit run, which applies it, or discard it; stored with who and why.

    Fails, and changes nothing, if the run is unknown or does not wait for staff. An interrupted release goes on.

    Args:
        run_id: The limit run that waits for staff, such as lim_01KAYB2M4Z5W8Q0V6T3R9N7XJC. Its id is in its summary.
        decision: "release" applies the run to all its users, "discard" drops it.
        note: Why you decide so, such as "many new users since Monday". Prefect keeps this text: write nothing personal.
        decided_by: Your staff id, such as ann. It is stored as who decided.
    """
    async with open_runtime() as runtime:
        with refusing(StoreError):
            async with runtime.store.begin() as work:
                await held_runs.decide(work, run_id, decision.state, decided_by, note)
        report = await finish(
            RunContext(runtime.store, runtime.config, progress=Progress(), flow_run_id=str(flow_run.id)), run_id
        )
        await publish_limits(runtime.config, report)
    return Completed(name=decision.title(), message=f"{run_id} by {decided_by}: {report.sentence}")
