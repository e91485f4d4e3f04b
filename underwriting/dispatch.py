"""Handing an application or evaluation that has to be decided to Prefect. Prefect triggers; the store's row decides."""

import asyncio
import logging
from contextlib import nullcontext
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import httpx
from prefect import get_client
from prefect.client.orchestration import PrefectClient
from prefect.client.schemas.filters import FlowRunFilter, FlowRunFilterName
from prefect.client.schemas.objects import FlowRun, StateType
from prefect.client.schemas.sorting import FlowRunSort
from prefect.exceptions import ObjectNotFound, PrefectException
from prefect.settings import PREFECT_API_AUTH_STRING, PREFECT_API_URL
from prefect.states import Crashed

from underwriting.domain.application import Application, State
from underwriting.domain.eligibility import EvaluationRequest
from underwriting.integrations.tracing import carried
from underwriting.process.logs import in_a_line, log_about
from underwriting.settings import Settings, is_example
from underwriting.store import claims, turns
from underwriting.store.kinds import Kind, kind_of
from underwriting.store.models import LimitRunRow
from underwriting.store.session import Store

log = logging.getLogger(__name__)

REVIEW = "review-application/review-application"
EVALUATION = "evaluate-eligibility/evaluate-eligibility"
RESUME = "resume-limits/resume-limits"
# Dispatches that Prefect's server is asked for at the same time.
AT_ONCE = 4
ENDED_BY_A_PERSON = (StateType.CANCELLED, StateType.CANCELLING)
# Between a resumed limit run that failed and the next.
RESUME_WAIT = timedelta(minutes=5)
# Ids of deployments by server and name. They stay the same when `underwriting deploy` changes a deployment.
_deployments: dict[tuple[str, str], UUID] = {}


class NoPrefect(Exception):
    """No Prefect server is named, and Prefect would start one that nobody looks at; or everybody knows its password."""


def require_prefect() -> None:
    """NoPrefect where no Prefect server is named, or everybody knows its password."""
    if PREFECT_API_URL.value() is None:
        raise NoPrefect("no Prefect server is named; set PREFECT_API_URL, such as http://127.0.0.1:4200/api")
    if is_example(PREFECT_API_AUTH_STRING.value() or ""):
        raise NoPrefect("PREFECT_API_AUTH_STRING has the example's password, which everybody knows; write your own")


@dataclass(frozen=True)
class _Run:
    """The flow run that works on a subject. Prefect sees opaque ids only."""

    deployment: str
    name: str
    parameters: dict[str, str]


def _run_of(subject: Application | EvaluationRequest) -> _Run:
    if isinstance(subject, Application):
        return _Run(REVIEW, f"review-{subject.id}", {"application_id": subject.id})
    return _Run(EVALUATION, f"evaluate-{subject.id}", {"evaluation_id": subject.id})


async def dispatch(
    client: PrefectClient, subject: Application | EvaluationRequest, dispatch_no: int, *, traced: bool = False
) -> FlowRun:
    """Create the flow run of one dispatch; the same dispatch twice gives the same run.

    Prefect forgets idempotency keys with their runs. A second run is harmless, because only one can have the claim.
    `traced`: the run continues the current trace. httpx.HTTPError or ObjectNotFound if Prefect cannot take it now; the
    housekeeping tries again.
    """
    run = _run_of(subject)
    key = f"{subject.request_key}:{dispatch_no}"
    return await _start(client, run.deployment, run.name, run.parameters, key, traced=traced)


async def _start(
    client: PrefectClient,
    deployment: str,
    name: str,
    parameters: dict[str, Any],
    idempotency_key: str,
    *,
    traced: bool = False,
) -> FlowRun:
    place = (str(client.api_url), deployment)
    if place not in _deployments:
        _deployments[place] = (await client.read_deployment_by_name(deployment)).id
    try:
        return await client.create_flow_run_from_deployment(
            _deployments[place],
            parameters=parameters,
            idempotency_key=idempotency_key,
            name=name,
            labels=carried() if traced else None,
        )
    except ObjectNotFound:
        # It was deleted. There may be another one of its name.
        del _deployments[place]
        raise


