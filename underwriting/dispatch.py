"""Handing an owed application or evaluation to Prefect. Prefect is the trigger; the store's row is the truth."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import count
from uuid import UUID

from prefect.client.orchestration import PrefectClient
from prefect.client.schemas.objects import FlowRun, StateType
from prefect.exceptions import ObjectNotFound
from prefect.states import Crashed, Scheduled

from underwriting.domain.application import Application, State
from underwriting.domain.eligibility import EvaluationRequest
from underwriting.domain.limits import Scope
from underwriting.integrations.tracing import carried
from underwriting.store.models import LimitRunRow

REVIEW = "review-application/review-application"
EVALUATION = "evaluate-eligibility/evaluate-eligibility"
LIMITS = "recalculate-limits/recalculate-limits"
HANDLING = "handle-events/handle-events"


@dataclass(frozen=True)
class _Run:
    """The flow run that a subject is worked on in. Prefect is told opaque ids only."""

    deployment: str
    name: str
    parameters: dict[str, str]


def _wanted(subject: Application | EvaluationRequest) -> _Run:
    if isinstance(subject, Application):
        return _Run(REVIEW, f"review-{subject.id}", {"application_id": subject.id})
    parameters = {
        "user_id": subject.user_id,
        "product": subject.product.value,
        "as_of": subject.as_of.isoformat(),
        "evaluation_id": subject.id,
    }
    return _Run(EVALUATION, f"evaluate-{subject.id}", parameters)


async def dispatch(client: PrefectClient, subject: Application | EvaluationRequest, dispatch_no: int) -> FlowRun:
    """Create the flow run of one dispatch; the same dispatch twice gives the same run.

    Prefect forgets idempotency keys with their runs and knows nothing of fences: a second run is harmless, because
    only one can hold the claim. httpx.HTTPError or ObjectNotFound where Prefect cannot take it now; the sweeper
    tries again.
    """
    wanted = _wanted(subject)
    deployment = await client.read_deployment_by_name(wanted.deployment)
    return await client.create_flow_run_from_deployment(
        deployment.id,
        parameters=wanted.parameters,
        idempotency_key=f"{subject.request_key}:{dispatch_no}",
        name=wanted.name,
        labels=carried(),
    )


async def dispatch_handling(client: PrefectClient) -> FlowRun:
    """Have the inbox handled at the next full second; all who ask within one second share one run.

    httpx.HTTPError or ObjectNotFound where Prefect cannot take it now; the schedule of the deployment comes later.
    """
    deployment = await client.read_deployment_by_name(HANDLING)
    second = datetime.now(UTC).replace(microsecond=0) + timedelta(seconds=1)
    return await client.create_flow_run_from_deployment(
        deployment.id,
        state=Scheduled(scheduled_time=second),
        idempotency_key=f"events:{int(second.timestamp())}",
        labels=carried(),
    )


async def resume_limits(client: PrefectClient, run: LimitRunRow) -> FlowRun:
    """Start a limit run again that was cut short: it goes on where it stopped. Twice is as good as once."""
    deployment = await client.read_deployment_by_name(LIMITS)
    scope = Scope.parse(run.scope)
    parameters = {
        "business_date": run.business_date.isoformat(),
        "product": run.product.value,
        "history": run.history,
        "segment": scope.segment,
        "user_id": scope.user_id,
        "policy": run.policy,
        "tenant": run.tenant,
    }
    for attempt in count():
        key = f"{run.id}:{run.fence}:{attempt}"
        begun = await client.create_flow_run_from_deployment(
            deployment.id, parameters=parameters, idempotency_key=key, name=f"resume-{run.id}"
        )
        # One whose worker died before it owned the run does not come back, and the fence is as it was.
        if begun.state is None or not begun.state.is_crashed():
            break
    return begun


async def was_cancelled(client: PrefectClient, flow_run_id: UUID) -> bool:
    """Whether somebody ended the flow run on purpose."""
    try:
        state = (await client.read_flow_run(flow_run_id)).state
    except ObjectNotFound:
        return False
    return state is not None and state.type in {StateType.CANCELLED, StateType.CANCELLING}


def will_come(run: FlowRun | None, subject: State, starting: timedelta) -> bool:
    """Whether an earlier dispatch still queues or is just starting, so that another one would only queue behind it.

    `starting` is what a run may take from being picked up to its claim. One that is running while its subject's
    lease expired does not come back: its worker is gone.
    """
    state = run.state if run is not None else None
    if state is None or state.is_final():
        return False
    starts = state.type is StateType.PENDING or subject is State.PENDING
    return state.type is StateType.SCHEDULED or (starts and datetime.now(UTC) - state.timestamp < starting)


async def mark_crashed(client: PrefectClient, flow_run_id: UUID, why: str) -> None:
    """Tell Prefect that a run's worker is gone, so that its UI does not show it running for ever."""
    try:
        run = await client.read_flow_run(flow_run_id)
    except ObjectNotFound:
        return
    if run.state is not None and not run.state.is_final():
        await client.set_flow_run_state(flow_run_id, Crashed(message=why), force=True)
