"""What is owed to somebody outside: written in the deciding transaction, delivered at least once.

Of one customer the messages of one channel go out in the order in which they were written: only the oldest undelivered
one is ever due (of callbacks, the oldest to each address). One that stays refused ends DEAD, lets the later ones pass,
and waits for an operator.
"""

import random
from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cache

from pydantic_core import to_json
from sqlalchemy import Select, exists, insert, or_, select, update
from sqlalchemy.orm import aliased
from ulid import ULID

from underwriting.store import audit
from underwriting.store.columns import from_now
from underwriting.store.models import Channel, MessageRow, MessageState
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
    channel: Channel
    tenant: str
    customer_id: str
    # What it tells of.
    subject_id: str
    # Where a callback goes.
    target: str | None
    body: bytes
    attempt: int


async def enqueue(
    work: Work,
    channel: Channel,
    *,
    tenant: str,
    customer_id: str,
    subject_id: str,
    event: str,
    at: datetime,
    record: bytes,
    target: str | None = None,
) -> str:
    """Owe an event about a customer's application, evaluation or profile, due at once; returns the message's id.

    The payload is that of Standard Webhooks: type, timestamp, data. `record` is JSON, and stands in it as it is.
    `target` is where a callback goes, and nothing else has one.
    """
    if (target is not None) != (channel is Channel.CALLBACK):
        raise ValueError(f"a message has a target if it is a callback, and only then; this is for {channel}")
    message_id = f"msg_{ULID()}"
    row = {
        "id": message_id,
        "channel": channel,
        "tenant": tenant,
        "customer_id": customer_id,
        "subject_id": subject_id,
        "target": target,
        "body": envelope(event, at, record),
        "state": MessageState.PENDING,
        "due_at": from_now(),
        "created_at": from_now(),
    }
    await work.execute(insert(MessageRow).values(row))
    return message_id


def envelope(event: str, at: datetime, record: bytes) -> bytes:
    """The body of a message: the payload of Standard Webhooks around a record, which is JSON."""
    return b'{"type":%b,"timestamp":%b,"data":%b}' % (to_json(event), to_json(at), record)


async def due(
    work: Work,
    channels: Collection[Channel],
    limit: int = 50,
    lease: timedelta = timedelta(seconds=60),
    subject_id: str | None = None,
) -> list[Message]:
    """Take what is to be delivered now, for `lease`: up to `limit` of each channel, so that none starves another.

    Of each customer and channel that is the oldest undelivered message; of callbacks, the oldest to each target: an
    address that is down holds up no other. Commit before delivering. Deliverers that work at the same time take
    different messages.
    """
    taken: list[int] = []
    for channel in channels:
        ready = _ready(channel).order_by(MessageRow.due_at, MessageRow.seq).limit(limit)
        if subject_id is not None:
            ready = ready.where(MessageRow.subject_id == subject_id)
        taken += await work.scalars(ready.with_for_update(skip_locked=True))
    if not taken:
        return []
    rows = await work.scalars(
        update(MessageRow)
        .where(MessageRow.seq.in_(taken))
        .values(attempts=MessageRow.attempts + 1, lease_until=from_now(lease))
        .returning(MessageRow)
    )
    return [_message(row) for row in sorted(rows, key=lambda row: row.seq)]


@cache
def _ready(channel: Channel) -> Select[tuple[int]]:
    """Messages of a channel that nobody holds and that wait for no earlier one.

    Made once: only of a statement that it knows does SQLAlchemy have the text at hand.
    """
    earlier = aliased(MessageRow)
    waits_for_another = exists().where(
        earlier.tenant == MessageRow.tenant,
        earlier.customer_id == MessageRow.customer_id,
        earlier.channel == MessageRow.channel,
        earlier.target.is_not_distinct_from(MessageRow.target),
        earlier.state == MessageState.PENDING,
        earlier.seq < MessageRow.seq,
    )
    return select(MessageRow.seq).where(
        MessageRow.state == MessageState.PENDING,
        MessageRow.channel == channel,
        MessageRow.due_at <= from_now(),
        or_(MessageRow.lease_until.is_(None), MessageRow.lease_until < from_now()),
        ~waits_for_another,
    )


async def delivered(work: Work, *messages: Message) -> None:
    """The receivers have them: true whoever delivered them, so no lease is asked for."""
    await work.execute(
        update(MessageRow)
        .where(MessageRow.id.in_([message.id for message in messages]), MessageRow.state == MessageState.PENDING)
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
        channel=row.channel,
        tenant=row.tenant,
        customer_id=row.customer_id,
        subject_id=row.subject_id,
        target=row.target,
        body=row.body,
        attempt=row.attempts,
    )
