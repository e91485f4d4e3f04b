"""Staff release or discard a limit run that the guard held, in the Prefect UI."""

from enum import StrEnum

from prefect import flow
from prefect.client.schemas.objects import State
from prefect.runtime import flow_run
from prefect.states import Completed

from flows.decide_referral import Note, Staff
from tasks.publish_limits import Progress, publish_limits
from underwriting.domain.limits import LimitRunId, LimitRunState
from underwriting.limit_runs.run import finish
from underwriting.limit_runs.run_context import RunContext
from underwriting.runtime import open_runtime
from underwriting.store.limits import held_runs


class Release(StrEnum):
    """The decision of staff."""

    RELEASE = "release"
    DISCARD = "discard"

    @property
    def state(self) -> LimitRunState:
        """The state that it brings the run into."""
        return LimitRunState.APPLYING if self is Release.RELEASE else LimitRunState.DISCARDED


@flow(flow_run_name="release-{run_id}", persist_result=False)
async def release_limits(run_id: LimitRunId, decision: Release, note: Note, decided_by: Staff) -> State[None]:
    """Release a held limit run, which applies it, or discard it; stored with who and why.

    Fails, and changes nothing, if the run is unknown or does not wait for staff. An interrupted release goes on.
    """
    async with open_runtime() as runtime:
        async with runtime.store.begin() as work:
            await held_runs.decide(work, run_id, decision.state, decided_by, note)
        report = await finish(
            RunContext(runtime.store, runtime.config, progress=Progress(), flow_run_id=str(flow_run.id)), run_id
        )
        await publish_limits(report)
    return Completed(name=decision.title(), message=f"{run_id} by {decided_by}: {report.sentence}")
