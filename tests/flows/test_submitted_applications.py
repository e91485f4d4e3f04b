"""`application_submitted` starts one pre-screening, whichever way it comes: SQS, EventBridge, HTTP, a Prefect event."""

import asyncio
import json
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx
import pytest
import uvicorn
from prefect.client.orchestration import PrefectClient, get_client
from prefect.client.schemas.filters import DeploymentFilter, DeploymentFilterName, FlowRunFilter, FlowRunFilterName
from prefect.client.schemas.objects import FlowRun, State
from prefect.events import emit_event
from sqlalchemy import select, update
from support.aws import REGION, Queues, account, aws_url, moto_url, queues
from support.journeys import Journey
from support.reviews import CONSENT, rows

from flows.handle_events import handle_events
from flows.review_application import review_application
from tasks.handling import DEAD, FAILED, HANDLED, handle_due, receive
from underwriting.api.app import create_app
from underwriting.consumer import consume
from underwriting.domain.application import Application, ApplicationRequest
from underwriting.domain.events import Event
from underwriting.local import free_port, issue_token
from underwriting.runtime import Runtime
from underwriting.store import applications
from underwriting.store.models import EventRow, QueueState
from underwriting.worker.deploy import deploy

__all__ = ["account", "aws_url", "moto_url", "queues"]

PREFECT_FILE = Path(__file__).parents[2] / "prefect.yaml"
WANTED: dict[str, Any] = {"customer_id": "good", "amount": "2500.00", "currency": "USD", "bureau_consent": CONSENT}


