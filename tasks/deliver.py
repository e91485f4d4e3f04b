"""Delivers the outbox: results and callbacks to partners, events to the bus, analytics to Segment."""

import asyncio
import json
import logging
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Sequence
from datetime import UTC, datetime

from tasks.run_log import run_log
from underwriting.integrations.bus import BusEvent, detail_of
from underwriting.integrations.errors import SourceError
from underwriting.process.failpoints import failpoint
from underwriting.process.logs import log_about
from underwriting.process.metrics import metrics
from underwriting.runtime import Runtime
from underwriting.settings import Partner
from underwriting.store.errors import StoreUnreachable
from underwriting.store.models import Channel, QueueState
from underwriting.store.queue import outbox
from underwriting.store.queue.outbox import Message

log = logging.getLogger(__name__)

# Messages taken at once, and seconds after which no more are taken: well within the lease.
BATCH = 100
ENOUGH_SECONDS = 30.0


# Outcomes of deliveries, as metrics and runs name them. A dead message waits for an operator.
ARRIVED, FAILED, DEAD = "arrived", "failed", "dead"


async def deliver(runtime: Runtime, subject_id: str | None = None) -> Counter[str]:
    """Deliver what is due, about one application or evaluation or about all; returns the number of each outcome.

    A message that does not arrive stays in the outbox, which schedules the next attempt.
    """
    began = time.monotonic()
    outcomes: Counter[str] = Counter()
    while True:
        now = await _deliver_batch(runtime, subject_id)
        outcomes += now
        # Only the oldest message of a customer is due, so each delivery may make another one due.
        if not now[ARRIVED] or time.monotonic() - began > ENOUGH_SECONDS:
            return outcomes


async def try_deliver(runtime: Runtime, subject_id: str) -> None:
    """Deliver at once what a stored decision sends. Without the database it is left to the housekeeping."""
    try:
        await deliver(runtime, subject_id)
    except StoreUnreachable as error:
        run_log().warning("messages of %s are not delivered yet, the housekeeping goes on: %s", subject_id, error)


async def _deliver_batch(runtime: Runtime, subject_id: str | None) -> Counter[str]:
    async with runtime.store.begin() as work:
        messages = await outbox.due(work, tuple(Channel), limit=BATCH, subject_id=subject_id)
    events = [message for message in messages if message.channel is Channel.EVENTS]
    others = [message for message in messages if message.channel is not Channel.EVENTS]
    put, *delivered = await asyncio.gather(
        _put_events(runtime, events), *(_deliver_one(runtime, message) for message in others)
    )
    return Counter([*put, *(outcome for outcomes in delivered for outcome in outcomes)])


async def _deliver_one(runtime: Runtime, message: Message) -> list[str]:
    with log_about(message_id=message.id, subject_id=message.subject_id, tenant=message.tenant):
        return [await _delivered(runtime, message)]


async def _delivered(runtime: Runtime, message: Message) -> str:
    try:
        await _BY_CHANNEL[message.channel](runtime, message)
    except SourceError as error:
        return await _record(runtime, message, error)
    # A message that cannot even be written, such as one to sign with a damaged secret, fails alone.
    except Exception:
        log.exception("message %s cannot be written", message.id)
        return await _record(runtime, message, _unwritable(message))
    failpoint("after-post")
    return await _record(runtime, message, None)


async def _put_events(runtime: Runtime, messages: Sequence[Message]) -> list[str]:
    """Put all events in as few calls as possible. Without a bus they count as delivered."""
    events: dict[str, BusEvent] = {}
    troubles: dict[str, SourceError | None] = {}
    if (bus := runtime.outlets.bus) is not None:
        for message in messages:
            try:
                events[message.id] = _bus_event(message)
            # One whose stored body was damaged fails alone.
            except (ValueError, LookupError):
                log.exception("message %s cannot be written", message.id)
                troubles[message.id] = _unwritable(message)
        troubles |= zip(events, await bus.put(list(events.values())), strict=True)
    return [await _record(runtime, message, troubles.get(message.id)) for message in messages]


def _unwritable(message: Message) -> SourceError:
    return SourceError(message.channel, "the message cannot be written; the log of whoever delivers has the error")


async def _record(runtime: Runtime, message: Message, trouble: SourceError | None) -> str:
    """Record the result of a delivery in the outbox, in the log and as a metric; returns the outcome."""
    state: QueueState | None = QueueState.DONE
    async with runtime.store.begin() as work:
        if trouble is None:
            await outbox.QUEUE.done(work, message.id)
        else:
            state = await outbox.QUEUE.failed(work, message.id, message.attempt, str(trouble))
    outcome = ARRIVED if trouble is None else DEAD if state is QueueState.DEAD else FAILED
    if trouble is not None:
        what = f"{message.id} of {message.tenant} did not arrive by {message.channel} at attempt {message.attempt}"
        then = "it is dead: underwriting outbox dead" if outcome == DEAD else "it is tried again"
        run_log().warning("%s: %s; %s", what, trouble, then)
    metrics().message(message.channel, outcome)
    return outcome


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
