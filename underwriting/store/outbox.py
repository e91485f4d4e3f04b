"""What is owed to somebody outside: written in the deciding transaction, delivered at least once.

A customer's messages go out in the order in which they were written: only the oldest undelivered one is ever due.
One that stays refused ends DEAD, lets the later ones pass, and waits for an operator.
"""

import random
from dataclasses import dataclass
from datetime import datetime, timedelta

from pydantic_core import to_json
from sqlalchemy import exists, insert, or_, select, update
from sqlalchemy.orm import aliased
from ulid import ULID

from underwriting.domain.application import Application
from underwriting.store import audit
from underwriting.store.columns import from_now
from underwriting.store.models import MessageRow, MessageState
from underwriting.store.session import Work

# Between one try and the next; the schedule that users of Standard Webhooks know. Then the message is dead.
WAITS = (
    timedelta(seconds=5),
    timedelta(minutes=5),
    timedelta(minutes=30),
    timedelta(hours=2),
    timedelta(hours=5),
    timedelta(hours=10),
    timedelta(hours=10),
)
# Every wait is stretched by up to this share at random, so that messages refused together do not return together.
JITTER = 0.5
_random = random.SystemRandom()


@dataclass(frozen=True)
class Message:
    """One delivery of one message. `id` is the same at every delivery, `attempt` is not."""

    id: str
    tenant: str
    customer_id: str
    application_id: str
    body: bytes
    attempt: int


async def enqueue(work: Work, application: Application, event: str, at: datetime, record: bytes) -> str:
    """Owe the application's tenant an event about it, due at once; returns the message's id.

    The payload is that of Standard Webhooks: type, timestamp, data. `record` is JSON, and stands in it as it is.
    """
    message_id = f"msg_{ULID()}"
    row = {
        "id": message_id,
        "tenant": application.tenant,
        "customer_id": application.customer_id,
        "application_id": application.id,
        "body": b'{"type":%b,"timestamp":%b,"data":%b}' % (to_json(event), to_json(at), record),
        "state": MessageState.PENDING,
        "due_at": from_now(),
        "created_at": from_now(),
    }
    await work.execute(insert(MessageRow).values(row))
    return message_id


async def due(
    work: Work, limit: int = 50, lease: timedelta = timedelta(seconds=60), application_id: str | None = None
) -> list[Message]:
    """Take what is to be delivered now, for `lease`: of each customer the oldest undelivered message, or nothing.

    Commit before delivering. Deliverers that work at the same time take different messages.
    """
    earlier = aliased(MessageRow)
    waits_for_another = exists().where(
        earlier.tenant == MessageRow.tenant,
        earlier.customer_id == MessageRow.customer_id,
        earlier.state == MessageState.PENDING,
        earlier.seq < MessageRow.seq,
    )
    ready = (
        select(MessageRow.seq)
        .where(
            MessageRow.state == MessageState.PENDING,
            MessageRow.due_at <= from_now(),
            or_(MessageRow.lease_until.is_(None), MessageRow.lease_until < from_now()),
            ~waits_for_another,
        )
        .order_by(MessageRow.due_at, MessageRow.seq)
        .limit(limit)
        .with_for_update(skip_locked=True)
    )
    if application_id is not None:
        ready = ready.where(MessageRow.application_id == application_id)
    taken = list(await work.scalars(ready))
    rows = await work.scalars(
        update(MessageRow)
        .where(MessageRow.seq.in_(taken))
        .values(attempts=MessageRow.attempts + 1, lease_until=from_now(lease))
        .returning(MessageRow)
    )
    return [_message(row) for row in sorted(rows, key=lambda row: row.seq)]


async def delivered(work: Work, message: Message) -> None:
    """The receiver has it: true whoever delivered it, so no lease is asked for."""
    await work.execute(
        update(MessageRow)
        .where(MessageRow.id == message.id, MessageRow.state == MessageState.PENDING)
        .values(state=MessageState.DELIVERED, delivered_at=from_now(), lease_until=None, trouble=None)
    )


async def failed(work: Work, message: Message, why: str, waits: tuple[timedelta, ...] = WAITS) -> MessageState | None:
    """Try again later, or bury it after the last wait; None where another deliverer took it over meanwhile."""
    spent = message.attempt > len(waits)
    wait = timedelta() if spent else waits[message.attempt - 1] * (1 + JITTER * _random.random())
    state = await work.scalar(
        update(MessageRow)
        .where(
            MessageRow.id == message.id,
            MessageRow.state == MessageState.PENDING,
            MessageRow.attempts == message.attempt,
        )
        .values(
            state=MessageState.DEAD if spent else MessageState.PENDING,
            due_at=from_now(wait),
            lease_until=None,
            trouble=why,
        )
        .returning(MessageRow.state)
    )
    if state is MessageState.DEAD:
        await audit.append(work, "message.died", message.id, "system", attempts=message.attempt)
    return state


async def dead(work: Work, limit: int = 100) -> list[MessageRow]:
    """Messages that wait for an operator, oldest first."""
    query = select(MessageRow).where(MessageRow.state == MessageState.DEAD).order_by(MessageRow.seq).limit(limit)
    return list(await work.scalars(query))


async def redrive(work: Work, ids: list[str], by: str) -> list[str]:
    """Give dead messages all their tries back, due at once; returns the ids that were dead."""
    revived = await work.scalars(
        update(MessageRow)
        .where(MessageRow.id.in_(ids), MessageRow.state == MessageState.DEAD)
        .values(state=MessageState.PENDING, attempts=0, due_at=from_now(), trouble=None)
        .returning(MessageRow.id)
    )
    ids = sorted(revived)
    for message_id in ids:
        await audit.append(work, "message.redriven", message_id, by)
    return ids


def _message(row: MessageRow) -> Message:
    return Message(
        id=row.id,
        tenant=row.tenant,
        customer_id=row.customer_id,
        application_id=row.application_id,
        body=row.body,
        attempt=row.attempts,
    )
