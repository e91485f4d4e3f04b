"""What others told us: committed before it is acknowledged, handled at least once, never for ever.

Events come more than once and out of order. The same event of one source and tenant is kept once, and handlers change
nothing on a second call. One that cannot be handled ends DEAD and waits for an operator. The payload is sealed.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import select
from ulid import ULID

from underwriting.domain import events
from underwriting.store import reported_floats
from underwriting.store.columns import from_now
from underwriting.store.models import EventRow, QueueState, sealed_cell
from underwriting.store.queue.leased import LEASE, Queue
from underwriting.store.session import Work

# Between one try and the next. An outage of a source is over within minutes; what fails for hours needs a person.
WAITS = (
    timedelta(seconds=5),
    timedelta(seconds=30),
    timedelta(minutes=5),
    timedelta(minutes=30),
    timedelta(hours=2),
)
QUEUE: Queue[EventRow] = Queue("event", EventRow, EventRow.id, WAITS)


@dataclass(frozen=True)
class Event:
    """One event to be handled. `id` is ours and opaque, `event_id` the source's; `attempt` counts the tries."""

    id: str
    source: str
    event_id: str
    type: str
    tenant: str
    user_id: str
    payload: bytes
    occurred_at: datetime
    attempt: int


async def receive(
    work: Work, source: str, event_id: str, event_type: str, tenant: str, user_id: str, payload: bytes, at: datetime
) -> bool:
    """Keep an event that happened `at`, due at once; False where it was kept before. Acknowledge after the commit."""
    inbox_id = f"evt_{ULID()}"
    row = await work.add_new(
        EventRow,
        id=inbox_id,
        source=source,
        event_id=event_id,
        type=event_type,
        tenant=tenant,
        user_id=user_id,
        payload=work.keys.seal(payload, sealed_cell(EventRow.payload, inbox_id)),
        occurred_at=at,
        received_at=from_now(),
        state=QueueState.PENDING,
        due_at=from_now(),
    )
    return row is not None


async def keep(work: Work, told: events.Event) -> bool:
    """Keep a business event: what its type needs, and nothing else of its payload. False where it was kept before.

    A float counts from here on, however long the event waits to be handled.
    """
    details, user_id = told.details, told.user_id or ""
    if isinstance(details, events.FloatCreated):
        await reported_floats.record(work, told.tenant, user_id, details.float_id, details.evaluation_id, told.at)
    payload = details.model_dump_json().encode()
    return await receive(work, told.source, told.id, told.type, told.tenant, user_id, payload, told.at)


async def due(work: Work, limit: int = 50, lease: timedelta = LEASE, inbox_id: str | None = None) -> list[Event]:
    """Take what is to be handled now, for `lease`, oldest first. Commit before handling.

    Consumers that work at the same time take different events.
    """
    ready = (
        select(EventRow.id)
        .where(QUEUE.free)
        .order_by(EventRow.due_at, EventRow.id)
        .limit(limit)
        .with_for_update(skip_locked=True)
    )
    if inbox_id is not None:
        ready = ready.where(EventRow.id == inbox_id)
    rows = await QUEUE.take(work, list(await work.scalars(ready)), lease)
    return [_event(work, row) for row in rows]


def _event(work: Work, row: EventRow) -> Event:
    return Event(
        id=row.id,
        source=row.source,
        event_id=row.event_id,
        type=row.type,
        tenant=row.tenant,
        user_id=row.user_id,
        payload=work.keys.open(row.payload, sealed_cell(EventRow.payload, row.id)),
        occurred_at=row.occurred_at,
        attempt=row.attempts,
    )