async def dispatch_waiting(
    store: Store,
    kind: Kind[Any],
    config: Settings,
    tenant: str | None = None,
    *,
    client: PrefectClient | None = None,
    requested: str | None = None,
    waited: timedelta = timedelta(),
) -> int:
    """Dispatch what has its turn (`turns.take`), of one tenant or of all; returns how many these are.

    The run of the application or evaluation that is `requested` here and now continues the current trace.
    """
    async with store.begin() as work:
        found = await turns.take(work, kind, config.worker_slots or config.worker_limit, tenant, waited=waited)
    if not found:
        return 0
    free = asyncio.Semaphore(AT_ONCE)
    async with nullcontext(client) if client else get_client() as prefect:

        async def one(subject: Application | EvaluationRequest, dispatch_no: int) -> None:
            async with free:
                await try_dispatch(prefect, store, subject, dispatch_no, traced=subject.id == requested)

        await asyncio.gather(*(one(*each) for each in found))
    return len(found)


async def try_dispatch(
    client: PrefectClient,
    store: Store,
    subject: Application | EvaluationRequest,
    dispatch_no: int = 1,
    *,
    traced: bool = False,
) -> None:
    """Dispatch and note the run in the store. If Prefect cannot take it now, the housekeeping does it later."""
    try:
        run = await dispatch(client, subject, dispatch_no, traced=traced)
    except (httpx.HTTPError, PrefectException) as error:
        with log_about(**{f"{kind_of(subject.id).name}_id": subject.id}, tenant=subject.tenant):
            log.warning("%s is not dispatched yet, the housekeeping does it: %s", subject.id, in_a_line(error))
        return
    async with store.begin() as work:
        await claims.dispatched(work, kind_of(subject.id), subject.id, dispatch_no, str(run.id))


async def resume_limits(client: PrefectClient, run: LimitRunRow) -> bool:
    """Start an interrupted limit run again as it was asked for: it goes on where it stopped. False if it has to wait.

    A second call starts no second run. After a resumed run that failed, the next one begins `RESUME_WAIT` later: what
    it lacked, such as the folder of the history, may be back by then.
    """
    name = f"resume-{run.id}"
    named = FlowRunFilter(name=FlowRunFilterName(any_=[name]))
    found = await client.read_flow_runs(flow_run_filter=named, sort=FlowRunSort.EXPECTED_START_TIME_DESC, limit=1)
    last = found[0] if found else None
    if last is not None and _holds_up_the_next(last):
        return False
    key = f"{run.id}:{run.fence}:{last and last.id}"
    await _start(client, RESUME, name, {"run_id": run.id}, key)
    return True


def _holds_up_the_next(resumed: FlowRun) -> bool:
    """Whether a resumed run is still to come or at work, or failed a moment ago."""
    state = resumed.state
    if state is None or state.is_crashed():
        return False
    return not state.is_final() or datetime.now(UTC) - state.timestamp < RESUME_WAIT


async def was_cancelled(client: PrefectClient, flow_run_id: UUID) -> bool:
    """Whether somebody ended the flow run on purpose."""
    try:
        state = (await client.read_flow_run(flow_run_id)).state
    except ObjectNotFound:
        return False
    return state is not None and state.type in ENDED_BY_A_PERSON


def will_come(run: FlowRun | None, subject: State, starting: timedelta) -> bool:
    """Whether an earlier dispatch still waits in the queue or is just starting, so that another one is not needed.

    `starting` is the time that a run may take from being picked up to its claim. If a run is running and its subject's
    lease has expired, its worker is gone.
    """
    state = run.state if run is not None else None
    if state is None or state.is_final():
        return False
    starts = state.type is StateType.PENDING or subject is State.PENDING
    return state.type is StateType.SCHEDULED or (starts and datetime.now(UTC) - state.timestamp < starting)


async def mark_crashed(client: PrefectClient, flow_run_id: UUID, why: str) -> None:
    """Mark a run as crashed whose worker is gone, so that the Prefect UI does not show it as running for ever."""
    try:
        run = await client.read_flow_run(flow_run_id)
    except ObjectNotFound:
        return
    if run.state is not None and not run.state.is_final():
        await client.set_flow_run_state(flow_run_id, Crashed(message=why), force=True)
