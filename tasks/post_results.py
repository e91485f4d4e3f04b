"""Delivering what the outbox owes to partners."""

import asyncio
from datetime import UTC, datetime

from prefect import task
from prefect.cache_policies import NO_CACHE

from underwriting.clients.errors import SourceError
from underwriting.failpoints import failpoint
from underwriting.store import outbox
from underwriting.store.outbox import Message
from underwriting.workplace import Workplace


@task(cache_policy=NO_CACHE, persist_result=False, timeout_seconds=60)
async def post_results(place: Workplace, application_id: str | None = None) -> int:
    """Post what is due, of one application or of all, each signed; returns how many arrived.

    Whatever does not arrive stays in the outbox, which knows when to try again: this task never retries by itself.
    """
    async with place.store.begin() as work:
        messages = await outbox.due(work, application_id=application_id)
    arrived = await asyncio.gather(*(_deliver(place, message) for message in messages))
    return sum(arrived)


async def _deliver(place: Workplace, message: Message) -> bool:
    partner = place.config.partners.get(message.tenant)
    try:
        if partner is None:
            raise SourceError("results endpoint", f"tenant {message.tenant} has none in the settings any more")
        await place.results.post(partner, message.id, message.body, datetime.now(UTC))
    except SourceError as error:
        async with place.store.begin() as work:
            await outbox.failed(work, message, str(error))
        return False
    failpoint("after-post")
    async with place.store.begin() as work:
        await outbox.delivered(work, message)
    return True
