"""What has to be done every few seconds is done, whatever else fails."""

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta

import httpx
import pytest
from prefect import get_client
from prefect.client.schemas.filters import FlowRunFilter, FlowRunFilterName
from support.journeys import Journey
from support.reviews import let_time_pass, rows

from flows.review_application import review_application
from tasks.handling import receive
from underwriting import housekeeping
from underwriting.domain.events import Event
from underwriting.housekeeping import DUTIES, Duty, keep_house
from underwriting.local import free_port
from underwriting.process.metrics import metrics
from underwriting.runtime import Runtime
from underwriting.settings import Settings
from underwriting.store.errors import StoreUnreachable

Duties = Callable[..., None]


@pytest.fixture
def duties(monkeypatch: pytest.MonkeyPatch) -> Duties:
    """Has the housekeeping do these duties only, or its own, as often as it can."""

    def do(*instead: Duty) -> None:
        often = [Duty(duty.name, 0.01, duty.once) for duty in instead or DUTIES]
        monkeypatch.setattr(housekeeping, "DUTIES", often)

    return do


@asynccontextmanager
async def kept(config: Settings) -> AsyncIterator[None]:
    """The housekeeping, for the block."""
    keeping = asyncio.create_task(keep_house(config))
    try:
        async with asyncio.timeout(30):
            yield
    finally:
        keeping.cancel()
        with pytest.raises(asyncio.CancelledError):
            await keeping


async def until(holds: Callable[[], Awaitable[bool]]) -> None:
    while not await holds():
        await asyncio.sleep(0.02)


async def test_events_are_handled_and_applications_dispatched(journey: Journey, duties: Duties) -> None:
    duties()
    await (await review_application.ato_deployment("review-application")).aapply()
    application = await journey.accept()
    await let_time_pass(journey.runtime.store, "applications", "received_at", timedelta(hours=1))
    at = datetime.now(UTC)
    created = {"source": "s", "id": "1", "type": "user_created", "tenant": "acme", "user_id": "ada", "at": at}
    await receive(journey.runtime, [Event.model_validate(created)])

    async def handled() -> bool:
        return await rows(journey.runtime.store, "float_profiles") == 1

    async def dispatched() -> bool:
        async with get_client() as client:
            named = FlowRunFilter(name=FlowRunFilterName(any_=[f"review-{application.id}"]))
            return len(await client.read_flow_runs(flow_run_filter=named)) == 1

    async with kept(journey.runtime.config):
        await until(handled)
        await until(dispatched)


async def test_a_duty_that_fails_is_tried_again_and_stops_no_other(
    runtime: Runtime, duties: Duties, caplog: pytest.LogCaptureFixture
) -> None:
    tries: list[str] = []
    errors: list[Exception] = [TimeoutError("away"), TimeoutError("away"), KeyError("ours")]

    async def fails(_: Runtime) -> None:
        tries.append("fails")
        if errors:
            raise errors.pop(0)

    async def works(_: Runtime) -> None:
        tries.append("works")

    async def both_go_on() -> bool:
        return min(tries.count("fails"), tries.count("works")) > 5

    duties(Duty("fails", 0, fails), Duty("works", 0, works))
    with caplog.at_level(logging.INFO, "underwriting.housekeeping"):
        async with kept(runtime.config):
            await until(both_go_on)
    warnings = [record.message for record in caplog.records if record.levelno == logging.WARNING]
    again = "; it is tried again every 0.01 s"
    assert warnings == [f"fails fails: away{again}", f"fails fails: KeyError('ours'){again}", "fails works again"]


async def test_it_is_live_without_the_store_and_ready_only_with_it(
    runtime: Runtime, duties: Duties, monkeypatch: pytest.MonkeyPatch
) -> None:
    tries: list[str] = []

    async def try_it(_: Runtime) -> None:
        tries.append("it")

    async def tried() -> bool:
        return bool(tries)

    async def away() -> None:
        raise StoreUnreachable("the database does not answer")

    port = free_port()
    duties(Duty("try it", 0, try_it))
    async with (
        kept(runtime.config.model_copy(update={"health_port": port})),
        httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}") as client,
    ):
        await until(tried)
        assert [(await client.get(path)).status_code for path in ("/live", "/ready")] == [200, 200]
        monkeypatch.setattr(runtime.store, "check", away)
        answers = [await client.get(path) for path in ("/live", "/ready")]
    assert [answer.status_code for answer in answers] == [200, 503]
    assert answers[1].json()["status"] == "the database does not answer"


async def test_prometheus_learns_from_it_what_waits_without_any_worker(
    journey: Journey, runtime: Runtime, duties: Duties, monkeypatch: pytest.MonkeyPatch
) -> None:
    accepted = await journey.accept()
    config = runtime.config.model_copy(update={"health_port": free_port()})
    monkeypatch.setattr("underwriting.process.metrics.settings", lambda: config)
    metrics.cache_clear()
    (measuring,) = [duty for duty in DUTIES if duty.name == "measure-depths"]
    duties(measuring)

    async def lines() -> list[str]:
        answered = await client.get("/metrics")
        assert answered.headers["Content-Type"].startswith("text/plain; version=")
        return answered.text.splitlines()

    async def shows_the_application() -> bool:
        return 'underwriting_queue_depth{queue="applications"} 1.0' in await lines()

    async def shows_none() -> bool:
        now = await lines()
        return {f'underwriting_queue_{of}{{queue="applications"}} 0.0' for of in ("depth", "age_seconds")} <= set(now)

    try:
        async with kept(config), httpx.AsyncClient(base_url=f"http://127.0.0.1:{config.health_port}") as client:
            await until(shows_the_application)
            ages = [line for line in await lines() if "age_seconds{" in line and '"applications"' in line]
            assert 0 < float(ages[0].rsplit(" ")[-1]) < 60
            await journey.run(accepted.id)
            await until(shows_none)
    finally:
        metrics.cache_clear()
