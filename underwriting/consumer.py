"""Takes events off the SQS queue and handles them: `underwriting consume`, or `python -m underwriting.consumer`.

Two loops beside each other. One takes messages into the inbox and deletes them; the other handles what is due there,
at once when something came, and every so often what has to be tried again.
"""

import asyncio
import logging
from collections.abc import Sequence
from contextlib import suppress
from typing import NoReturn

from tasks.handling import handle_due, receive
from underwriting.domain.events import Event
from underwriting.integrations.aws import Aws
from underwriting.integrations.errors import SourceError, SourceOutage
from underwriting.integrations.metrics import metrics
from underwriting.integrations.queue import Consumer, EventQueue
from underwriting.integrations.tracing import traced
from underwriting.process.signals import ending_on_signals
from underwriting.runtime import Runtime, open_runtime
from underwriting.settings import Settings, settings
from underwriting.store.errors import StoreError, StoreUnreachable

log = logging.getLogger(__name__)

# Seconds after which the inbox is looked at although nothing came: the first wait of an event that failed.
LOOK_SECONDS = 5.0


async def consume(config: Settings) -> None:
    """Consume until asked to end; QueueUnsafe or SourceError where the queue is not fit for use."""
    traced(config, "underwriting-consumer")
    async with open_runtime(config) as runtime, Aws.of(config) as aws:
        queue = EventQueue(aws, config.events_queue_url)
        terms = await queue.checked()
        came = asyncio.Event()

        async def take(events: Sequence[Event]) -> list[bool]:
            stored = await store_events(runtime, events)
            came.set()
            return stored

        async with asyncio.TaskGroup() as both:
            both.create_task(Consumer(queue, terms, take).run())
            both.create_task(_handle(runtime, queue, came))


async def store_events(runtime: Runtime, events: Sequence[Event]) -> list[bool]:
    """Keep events in the inbox, in one transaction or, where one of them stands in the way, each in its own.

    Which of them are kept; SourceOutage where the store is away.
    """
    try:
        await receive(runtime, events)
    except StoreUnreachable as error:
        raise SourceOutage("store", str(error)) from None
    except StoreError as error:
        if len(events) == 1:
            log.warning("event %s of %s stays in the queue: %s", events[0].id, events[0].source, error)
            return [False]
        return [stored for event in events for stored in await store_events(runtime, [event])]
    return [True] * len(events)


async def _handle(runtime: Runtime, queue: EventQueue, came: asyncio.Event) -> NoReturn:
    while True:
        came.clear()
        try:
            await handle_due(runtime)
            if metrics().on:
                metrics().depth("events", await queue.depth())
        except (StoreUnreachable, SourceError) as error:
            log.warning("events wait: %s", error)
        with suppress(TimeoutError):
            await asyncio.wait_for(came.wait(), LOOK_SECONDS)


def main() -> None:
    """Consume with the settings of the environment, until SIGTERM."""

    async def run() -> None:
        with ending_on_signals():
            await consume(settings())

    asyncio.run(run())


if __name__ == "__main__":
    main()
