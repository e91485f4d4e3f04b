"""Takes events off the SQS queue and handles them: `underwriting consume`, or `python -m underwriting.consumer`.

Two loops run at the same time. One stores messages in the inbox and deletes them from the queue. The other handles
what is due in the inbox: at once when something arrived, and every few seconds for retries. The housekeeping handles
events, too, since they also arrive over HTTP and from Prefect; but a burst in the queue is handled by as many processes
as there are consumers. Each event is leased, so that one process handles it.
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
from underwriting.integrations.queue import Consumer, EventQueue
from underwriting.integrations.tracing import traced
from underwriting.process.health import Health, NotReady, answering_health
from underwriting.process.logs import in_a_line, write_logs
from underwriting.process.metrics import metrics
from underwriting.process.signals import ending_on_signals
from underwriting.runtime import Runtime, check_runtime, open_runtime
from underwriting.settings import Settings, settings
from underwriting.store.errors import StoreError, StoreUnreachable

# Not `__name__`, which is `__main__` where the module is run.
log = logging.getLogger("underwriting.consumer")

# Seconds until the inbox is checked even if nothing arrived: the first wait before a retry.
LOOK_SECONDS = 5.0


async def consume(config: Settings) -> None:
    """Consume until a signal ends it; QueueUnsafe or SourceError if the queue is not fit for use."""
    traced(config, "underwriting-consumer")
    async with open_runtime(config) as runtime, Aws.of(config) as aws:
        queue = EventQueue(aws, config.events_queue_url)
        attributes = await queue.checked()
        arrived = asyncio.Event()

        async def take(events: Sequence[Event]) -> list[bool]:
            stored = await store_events(runtime, events)
            arrived.set()
            return stored

        consumer = Consumer(queue, attributes, take)

        async def ready() -> None:
            await check_runtime()
            if consumer.pause:
                raise NotReady("the queue or the store did not answer the last time")

        with answering_health(config, Health.of_this_loop(ready)):
            log.info("consuming %s", config.events_queue_url)
            async with asyncio.TaskGroup() as both:
                both.create_task(consumer.run())
                both.create_task(_handle(runtime, queue, arrived))


async def store_events(runtime: Runtime, events: Sequence[Event]) -> list[bool]:
    """Keep events in the inbox, in one transaction or, if one of them is refused, each in its own.

    Returns which of them are kept; SourceOutage if the store is away.
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


async def _handle(runtime: Runtime, queue: EventQueue, arrived: asyncio.Event) -> NoReturn:
    while True:
        arrived.clear()
        try:
            await handle_due(runtime)
            if metrics().on:
                metrics().depth("events", await queue.depth())
        except (StoreUnreachable, SourceError) as error:
            log.warning("stored events wait, and are handled when this is over: %s", in_a_line(error))
        with suppress(TimeoutError):
            await asyncio.wait_for(arrived.wait(), LOOK_SECONDS)


def main() -> None:
    """Consume with the settings of the environment, until SIGTERM."""

    async def run() -> None:
        with ending_on_signals():
            await consume(settings())

    write_logs()
    asyncio.run(run())


if __name__ == "__main__":
    main()
