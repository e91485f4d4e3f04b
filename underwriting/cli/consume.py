"""`underwriting consume`: events off the SQS queue."""

import asyncio

from underwriting.cli.errors import refuse, refusing
from underwriting.cli.store import store_settings
from underwriting.consumer import consume as consume_queue
from underwriting.dispatch import NoPrefect, require_prefect
from underwriting.integrations.errors import SourceError
from underwriting.integrations.queue import QueueUnsafe
from underwriting.process.logs import write_logs
from underwriting.process.signals import ending_on_signals
from underwriting.settings import settings
from underwriting.store.errors import StoreError


def consume() -> None:
    """Take events off the queue of UNDERWRITING_EVENTS_QUEUE_URL and handle them, until Ctrl-C or SIGTERM."""
    if not settings().events_queue_url:
        refuse("no queue to consume; set UNDERWRITING_EVENTS_QUEUE_URL")

    async def run() -> None:
        with ending_on_signals():
            await consume_queue(store_settings())

    write_logs()
    with refusing(NoPrefect, QueueUnsafe, SourceError, StoreError):
        require_prefect()
        asyncio.run(run())
