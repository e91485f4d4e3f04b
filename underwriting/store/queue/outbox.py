"""Messages to send: written in the transaction that decides, and delivered at least once.

The messages of one customer and channel are delivered in the order in which they were written: only the oldest
undelivered one is due (of callbacks, the oldest to each address). A message that is refused at every attempt ends as
DEAD and waits for an operator; the later ones follow.
"""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cache

from pydantic_core import to_json
from sqlalchemy import Select, exists, insert, select
from sqlalchemy.orm import aliased
from ulid import ULID

from underwriting.settings import Settings
from underwriting.store.columns import from_now
from underwriting.store.models import Channel, MessageRow, QueueState
from underwriting.store.queue.leased import LEASE, Queue
from underwriting.store.session import Work

# Waits between attempts, as Standard Webhooks recommends. After the last one the message is dead.
WAITS = (
    timedelta(seconds=5),
    timedelta(minutes=5),
    timedelta(minutes=30),
    timedelta(hours=2),
    timedelta(hours=5),
    timedelta(hours=10),
    timedelta(hours=10),
)
QUEUE: Queue[MessageRow] = Queue("message", MessageRow, MessageRow.seq, WAITS)


@dataclass(frozen=True)
class Message:
    """One delivery of one message. `id` is the same at every delivery, `attempt` is not."""

    id: str
    channel: Channel
    tenant: str
    customer_id: str
    # What it is about.
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
    """Store an event about a customer's application, evaluation or profile to be sent at once; returns its id.

    The payload is that of Standard Webhooks: type, timestamp, data. `record` is JSON and is inserted unchanged.
    `target` is the address of a callback; other channels have none.
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
        "state": QueueState.PENDING,
        "due_at": from_now(),
        "created_at": from_now(),
    }
    await work.execute(insert(MessageRow).values(row))
    return message_id


def event_channels(config: Settings) -> list[Channel]:
    """The channels that events about users go out on, as far as the settings name a receiver."""
    receivers = {Channel.EVENTS: config.event_bus, Channel.ANALYTICS: config.segment_write_key}
    return [channel for channel, receiver in receivers.items() if receiver]


def envelope(event: str, at: datetime, record: bytes) -> bytes:
    """The body of a message: the payload of Standard Webhooks around a record, which is JSON."""
    return b'{"type":%b,"timestamp":%b,"data":%b}' % (to_json(event), to_json(at), record)


async def due(
    work: Work,
    channels: Collection[Channel],
    limit: int = 50,
    lease: timedelta = LEASE,
    subject_id: str | None = None,
) -> list[Message]:
    """Lease the messages that are due: up to `limit` of each channel, so that no channel blocks another.

    Due is the oldest undelivered message of each customer and channel; of callbacks, the oldest to each target, so that
    an address that is down blocks no other. Commit before delivering. Workers that deliver at the same time get
    different messages.
    """
    taken: list[int] = []
    for channel in channels:
        ready = _ready(channel).order_by(MessageRow.due_at, MessageRow.seq).limit(limit)
        if subject_id is not None:
            ready = ready.where(MessageRow.subject_id == subject_id)
        taken += await work.scalars(ready.with_for_update(skip_locked=True))
    return [_message(row) for row in await QUEUE.take(work, taken, lease)]


@cache
def _ready(channel: Channel) -> Select[tuple[int]]:
    """Messages of a channel that no worker owns and that wait for no earlier one.

    Cached, because SQLAlchemy compiles a statement that it already knows much faster.
    """
    earlier = aliased(MessageRow)
    waits_for_another = exists().where(
        earlier.tenant == MessageRow.tenant,
        earlier.customer_id == MessageRow.customer_id,
        earlier.channel == MessageRow.channel,
        earlier.target.is_not_distinct_from(MessageRow.target),
        earlier.state == QueueState.PENDING,
        earlier.seq < MessageRow.seq,
    )
    return select(MessageRow.seq).where(QUEUE.free, MessageRow.channel == channel, ~waits_for_another)


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
