"""What others told us: committed before it is acknowledged, handled at least once, never for ever.

Events come more than once and out of order. The same event of one source and tenant is kept once, and handlers change
nothing on a second call. One that cannot be handled ends DEAD and waits for an operator. The payload is sealed.
"""

import random
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import or_, select, update
from ulid import ULID

from underwriting.domain import events
from underwriting.store import audit, told_floats
from underwriting.store.columns import from_now
from underwriting.store.models import EventRow, EventState, place
from underwriting.store.session import Work

# Between one try and the next. An outage of a source is over within minutes; what fails for hours needs a person.
WAITS = (
    timedelta(seconds=5),
    timedelta(seconds=30),
    timedelta(minutes=5),
    timedelta(minutes=30),
    timedelta(hours=2),
)
# Every wait is stretched by up to this share at random, so that events refused together do not return together.
JITTER = 0.5
_random = random.SystemRandom()


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
        payload=work.keys.seal(payload, place(EventRow.payload, inbox_id)),
        occurred_at=at,
        received_at=from_now(),
        state=EventState.PENDING,
        due_at=from_now(),
    )
    return row is not None


async def keep(work: Work, told: events.Event) -> bool:
    """Keep a business event: what its type needs, and nothing else of its payload. False where it was kept before.

    A float counts from here on, however long the event waits to be handled.
    """
    details, user_id = told.details, told.user_id or ""
    if isinstance(details, events.FloatCreated):
        await told_floats.hear(work, told.tenant, user_id, details.float_id, details.evaluation_id, told.at)
    payload = details.model_dump_json().encode()
    return await receive(work, told.source, told.id, told.type, told.tenant, user_id, payload, told.at)


async def due(
    work: Work, limit: int = 50, lease: timedelta = timedelta(seconds=60), inbox_id: str | None = None
) -> list[Event]:
    """Take what is to be handled now, for `lease`, oldest first. Commit before handling.

    Consumers that work at the same time take different events.
    """
    ready = (
        select(EventRow.id)
        .where(
            EventRow.state == EventState.PENDING,
            EventRow.due_at <= from_now(),
            or_(EventRow.lease_until.is_(None), EventRow.lease_until < from_now()),
        )
        .order_by(EventRow.due_at, EventRow.id)
        .limit(limit)
        .with_for_update(skip_locked=True)
    )
    if inbox_id is not None:
        ready = ready.where(EventRow.id == inbox_id)
    taken = list(await work.scalars(ready))
    rows = await work.scalars(
        update(EventRow)
        .where(EventRow.id.in_(taken))
        .values(attempts=EventRow.attempts + 1, lease_until=from_now(lease))
        .returning(EventRow)
    )
    return [_event(work, row) for row in sorted(rows, key=lambda row: row.id)]


async def handled(work: Work, event: Event) -> None:
    """It is done with, whoever did it. Call it in the handler's own transaction: then both are stored or neither."""
    await work.execute(
        update(EventRow)
        .where(EventRow.id == event.id, EventRow.state == EventState.PENDING)
        .values(state=EventState.HANDLED, handled_at=from_now(), lease_until=None, trouble=None)
    )


async def failed(work: Work, event: Event, why: str, waits: Sequence[timedelta] = WAITS) -> EventState | None:
    """Try again later, or bury it after the last wait; None where another consumer took it over meanwhile.

    `why` must hold no personal data. No `waits` buries an event that no further try can help.
    """
    spent = event.attempt > len(waits)
    wait = timedelta() if spent else waits[event.attempt - 1] * (1 + JITTER * _random.random())
    state = await work.scalar(
        update(EventRow)
        .where(EventRow.id == event.id, EventRow.state == EventState.PENDING, EventRow.attempts == event.attempt)
        .values(
            state=EventState.DEAD if spent else EventState.PENDING,
            due_at=from_now(wait),
            lease_until=None,
            trouble=why,
        )
        .returning(EventRow.state)
    )
    if state is EventState.DEAD:
        await audit.append(work, "event.died", event.id, "system", type=event.type, attempts=event.attempt)
    return state


async def dead(work: Work, limit: int = 100) -> list[EventRow]:
    """Events that wait for an operator, oldest first; their payloads stay sealed."""
    query = select(EventRow).where(EventRow.state == EventState.DEAD).order_by(EventRow.id).limit(limit)
    return list(await work.scalars(query))


async def redrive(work: Work, ids: Sequence[str], by: str) -> list[str]:
    """Give dead events all their tries back, due at once; returns the ids that were dead."""
    revived = await work.scalars(
        update(EventRow)
        .where(EventRow.id.in_(ids), EventRow.state == EventState.DEAD)
        .values(state=EventState.PENDING, attempts=0, due_at=from_now(), trouble=None)
        .returning(EventRow.id)
    )
    found = sorted(revived)
    for inbox_id in found:
        await audit.append(work, "event.redriven", inbox_id, by)
    return found


def _event(work: Work, row: EventRow) -> Event:
    return Event(
        id=row.id,
        source=row.source,
        event_id=row.event_id,
        type=row.type,
        tenant=row.tenant,
        user_id=row.user_id,
        payload=work.keys.open(row.payload, place(EventRow.payload, row.id)),
        occurred_at=row.occurred_at,
        attempt=row.attempts,
    )
