"""Events are kept once before they are acknowledged, handled at least once, and never for ever."""

import asyncio
from datetime import timedelta

from sqlalchemy import text
from support.reviews import NOW, let_time_pass, rows

from underwriting.store import audit
from underwriting.store.models import QueueState
from underwriting.store.queue import inbox
from underwriting.store.queue.inbox import Event
from underwriting.store.queue.leased import JITTER
from underwriting.store.session import Store

MINUTE = timedelta(minutes=1)


async def receive(store: Store, event_id: str = "1", source: str = "sqs", tenant: str = "acme") -> bool:
    async with store.begin() as work:
        payload = f'{{"id":"{event_id}"}}'.encode()
        return await inbox.receive(work, source, event_id, "user_created", tenant, "ada", payload, NOW)


async def due(store: Store, **options: object) -> list[Event]:
    async with store.begin() as work:
        return await inbox.due(work, **options)


async def handle(store: Store, event: Event) -> None:
    async with store.begin() as work:
        await inbox.QUEUE.done(work, event.id)


async def fail(store: Store, event: Event, waits: tuple[timedelta, ...] = (MINUTE,)) -> QueueState | None:
    async with store.begin() as work:
        return await inbox.QUEUE.failed(work, event.id, event.attempt, "user service: 503", waits)


async def test_an_event_is_handed_out_as_it_came_and_then_done_with(store: Store) -> None:
    assert await receive(store)
    (event,) = await due(store)
    assert (event.source, event.event_id, event.type, event.tenant, event.user_id, event.attempt) == (
        "sqs",
        "1",
        "user_created",
        "acme",
        "ada",
        1,
    )
    assert (event.payload, event.occurred_at) == (b'{"id":"1"}', NOW)
    assert await due(store) == []
    await handle(store, event)
    await let_time_pass(store, "inbox", "lease_until", MINUTE)
    assert await due(store) == []


async def test_twenty_deliveries_at_once_keep_one(store: Store) -> None:
    kept = await asyncio.gather(*(receive(store) for _ in range(20)))
    assert kept.count(True) == 1
    assert await rows(store, "inbox") == 1


async def test_an_event_that_was_handled_is_not_kept_again(store: Store) -> None:
    await receive(store)
    (event,) = await due(store)
    await handle(store, event)
    assert not await receive(store)
    assert await due(store) == []


async def test_the_same_id_of_another_source_or_tenant_is_another_event(store: Store) -> None:
    assert await receive(store)
    assert await receive(store, source="http")
    assert await receive(store, tenant="globex")


async def test_an_event_whose_consumer_died_comes_again(store: Store) -> None:
    await receive(store)
    (first,) = await due(store, lease=MINUTE)
    await let_time_pass(store, "inbox", "lease_until", MINUTE)
    (second,) = await due(store)
    assert (second.id, second.attempt) == (first.id, 2)
    assert await fail(store, first) is None, "its late word must not disturb the second consumer"
    await handle(store, first)
    await let_time_pass(store, "inbox", "lease_until", MINUTE)
    assert await due(store) == []


async def test_a_failure_is_tried_again_and_then_waits_for_a_person(store: Store) -> None:
    await receive(store)
    (event,) = await due(store)
    assert await fail(store, event) is QueueState.PENDING
    assert await due(store) == []
    await let_time_pass(store, "inbox", "due_at", MINUTE * (1 + JITTER))
    (event,) = await due(store)
    assert await fail(store, event) is QueueState.DEAD
    async with store.begin() as work:
        (dead,) = await inbox.QUEUE.dead(work)
        assert (dead.id, dead.trouble) == (event.id, "user service: 503")
        assert await inbox.QUEUE.redrive(work, [event.id, "evt_of_nobody"], by="olga") == [event.id]
    (again,) = await due(store)
    assert (again.id, again.attempt, again.payload) == (event.id, 1, event.payload)
    async with store.read() as work:
        assert [(entry.action, entry.actor) for entry in await audit.entries(work, event.id)] == [
            ("event.died", "system"),
            ("event.redriven", "olga"),
        ]


async def test_poison_does_not_hold_up_the_others(store: Store) -> None:
    for number in range(3):
        await receive(store, str(number))
    events = await due(store)
    assert [event.event_id for event in events] == ["0", "1", "2"]
    assert await fail(store, events[0], waits=()) is QueueState.DEAD
    for event in events[1:]:
        await handle(store, event)
    async with store.read() as work:
        assert [event.event_id for event in await inbox.QUEUE.dead(work)] == ["0"]


async def test_consumers_at_once_take_different_events(store: Store) -> None:
    for number in range(30):
        await receive(store, str(number))
    taken = await asyncio.gather(*(due(store, limit=10) for _ in range(6)))
    ids = [event.id for events in taken for event in events]
    assert len(ids) == len(set(ids)) == 30


async def test_one_event_can_be_asked_for(store: Store) -> None:
    for number in range(3):
        await receive(store, str(number))
    wanted = (await due(store))[1]
    await let_time_pass(store, "inbox", "lease_until", MINUTE)
    assert [event.id for event in await due(store, inbox_id=wanted.id)] == [wanted.id]


async def test_a_payload_moved_to_another_event_does_not_open(store: Store) -> None:
    for number in range(2):
        await receive(store, str(number))
    async with store.begin() as work:
        swapped = "UPDATE inbox SET payload = (SELECT payload FROM inbox WHERE event_id = '0') WHERE event_id = '1'"
        await work.execute(text(swapped))
    assert [event.event_id for event in await due(store)] == ["0"], "the other one holds up nobody"
    async with store.read() as work:
        (moved,) = [row for row in await inbox.QUEUE.pending(work) if row.event_id == "1"]
    why = "was changed or moved, or key 'k1' is another one now"
    assert moved.trouble == f"inbox.payload of row ('{moved.id}',) {why}"
