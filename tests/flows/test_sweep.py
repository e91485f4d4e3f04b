"""Whatever nobody works on is dispatched again, and Prefect is told of runs that are gone."""

import asyncio
from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest
from prefect import get_client
from prefect.client.schemas.filters import FlowRunFilter, FlowRunFilterName
from prefect.client.schemas.objects import FlowRun, State
from prefect.states import Cancelled, Pending, Running
from support.float_checks import FloatChecks
from support.journeys import Journey
from support.reviews import accept, let_time_pass

from flows.evaluate_eligibility import evaluate_eligibility
from flows.review_application import review_application
from flows.sweep import sweep
from tasks.lease import RETRY_WAITS, claimed
from underwriting.domain.application import State as Lasting
from underwriting.runtime import Runtime
from underwriting.store import applications, claims
from underwriting.store.depths import quarantined
from underwriting.store.kinds import APPLICATIONS
from underwriting.store.models import ApplicationRow

HOUR = timedelta(hours=1)


@pytest.fixture
async def deployed(journey: Journey) -> None:
    """The deployment that reviews are dispatched to; nobody serves it here."""
    deployment = await review_application.ato_deployment("review-application")
    await deployment.aapply()


async def runs_of(application_id: str) -> list[FlowRun]:
    async with get_client() as client:
        named = FlowRunFilter(name=FlowRunFilterName(any_=[f"review-{application_id}"]))
        return await client.read_flow_runs(flow_run_filter=named)


async def set_state(run: FlowRun, state: State[None]) -> None:
    async with get_client() as client:
        await client.set_flow_run_state(run.id, state, force=True)


@pytest.mark.usefixtures("deployed")
async def test_an_application_that_was_never_dispatched_is(journey: Journey) -> None:
    application = await journey.accept()
    assert await sweep() == 0, "the API may just be dispatching it"
    await let_time_pass(journey.runtime.store, "applications", "received_at", HOUR)
    assert await sweep() == 1
    (run,) = await runs_of(application.id)
    assert run.parameters == {"application_id": application.id}


@pytest.mark.usefixtures("deployed")
async def test_a_run_that_still_queues_is_left_alone(journey: Journey) -> None:
    application = await journey.accept()
    await let_time_pass(journey.runtime.store, "applications", "received_at", HOUR)
    await sweep()
    await let_time_pass(journey.runtime.store, "applications", "dispatched_at", HOUR)
    assert await sweep() == 0
    assert len(await runs_of(application.id)) == 1


@pytest.mark.usefixtures("deployed")
async def test_a_run_that_was_just_picked_up_is_left_alone(journey: Journey) -> None:
    application = await journey.accept()
    await let_time_pass(journey.runtime.store, "applications", "received_at", HOUR)
    await sweep()
    (run,) = await runs_of(application.id)
    await set_state(run, Pending())
    await let_time_pass(journey.runtime.store, "applications", "dispatched_at", HOUR)
    assert await sweep() == 0


@pytest.mark.usefixtures("deployed")
async def test_a_review_that_somebody_cancels_is_not_started_again_until_an_operator_retries_it(
    journey: Journey,
) -> None:
    store, application = journey.runtime.store, await journey.accept()
    await let_time_pass(store, "applications", "received_at", HOUR)
    assert await sweep() == 1
    (run,) = await runs_of(application.id)
    await set_state(run, Cancelled(message="not this one"))
    await let_time_pass(store, "applications", "dispatched_at", HOUR)
    assert (await sweep(), await sweep()) == (0, 0)
    async with store.read() as work:
        stored = await applications.get(work, None, application.id)
        assert (stored.state, stored.trouble) == (Lasting.CANCELLED, "its flow run was cancelled in Prefect")
        assert [item.id for item in await quarantined(work, 10)] == [application.id]
    async with store.begin() as work:
        await claims.retry(work, APPLICATIONS, application.id, by="olga")
    await let_time_pass(store, "applications", "received_at", HOUR)
    assert await sweep() == 1
    assert len(await runs_of(application.id)) == 2


