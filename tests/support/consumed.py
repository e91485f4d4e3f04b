"""Events through SQS to a consumer in a process of its own, and who has a profile because of them."""

import asyncio
import json

from sqlalchemy import select
from support.aws import Queues

from underwriting.local import Child
from underwriting.store.models import EventRow, ProfileRow, QueueState
from underwriting.store.session import Store


def created(number: int) -> str:
    """An event that a user was created."""
    told = {"source": "user.service", "id": f"evt-{number}", "type": "user_created", "tenant": "acme"}
    return json.dumps({**told, "user_id": f"user-{number}", "at": "2026-03-02T09:30:00Z"})


async def met(store: Store) -> list[str]:
    """The users who have a profile by now, and whose events are handled."""
    async with store.read() as work:
        handled = await work.scalars(select(EventRow.user_id).where(EventRow.state == QueueState.DONE))
        users = set(handled) & set(await work.scalars(select(ProfileRow.user_id)))
    return sorted(users)


async def until_quiet(child: Child, store: Store, queues: Queues, users: list[str], dead: int) -> None:
    """Until all these users are met, the queue is empty, and so many messages are given up."""
    async with asyncio.timeout(100):
        while await met(store) != users or queues.waiting(queues.url) > 0 or queues.waiting(queues.dead_url) < dead:
            assert child.running, child.log_tail()
            await asyncio.sleep(0.1)
