"""Delivers the outbox: results and callbacks to partners, events to the bus, analytics to Segment."""

import asyncio
import json
import time
from collections.abc import Awaitable, Callable, Sequence
from datetime import UTC, datetime

from prefect import task
from prefect.cache_policies import NO_CACHE

from underwriting.integrations.bus import BusEvent, detail_of
from underwriting.integrations.errors import SourceError
from underwriting.integrations.metrics import metrics
from underwriting.process.failpoints import failpoint
from underwriting.runtime import Runtime
from underwriting.settings import Partner
from underwriting.store.models import Channel
from underwriting.store.queue import outbox
from underwriting.store.queue.outbox import Message

# Messages taken at once, and seconds after which no more are taken: well within the lease and the task's timeout.
BATCH = 100
ENOUGH_SECONDS = 30.0


@task(cache_policy=NO_CACHE, persist_result=False, timeout_seconds=60)
async def deliver(runtime: Runtime, subject_id: str | None = None) -> int:
    """Deliver what is due, about one application or evaluation or about all; returns how many messages arrived.

    A message that does not arrive stays in the outbox, which schedules the next attempt: this task is not retried.
    """
    began = time.monotonic()
    arrived = 0
    # Only the oldest message of a customer is due, so each delivery may make another one due.
    while now := await _deliver_batch(runtime, subject_id):
        arrived += now
        if time.monotonic() - began > ENOUGH_SECONDS:
            break
    return arrived


async def _deliver_batch(runtime: Runtime, subject_id: str | None) -> int:
    async with runtime.store.begin() as work:
        messages = await outbox.due(work, tuple(Channel), limit=BATCH, subject_id=subject_id)
    events = [message for message in messages if message.channel is Channel.EVENTS]
    others = [message for message in messages if message.channel is not Channel.EVENTS]
    arrived = await asyncio.gather(
        _put_events(runtime, events), *(_deliver_one(runtime, message) for message in others)
    )
    return sum(arrived)


async def _deliver_one(runtime: Runtime, message: Message) -> bool:
    try:
        await _BY_CHANNEL[message.channel](runtime, message)
    except SourceError as error:
        return await _record(runtime, message, error)
    failpoint("after-post")
    return await _record(runtime, message, None)


async def _put_events(runtime: Runtime, messages: Sequence[Message]) -> int:
    """Put all events in as few calls as possible. Without a bus they count as delivered."""
    bus = runtime.outlets.bus
    troubles = [None] * len(messages) if bus is None else await bus.put([_bus_event(message) for message in messages])
    arrived = [await _record(runtime, *pair) for pair in zip(messages, troubles, strict=True)]
    return sum(arrived)


async def _record(runtime: Runtime, message: Message, trouble: SourceError | None) -> bool:
    """Record the result of a delivery in the outbox; returns whether it arrived."""
    async with runtime.store.begin() as work:
        if trouble is None:
            await outbox.QUEUE.done(work, message.id)
        else:
            await outbox.QUEUE.failed(work, message.id, message.attempt, str(trouble))
    metrics().message(message.channel, "failed" if trouble else "arrived")
    return trouble is None


async def _post_result(runtime: Runtime, message: Message) -> None:
    await runtime.results.post(_partner(runtime, message), message.id, message.body, datetime.now(UTC))


async def _call_back(runtime: Runtime, message: Message) -> None:
    target = message.target or ""
    await runtime.callbacks.post(_partner(runtime, message), target, message.id, message.body, datetime.now(UTC))


async def _track(runtime: Runtime, message: Message) -> None:
    """Send it to Segment, with a name like "Evaluation Approved". Without a key it counts as delivered."""
    if (analytics := runtime.outlets.analytics) is not None:
        body = json.loads(message.body)
        event = str(body["type"]).replace(".", " ").title()
        at = datetime.fromisoformat(body["timestamp"])
        await analytics.track(message.id, message.customer_id, event, at, {"tenant": message.tenant, **body["data"]})


_BY_CHANNEL: dict[Channel, Callable[[Runtime, Message], Awaitable[None]]] = {
    Channel.RESULTS: _post_result,
    Channel.CALLBACK: _call_back,
    Channel.ANALYTICS: _track,
}


def _partner(runtime: Runtime, message: Message) -> Partner:
    partner = runtime.config.partners.get(message.tenant)
    if partner is None:
        raise SourceError("results endpoint", f"tenant {message.tenant} has none in the settings any more")
    return partner


def _bus_event(message: Message) -> BusEvent:
    body = json.loads(message.body)
    at = datetime.fromisoformat(body["timestamp"])
    return BusEvent(body["type"], at, detail_of(message.id, message.tenant, message.customer_id, body["data"]))
