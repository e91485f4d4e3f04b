"""Events as flows: from a Prefect event over prefect.yaml's triggers to the inbox, and what they change."""

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from prefect.client.orchestration import PrefectClient, get_client
from prefect.client.schemas.filters import DeploymentFilter, DeploymentFilterId
from prefect.client.schemas.objects import FlowRun, State
from prefect.events import emit_event
from sqlalchemy import select, update
from support.evaluated import evaluated
from support.reviews import rows

from flows.handle_events import handle_events
from tasks.handling import HANDLED, OVERTAKEN, _handle, handle_due, receive
from underwriting.domain.application import Product
from underwriting.domain.application import State as Standing
from underwriting.domain.events import Event
from underwriting.runtime import Runtime
from underwriting.store import claims, evaluations, profiles
from underwriting.store.kinds import EVALUATIONS
from underwriting.store.models import EventRow
from underwriting.store.queue import inbox
from underwriting.worker.deploy import deploy

PREFECT_FILE = Path(__file__).parents[2] / "prefect.yaml"


def event(event_type: str, event_id: str = "evt-1", **payload: Any) -> dict[str, Any]:
    return {
        "source": "float.service",
        "id": event_id,
        "type": event_type,
        "tenant": "acme",
        "user_id": "ada",
        "at": "2026-03-02T09:30:00Z",
        "payload": payload,
    }


def handled(state: State[Any]) -> int:
    return int((state.message or "").partition(" events handled")[0])


async def version(runtime: Runtime) -> int | None:
    async with runtime.store.read() as work:
        profile = await profiles.current(work, "acme", "ada", datetime.now(UTC))
    return profile and profile.version


async def test_a_float_freezes_the_evaluation_that_authorised_it_once(runtime: Runtime) -> None:
    record = await evaluated(runtime.store)
    created = event("user_float_created", evaluation_id=record.id, float_id="flt-1")
    first: State[Any] = await handle_events(created, return_state=True)
    again: State[Any] = await handle_events(created, return_state=True)
    assert (first.name, again.name) == ("Received", "Duplicate")
    async with runtime.store.read() as work:
        frozen = await evaluations.frozen(work, "acme", "flt-1")
        rank = await evaluations.float_rank(work, "acme", "ada", Product.FLOAT)
    assert frozen is not None
    assert (frozen.evaluation_id, frozen.body) == (record.id, record.body)
    assert rank is not None
    assert rank.floats_taken == 1


async def test_a_new_user_gets_the_default_profile_and_a_changed_one_a_new_version(runtime: Runtime) -> None:
    await handle_events(event("user_created"))
    assert await version(runtime) == 1
    await handle_events(event("user_created", "evt-2"))
    assert await version(runtime) == 1
    await handle_events(event("profile_updated", "evt-3"))
    await handle_events(event("profile_updated", "evt-3"))
    assert await version(runtime) == 2


async def test_an_event_whose_lease_expired_is_handled_by_whoever_has_it_now(runtime: Runtime) -> None:
    await handle_events(event("user_created"))
    changed = Event.model_validate(event("profile_updated", "evt-2"))
    assert await receive(runtime, [changed]) == 1
    async with runtime.store.begin() as work:
        (slow,) = await inbox.due(work, lease=-timedelta(seconds=1))
    assert await handle_due(runtime) == {HANDLED: 1}
    assert await _handle(runtime, slow) == (OVERTAKEN, [])
    assert await version(runtime) == 2, "one change, one version"


async def test_an_event_that_does_not_open_is_set_aside_and_holds_up_no_other(runtime: Runtime) -> None:
    await receive(runtime, [Event.model_validate(event("user_created", name)) for name in ("evt-1", "evt-2")])
    async with runtime.store.begin() as work:
        broken = (await work.scalars(select(EventRow).where(EventRow.event_id == "evt-1"))).one()
        flipped = bytes([*broken.payload[:-1], broken.payload[-1] ^ 1])
        await work.execute(update(EventRow).where(EventRow.id == broken.id).values(payload=flipped))
    assert await handle_due(runtime) == {HANDLED: 1}
    for attempt in range(1, len(inbox.WAITS) + 1):
        async with runtime.store.begin() as work:
            row = await work.get(EventRow, broken.id)
            assert row is not None
            assert (row.state, row.attempts) == ("pending", attempt)
            await work.execute(update(EventRow).values(due_at=datetime.now(UTC)))
        await handle_due(runtime)
    async with runtime.store.read() as work:
        (dead,) = await inbox.QUEUE.dead(work)
    what = f"inbox.payload of row ('{broken.id}',) was changed or moved, or key 'k1' is another one now"
    assert (dead.id, dead.trouble) == (broken.id, what)


