"""Events received: committed before they are acknowledged, and handled at least once.

Events arrive more than once and out of order. The same event of one source and tenant is kept once, and handlers change
nothing on a second call. An event that cannot be handled ends as DEAD and waits for an operator. The payload is sealed.
"""

import logging
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import select
from ulid import ULID

from underwriting.domain import events
from underwriting.store import reported_floats
from underwriting.store.columns import from_now
from underwriting.store.errors import Undecipherable
from underwriting.store.models import EventRow, QueueState, sealed_cell
from underwriting.store.queue.leased import LEASE, Queue
from underwriting.store.session import Work

log = logging.getLogger(__name__)

# Waits between attempts. Outages last minutes; what fails for hours needs an operator.
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
    received_at: datetime
    attempt: int


async def receive(
    work: Work, source: str, event_id: str, event_type: str, tenant: str, user_id: str, payload: bytes, at: datetime
) -> bool:
    """Keep an event that happened `at`, due at once; False if it was kept before. Acknowledge after the commit."""
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


async def keep(work: Work, event: events.Event) -> bool:
    """Keep a business event, with only that part of its payload that its type needs. False if it was kept before.

    A reported float counts from now on, even while the event waits to be handled.
    """
    details, user_id = event.details, event.user_id or ""
    if isinstance(details, events.ApplicationSubmitted):
        user_id = details.application.customer_id
    if isinstance(details, events.FloatCreated):
        await reported_floats.record(work, event.tenant, user_id, details.float_id, details.evaluation_id, event.at)
    payload = details.model_dump_json().encode()
    return await receive(work, event.source, event.id, event.type, event.tenant, user_id, payload, event.at)


async def due(work: Work, limit: int = 50, lease: timedelta = LEASE, inbox_id: str | None = None) -> list[Event]:
    """Lease the events that are due, oldest first. Commit before handling them.

    Consumers that work at the same time get different events. One whose payload does not open is left out.
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
    return [event for row in rows if (event := await _event(work, row)) is not None]


async def _event(work: Work, row: EventRow) -> Event | None:
    """The event, or None where its payload does not open: that is noted as a failed try, and the others go on."""
    try:
        payload = work.keys.open(row.payload, sealed_cell(EventRow.payload, row.id))
    except Undecipherable as error:
        log.warning("event %s: %s", row.id, error)
        await QUEUE.failed(work, row.id, row.attempts, str(error))
        return None
    return Event(
        id=row.id,
        source=row.source,
        event_id=row.event_id,
        type=row.type,
        tenant=row.tenant,
        user_id=row.user_id,
        payload=payload,
        occurred_at=row.occurred_at,
        received_at=row.received_at,
        attempt=row.attempts,
    )
