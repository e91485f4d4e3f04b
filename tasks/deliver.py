"""Delivering what the outbox owes: results and callbacks to partners, events to the bus, analytics to Segment."""

import asyncio
import json
import time
from collections.abc import Awaitable, Callable, Sequence
from datetime import UTC, datetime

from prefect import task
from prefect.cache_policies import NO_CACHE

from underwriting.clients.errors import SourceError
from underwriting.edges.bus import BusEvent, detail_of
from underwriting.edges.metrics import metrics
from underwriting.failpoints import failpoint
from underwriting.settings import Partner
from underwriting.store import outbox
from underwriting.store.models import Channel
from underwriting.store.outbox import Message
from underwriting.workplace import Workplace

# Messages taken at once, and seconds after which no more are: well within a message's lease and the task's time.
BATCH = 100
ENOUGH_SECONDS = 30.0


@task(cache_policy=NO_CACHE, persist_result=False, timeout_seconds=60)
async def deliver(place: Workplace, subject_id: str | None = None) -> int:
    """Deliver what is due, about one application or evaluation or about all; returns how many messages arrived.

    Whatever does not arrive stays in the outbox, which knows when to try again: this task never retries by itself.
    """
    began = time.monotonic()
    arrived = 0
    # Of a customer only the oldest message is due, so each delivery may make another one due.
    while now := await _deliver_batch(place, subject_id):
        arrived += now
        if time.monotonic() - began > ENOUGH_SECONDS:
            break
    return arrived


async def _deliver_batch(place: Workplace, subject_id: str | None) -> int:
    async with place.store.begin() as work:
        messages = await outbox.due(work, tuple(Channel), limit=BATCH, subject_id=subject_id)
    events = [message for message in messages if message.channel is Channel.EVENTS]
    others = [message for message in messages if message.channel is not Channel.EVENTS]
    arrived = await asyncio.gather(_put_events(place, events), *(_deliver_one(place, message) for message in others))
    return sum(arrived)


async def _deliver_one(place: Workplace, message: Message) -> bool:
    try:
        await _BY_CHANNEL[message.channel](place, message)
    except SourceError as error:
        return await _settle(place, message, error)
    failpoint("after-post")
    return await _settle(place, message, None)


async def _put_events(place: Workplace, messages: Sequence[Message]) -> int:
    """Put all events in as few calls as it takes. Where no bus is set nobody listens, and nothing is owed."""
    bus = place.outlets.bus
    troubles = [None] * len(messages) if bus is None else await bus.put([_bus_event(message) for message in messages])
    settled = [await _settle(place, *pair) for pair in zip(messages, troubles, strict=True)]
    return sum(settled)


async def _settle(place: Workplace, message: Message, trouble: SourceError | None) -> bool:
    """Note in the outbox what became of a delivery; whether it arrived."""
    async with place.store.begin() as work:
        if trouble is None:
            await outbox.delivered(work, message)
        else:
            await outbox.failed(work, message, str(trouble))
    metrics().message(message.channel, "failed" if trouble else "arrived")
    return trouble is None


async def _post_result(place: Workplace, message: Message) -> None:
    await place.results.post(_partner(place, message), message.id, message.body, datetime.now(UTC))


async def _call_back(place: Workplace, message: Message) -> None:
    target = message.target or ""
    await place.callbacks.post(_partner(place, message), target, message.id, message.body, datetime.now(UTC))


async def _track(place: Workplace, message: Message) -> None:
    """Tell Segment, whose events are named like "Evaluation Approved". Where no key is set nobody listens."""
    if (analytics := place.outlets.analytics) is not None:
        told = json.loads(message.body)
        event = str(told["type"]).replace(".", " ").title()
        at = datetime.fromisoformat(told["timestamp"])
        await analytics.track(message.id, message.customer_id, event, at, {"tenant": message.tenant, **told["data"]})


_BY_CHANNEL: dict[Channel, Callable[[Workplace, Message], Awaitable[None]]] = {
    Channel.RESULTS: _post_result,
    Channel.CALLBACK: _call_back,
    Channel.ANALYTICS: _track,
}


def _partner(place: Workplace, message: Message) -> Partner:
    partner = place.config.partners.get(message.tenant)
    if partner is None:
        raise SourceError("results endpoint", f"tenant {message.tenant} has none in the settings any more")
    return partner


def _bus_event(message: Message) -> BusEvent:
    told = json.loads(message.body)
    at = datetime.fromisoformat(told["timestamp"])
    return BusEvent(told["type"], at, detail_of(message.id, message.tenant, message.customer_id, told["data"]))