async def test_a_worker_that_stops_gives_its_work_back_and_a_failed_try_waits(runtime: Runtime) -> None:
    for error, wait in ((asyncio.CancelledError(), 0), (RuntimeError("ours"), RETRY_WAITS[0].total_seconds())):
        application = await accept(runtime.store)
        began = datetime.now(UTC)
        with pytest.raises(type(error)):
            async with claimed(runtime, APPLICATIONS, application.id, "run"):
                raise error
        async with runtime.store.read() as work:
            row = await work.get(ApplicationRow, application.id)
        assert row is not None
        assert row.lease_until is not None
        assert abs((row.lease_until - began).total_seconds() - wait) < 3, error


@pytest.mark.settings(start_seconds=0)
@pytest.mark.usefixtures("deployed")
async def test_a_run_whose_worker_died_before_it_began_is_replaced(journey: Journey) -> None:
    application = await journey.accept()
    await let_time_pass(journey.runtime.store, "applications", "received_at", HOUR)
    await sweep()
    (first,) = await runs_of(application.id)
    await set_state(first, Pending())
    await let_time_pass(journey.runtime.store, "applications", "dispatched_at", HOUR)
    assert await sweep() == 1
    states = {run.id: run.state_name for run in await runs_of(application.id)}
    assert states.pop(first.id) == "Crashed"
    assert list(states.values()) == ["Scheduled"]


@pytest.mark.usefixtures("deployed")
async def test_a_review_whose_lease_expired_is_dispatched_anew_and_its_run_marked_crashed(journey: Journey) -> None:
    application = await journey.accept()
    await let_time_pass(journey.runtime.store, "applications", "received_at", HOUR)
    await sweep()
    (first,) = await runs_of(application.id)
    await set_state(first, Running())
    async with journey.runtime.store.begin() as work:
        assert await claims.claim(work, APPLICATIONS, application.id, str(first.id), timedelta(seconds=30), 5)
    assert await sweep() == 0, "its lease holds"
    await let_time_pass(journey.runtime.store, "applications", "lease_until", HOUR)
    await let_time_pass(journey.runtime.store, "applications", "dispatched_at", 2 * HOUR)
    assert await sweep() == 1
    states = {run.id: run.state_name for run in await runs_of(application.id)}
    assert states.pop(first.id) == "Crashed"
    review = await journey.run(application.id)
    assert (review.record.state, review.record.verdict) == ("done", "approved")


@pytest.mark.usefixtures("deployed")
async def test_what_never_comes_to_an_end_is_quarantined(journey: Journey) -> None:
    application = await journey.accept()
    for _ in range(journey.runtime.config.max_attempts):
        async with journey.runtime.store.begin() as work:
            assert await claims.claim(work, APPLICATIONS, application.id, str(UUID(int=1)), HOUR, 5)
        await let_time_pass(journey.runtime.store, "applications", "lease_until", 2 * HOUR)
    review = await journey.run(application.id)
    assert (review.state.name, review.record.state) == ("NotOwed", "quarantined")
    assert await sweep() == 0


async def test_an_evaluation_that_was_never_dispatched_is(checks: FloatChecks) -> None:
    """And the run that it is given judges it: its parameters are those that the real flow takes."""
    await (await evaluate_eligibility.ato_deployment("evaluate-eligibility")).aapply()
    request = await checks.accept("still-owes")
    assert await sweep() == 0, "the API may just be dispatching it"
    await let_time_pass(checks.store, "evaluations", "received_at", HOUR)
    assert (await sweep(), await sweep()) == (1, 0)
    async with get_client() as client:
        named = FlowRunFilter(name=FlowRunFilterName(any_=[f"evaluate-{request.id}"]))
        (run,) = await client.read_flow_runs(flow_run_filter=named)
    state = await evaluate_eligibility(**run.parameters, return_state=True)
    assert state.name == "Rejected"
    assert (await checks.stored(request.id)).record.as_of == request.as_of