@pytest.fixture
async def client(runtime: Runtime, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[PrefectClient]:
    """Prefect with the project's deployments; no worker takes their runs."""
    monkeypatch.setenv("UNDERWRITING_WORK_POOL", "changed by deploy")
    async with get_client() as client:
        await deploy(client, PREFECT_FILE, f"pool-{uuid4().hex[:8]}")
        yield client


def submitted(event_id: str = "evt-1", tenant: str = "acme", key: str | None = None, **changes: Any) -> dict[str, Any]:
    payload = {"application": WANTED | changes} | ({"idempotency_key": key} if key else {})
    told = {"source": "shop", "id": event_id, "type": "application_submitted", "tenant": tenant}
    return {**told, "at": datetime.now(UTC).isoformat(), "payload": payload}


async def stored(runtime: Runtime, tenant: str = "acme") -> list[Application]:
    async with runtime.store.read() as work:
        return [found.subject for found in await applications.listing(work, tenant)]


async def take_in(runtime: Runtime, *events: dict[str, Any]) -> dict[str, int]:
    await receive(runtime, [Event.model_validate(event) for event in events])
    return dict(await handle_due(runtime))


async def the_dead(runtime: Runtime) -> list[tuple[str, str | None]]:
    async with runtime.store.read() as work:
        dead = await work.scalars(select(EventRow).where(EventRow.state == QueueState.DEAD).order_by(EventRow.event_id))
        return [(row.event_id, row.trouble) for row in dead]


async def runs_of(client: PrefectClient, application: Application) -> list[FlowRun]:
    named = FlowRunFilter(name=FlowRunFilterName(any_=[f"review-{application.id}"]))
    return await client.read_flow_runs(flow_run_filter=named)


async def test_from_sqs_and_eventbridge_each_starts_one_review(
    journey: Journey, client: PrefectClient, queues: Queues, account: Any, aws_url: str
) -> None:
    """Twice delivered, by two tenants under the same ids, beside two messages that are malformed."""
    runtime = journey.runtime
    bridge, sqs = account("events"), queues.sqs
    arn = sqs.get_queue_attributes(QueueUrl=queues.url, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    bridge.put_rule(Name="applications", EventPattern=json.dumps({"detail-type": ["application_submitted"]}))
    bridge.put_targets(Rule="applications", Targets=[{"Id": "queue", "Arn": arn}])
    detail = {"event_id": "evt-2", "tenant": "acme", "application": WANTED | {"customer_id": "underage"}}
    entry = {"Source": "shop", "DetailType": "application_submitted", "Detail": json.dumps(detail)}
    for _ in range(2):
        assert bridge.put_events(Entries=[entry])["FailedEntryCount"] == 0
    ours, theirs = submitted(), submitted(tenant="globex", amount="900.00")
    poison = [submitted("evt-3", amount="-1"), submitted("evt-4", bureau_consnt=CONSENT)]
    queues.send(*map(json.dumps, [ours, theirs, ours, *poison, theirs]))

    aws = {"events_queue_url": queues.url, "aws_region": REGION, "aws_endpoint_url": aws_url}
    consuming = asyncio.create_task(consume(runtime.config.model_copy(update=aws)))
    async with asyncio.timeout(60):
        while queues.waiting(queues.url) or queues.waiting(queues.dead_url) < len(poison):
            assert not consuming.done(), consuming.exception()
            await asyncio.sleep(0.2)
    consuming.cancel()
    with pytest.raises(asyncio.CancelledError):
        await consuming

    found = [*await stored(runtime), *await stored(runtime, "globex")]
    assert sorted((each.tenant, each.customer_id, each.requested.minor) for each in found) == [
        ("acme", "good", 250_000),
        ("acme", "underage", 250_000),
        ("globex", "good", 90_000),
    ]
    assert await rows(runtime.store, "inbox") == 3
    for application in found:
        (run,) = await runs_of(client, application)
        assert run.parameters == {"application_id": application.id}
    verdicts = {each.customer_id: (await journey.run(each.id)).record.verdict for each in found}
    assert verdicts == {"good": "approved", "underage": "rejected"}


async def test_over_http_it_is_refused_like_an_application_and_starts_one_review(
    journey: Journey, client: PrefectClient
) -> None:
    runtime, port = journey.runtime, free_port()
    server = uvicorn.Server(uvicorn.Config(create_app(runtime.config), port=port, log_level="error"))
    serving = asyncio.create_task(server.serve())
    while not server.started:
        await asyncio.sleep(0.02)

    def token(tenant: str, scopes: str = "events:write applications:write") -> dict[str, str]:
        return {"Authorization": f"Bearer {issue_token(runtime.config, tenant, 'shop', scopes)}"}

    async def send(event: dict[str, Any], headers: dict[str, str]) -> httpx.Response:
        del event["tenant"]
        return await api.post("/v1/events", json=event, headers=headers)

    async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}") as api:
        # Prefect's server outlives the test, and with it the keys that runs are known by.
        event_id = uuid4().hex
        answers = [await send(submitted(event_id), token(tenant)) for tenant in ("acme", "acme", "globex")]
        assert [(answer.status_code, answer.json()["new"]) for answer in answers] == [
            (202, True),
            (202, False),
            (202, True),
        ]
        without = await send(submitted("evt-2"), token("acme", "events:write"))
        assert (without.status_code, without.json()["error_code"]) == (403, "MISSING_SCOPE")
        yesterday = (datetime.now(UTC) - timedelta(days=1)).date().isoformat()
        for changes, place in (
            ({"amount": "-1"}, "body.payload.application.amount"),
            ({"bureau_consnt": CONSENT}, "body.payload.application.bureau_consnt"),
            ({"currency": "EUR"}, "body.payload.application.currency"),
            ({"as_of": yesterday}, "body.payload.application.as_of"),
        ):
            refused = await send(submitted("evt-3", **changes), token("acme"))
            assert (refused.status_code, [each["place"] for each in refused.json()["problems"]]) == (422, [place])
    server.should_exit = True
    await serving
    assert await rows(runtime.store, "inbox") == 2, "what is refused is not kept"
    assert dict(await handle_due(runtime)) == {HANDLED: 2}
    for tenant in ("acme", "globex"):
        (application,) = await stored(runtime, tenant)
        assert len(await runs_of(client, application)) == 1
        assert (await journey.run(application.id)).record.verdict == "approved"


async def test_as_a_prefect_event_it_names_a_stored_application_that_is_decided_once(
    journey: Journey, client: PrefectClient
) -> None:
    application = await journey.accept()
    for _ in range(2):
        emit_event(
            "underwriting.application_submitted",
            {"prefect.resource.id": f"underwriting.application.{application.id}"},
            payload={"application_id": application.id},
        )
    review = DeploymentFilter(name=DeploymentFilterName(any_=["review-application"]))
    wanted = {"application_id": application.id}
    runs: list[FlowRun] = []
    async with asyncio.timeout(30):
        while len(runs) < 2:
            await asyncio.sleep(0.1)
            found = await client.read_flow_runs(deployment_filter=review, limit=200)
            runs = [run for run in found if run.parameters == wanted]
    states: list[State[Any]] = [await review_application(**run.parameters, return_state=True) for run in runs[:2]]
    assert [state.name for state in states] == ["Approved", "NotOwed"]
    assert await rows(journey.runtime.store, "decisions") == 1


@pytest.mark.parametrize("application_id", ["", "app_01KAYB2M4Z5W8Q0V6T3R9N7XJC"])
async def test_a_prefect_event_about_no_application_of_ours_fails_alone(runtime: Runtime, application_id: str) -> None:
    state: State[Any] = await review_application(application_id, return_state=True)
    assert state.is_failed()
    assert str(state.message).startswith("application_id: ")


async def test_prefect_is_not_sent_the_application_itself(runtime: Runtime) -> None:
    state: State[Any] = await handle_events(submitted(), return_state=True)
    assert state.is_failed()
    assert "an application is not sent through Prefect" in str(state.message)
    assert await rows(runtime.store, "inbox") == 0


async def test_a_key_starts_one_review_and_with_another_payload_the_event_is_dead_at_once(runtime: Runtime) -> None:
    async with runtime.store.begin() as work:
        request = ApplicationRequest.model_validate(WANTED)
        await applications.accept(work, "acme", request, "order-1", datetime.now(UTC))
    same, other = submitted("evt-1", key="order-1"), submitted("evt-2", key="order-1", amount="2500.01")
    assert await take_in(runtime, same, other, submitted("evt-3")) == {HANDLED: 2, DEAD: 1}
    assert len(await stored(runtime)) == 2, "order-1, and what evt-3 is the key of"
    ((event_id, why),) = await the_dead(runtime)
    assert event_id == "evt-2"
    assert "used before with another payload" in str(why)


async def test_what_is_not_lent_or_backdated_is_set_aside_and_holds_up_no_other(runtime: Runtime) -> None:
    yesterday = (datetime.now(UTC) - timedelta(days=1)).date().isoformat()
    events = [submitted("evt-1", currency="EUR"), submitted("evt-2", as_of=yesterday), submitted("evt-3")]
    assert await take_in(runtime, *events) == {DEAD: 2, HANDLED: 1}
    assert [application.customer_id for application in await stored(runtime)] == ["good"]
    (_, not_lent), (_, backdated) = await the_dead(runtime)
    assert not_lent == "currency: EUR is not lent here; USD is"
    assert str(backdated).startswith("as_of: is before the day of the event")


async def test_an_application_counts_as_received_when_its_event_was(runtime: Runtime) -> None:
    """However long the event waited: the time for the notice runs from then."""
    await receive(runtime, [Event.model_validate(submitted())])
    then = datetime.now(UTC) - timedelta(days=10)
    async with runtime.store.begin() as work:
        await work.execute(update(EventRow).values(received_at=then))
    assert await handle_due(runtime) == {HANDLED: 1}
    (application,) = await stored(runtime)
    assert (application.received_at, application.as_of) == (then, then.date())


async def test_before_a_rulebook_is_published_the_event_is_tried_again(
    runtime: Runtime, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(runtime.rulebook_cache, "_name", "to-come")
    assert await take_in(runtime, submitted()) == {FAILED: 1}
    assert await stored(runtime) == []
