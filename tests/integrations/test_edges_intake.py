"""Hundreds of events through SQS: duplicated, shuffled, some of them poison. Nothing lost, nothing twice.

`make soak-events` is the same with thousands.
"""

import asyncio
import json
import os
import random
import time
from typing import Any

import httpx
import pytest
from sqlalchemy import func, select
from support.aws import Queues
from support.evaluated import evaluated
from support.reviews import rows

from tasks import handling
from underwriting.consumer import consume, store_events
from underwriting.domain.application import Product
from underwriting.domain.events import Event
from underwriting.local import free_port
from underwriting.runtime import Runtime
from underwriting.store import evaluations
from underwriting.store.models import EventRow, QueueState
from underwriting.store.queue import inbox

EVENTS = int(os.environ.get("EVENTS", "400"))
POISON, DUPLICATES, FLOATS = EVENTS // 100, EVENTS // 10, EVENTS // 30


def told(number: int, event_type: str, user: str, **payload: Any) -> str:
    """An event as an EventBridge rule delivers it."""
    detail = {"event_id": f"evt-{number}", "tenant": "acme", "user_id": user, **payload}
    envelope = {"id": f"put-{number}", "detail-type": event_type, "source": "float.service", "detail": detail}
    return json.dumps({**envelope, "time": "2026-03-02T09:30:00Z"})


async def traffic(runtime: Runtime) -> list[str]:
    """Every kind of event about some users, with duplicates and poison, in any order."""
    evaluation = (await evaluated(runtime.store)).id
    bodies = [
        told(number, "user_float_created", "ada", evaluation_id=evaluation, float_id=f"flt-{number}")
        for number in range(FLOATS)
    ]
    kinds = ("user_created", "profile_updated", *["rulebook_published"] * 8)
    good = EVENTS - POISON
    bodies += [told(number, kinds[number % len(kinds)], f"user-{number % 70}") for number in range(FLOATS, good)]
    chance = random.Random(7)
    bodies += chance.sample(bodies, DUPLICATES)
    bodies += [told(good + number, "user_deleted", "ada") for number in range(POISON // 2)] + ["poison"] * (POISON // 2)
    chance.shuffle(bodies)
    return bodies


def produce(queues: Queues, bodies: list[str], end: float) -> None:
    """Send, ten at a time, no faster than they are taken: moto's calls slow down with the number that waits."""
    for start in range(0, len(bodies), 10):
        while start % 100 == 0 and queues.waiting(queues.url) > 100 and time.monotonic() < end:
            time.sleep(0.3)
        queues.send(*bodies[start : start + 10])


async def handled(runtime: Runtime) -> int:
    async with runtime.store.read() as work:
        done = select(func.count()).select_from(EventRow).where(EventRow.state == QueueState.DONE)
        return int(await work.scalar(done) or 0)


@pytest.mark.timeout(300 + EVENTS)
async def test_all_but_the_poison_are_handled_once(runtime: Runtime, queues: Queues) -> None:
    bodies = await traffic(runtime)
    consuming = asyncio.create_task(consume(runtime.config))
    await asyncio.to_thread(produce, queues, bodies, time.monotonic() + 120 + EVENTS / 5)
    async with asyncio.timeout(120):
        while await handled(runtime) < EVENTS - POISON or queues.waiting(queues.dead_url) < POISON:
            assert not consuming.done(), consuming.exception()
            await asyncio.sleep(0.5)
    consuming.cancel()
    with pytest.raises(asyncio.CancelledError):
        await consuming
    assert await handled(runtime) == await rows(runtime.store, "inbox") == EVENTS - POISON
    assert (queues.waiting(queues.url), queues.waiting(queues.dead_url)) == (0, POISON)
    async with runtime.store.read() as work:
        rank = await evaluations.float_rank(work, "acme", "ada", Product.FLOAT)
    assert rank is not None
    assert rank.floats_taken == FLOATS


def event(number: int, source: str = "float.service") -> Event:
    told = {"source": source, "id": f"evt-{number}", "type": "user_created", "tenant": "acme", "user_id": "ada"}
    return Event.model_validate({**told, "at": "2026-03-02T09:30:00Z"})


async def test_one_event_that_the_store_refuses_holds_up_no_other(runtime: Runtime) -> None:
    """A lone surrogate is no text for a database; everything that checks events refuses it, so it is smuggled in."""
    refused = event(2).model_copy(update={"tenant": "ac\x00me"})
    assert await store_events(runtime, [event(1), refused, event(3)]) == [True, False, True]
    assert await rows(runtime.store, "inbox") == 2


async def test_what_we_told_ourselves_is_no_news(runtime: Runtime) -> None:
    assert await store_events(runtime, [event(1, source=runtime.config.event_source)]) == [True]
    assert await rows(runtime.store, "inbox") == 0


async def test_an_event_that_cannot_be_handled_is_redriven(runtime: Runtime) -> None:
    """A float of an evaluation that nobody knows: tried again and again, then dead, then redriven once it is known."""
    unknown = json.loads(told(1, "user_float_created", "ada"))["detail"] | {"float_id": "flt-1"}
    payload = {"evaluation_id": "evl_01KAYB2M4Z5W8Q0V6T3R9N7XJC", "float_id": unknown["float_id"]}
    created = event(1).model_copy(update={"type": "user_float_created", "payload": payload})
    assert await handling.receive(runtime, [created]) == 1
    assert (await handling.handle_due(runtime))["handled"] == 0
    async with runtime.store.read() as work:
        row = (await work.scalars(select(EventRow))).one()
    assert (row.state, row.attempts) == (QueueState.PENDING, 1)
    assert row.trouble == "there is no evaluation evl_01KAYB2M4Z5W8Q0V6T3R9N7XJC"
    async with runtime.store.begin() as work:
        (due,) = await _again(work, row.id)
        await inbox.QUEUE.failed(work, due.id, due.attempt, row.trouble, waits=())
        assert [found.id for found in await inbox.QUEUE.dead(work)] == [row.id]
        assert await inbox.QUEUE.redrive(work, [row.id], "olga") == [row.id]
    assert (await handling.handle_due(runtime))["handled"] == 0


async def _again(work: Any, inbox_id: str) -> list[inbox.Event]:
    row = await work.get_one(EventRow, inbox_id)
    await work.execute(EventRow.__table__.update().values(due_at=row.received_at))
    return await inbox.due(work, inbox_id=inbox_id)


async def test_a_consumer_is_ready_while_its_queue_answers(runtime: Runtime, queues: Queues) -> None:
    port = free_port()
    consuming = asyncio.create_task(consume(runtime.config.model_copy(update={"health_port": port})))
    async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}") as client:

        async def status(path: str) -> int:
            try:
                return (await client.get(path)).status_code
            except httpx.ConnectError:
                return 0

        async with asyncio.timeout(60):
            while await status("/ready") != 200:
                await asyncio.sleep(0.05)
            assert await status("/live") == 200
            queues.sqs.delete_queue(QueueUrl=queues.url)
            while await status("/ready") != 503:
                await asyncio.sleep(0.05)
            assert await status("/live") == 200
    consuming.cancel()
    with pytest.raises(asyncio.CancelledError):
        await consuming