async def test_new_transactions_have_a_user_judged_anew(runtime: Runtime) -> None:
    await handle_events(event("user_new_txns_batch_completed"))
    assert await rows(runtime.store, "evaluations") == 0, "never judged before, and nothing is asked for"
    await evaluated(runtime.store)
    for _ in range(2):
        await handle_events(event("user_new_txns_batch_completed", "evt-2"))
    await handle_events(event("user_new_txns_batch_completed", "evt-3", products=["loan"]))
    async with runtime.store.read() as work:
        history = await evaluations.history(work, "acme", "ada")
    assert [(found.subject.product, found.state) for found in history] == [
        (Product.LOAN, Standing.PENDING),
        (Product.FLOAT, Standing.PENDING),
        (Product.FLOAT, Standing.DONE),
    ]


async def test_transactions_that_arrive_while_a_check_runs_have_the_user_judged_again_afterwards(
    runtime: Runtime,
) -> None:
    """The check may have read the account while its history was still being read."""
    now = datetime.now(UTC)
    async with runtime.store.begin() as work:
        running = (await evaluations.accept(work, "acme", "ada", Product.FLOAT, None, None, now)).stored.subject.id
        claim = await claims.claim(work, EVALUATIONS, running, "run", timedelta(minutes=1), 5)
    await handle_events(event("user_new_txns_batch_completed", products=["float"]))
    async with runtime.store.begin() as work:
        assert len(await evaluations.history(work, "acme", "ada")) == 1
        assert claim is not None
        await claims.change(work, claim, state=Standing.DONE, lease_until=None)
        await work.execute(update(EventRow).values(due_at=now))
    assert handled(await handle_events(return_state=True)) == 1
    async with runtime.store.read() as work:
        history = await evaluations.history(work, "acme", "ada")
    assert [(found.subject.id == running, found.state) for found in history] == [
        (False, Standing.PENDING),
        (True, Standing.DONE),
    ]


async def test_what_is_due_is_handled_by_the_schedule(runtime: Runtime) -> None:
    """The float is told of before its evaluation has a result: it is tried again, and the run itself is fine."""
    record = await evaluated(runtime.store)
    async with runtime.store.begin() as work:
        pending = await evaluations.accept(work, "acme", "ada", Product.LOAN, None, None, datetime.now(UTC))
    early = event("user_float_created", evaluation_id=pending.stored.subject.id, float_id="flt-2")
    assert (await handle_events(early, return_state=True)).is_completed()
    assert handled(await handle_events(return_state=True)) == 0, "its first wait is five seconds"
    foreign = event("user_float_created", "evt-2", evaluation_id=record.id, float_id="flt-3")
    await handle_events({**foreign, "user_id": "bob"})
    async with runtime.store.read() as work:
        assert await evaluations.frozen(work, "acme", "flt-2") is None
        assert await evaluations.frozen(work, "acme", "flt-3") is None, "it authorised nothing for this user"


@pytest.fixture
async def client(prefect_server: None, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[PrefectClient]:
    monkeypatch.setenv("UNDERWRITING_WORK_POOL", "changed by deploy")
    async with get_client() as client:
        yield client


TYPES = ("user_float_created", "user_created", "profile_updated", "user_new_txns_batch_completed")


async def test_prefect_events_start_the_flow(client: PrefectClient) -> None:
    """prefect.yaml's triggers, on a real server: the payload arrives as the flow's parameter, structured."""
    await deploy(client, PREFECT_FILE, f"pool-{uuid4().hex[:8]}")
    details = {"evaluation_id": "evl_01KAYB2M4Z5W8Q0V6T3R9N7XJC", "float_id": "flt-1", "products": ["float"]}
    payloads = {event_type: event(event_type, uuid4().hex, **details) for event_type in TYPES}
    for event_type, payload in payloads.items():
        emit_event(f"underwriting.{event_type}", {"prefect.resource.id": "underwriting.user.ada"}, payload=payload)
    for payload in payloads.values():
        run = await triggered(client, "handle-events/handle-events", payload["id"])
        assert run.parameters == {"event": payload}


async def triggered(client: PrefectClient, name: str, event_id: str) -> FlowRun:
    """The run that was started for an event; a trigger may fire more than once."""
    deployment = await client.read_deployment_by_name(name)
    of_it = DeploymentFilter(id=DeploymentFilterId(any_=[deployment.id]))
    async with asyncio.timeout(30):
        while True:
            for run in await client.read_flow_runs(deployment_filter=of_it):
                if run.parameters.get("event", {}).get("id") == event_id:
                    return run
            await asyncio.sleep(0.1)
