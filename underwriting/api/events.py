"""Events over HTTP, for services that have no access to the queue."""

from http import HTTPStatus

from fastapi import APIRouter
from pydantic import BaseModel, Field

from underwriting.api.auth import EventSender
from underwriting.api.context import Context
from underwriting.api.documented import answer, refusals
from underwriting.domain.events import Event, EventId, EventReport, Origin
from underwriting.store.queue import inbox

router = APIRouter(
    prefix="/v1/events",
    tags=["events"],
)
KEPT = {"source": "float.service", "id": "evt-4711", "new": True}


class Receipt(BaseModel):
    """A stored event: it will be handled, and a repetition changes nothing."""

    source: Origin
    id: EventId
    new: bool = Field(description="False if this source sent this event before; nothing happens twice")


@router.post(
    "",
    status_code=HTTPStatus.ACCEPTED,
    responses=answer(202, "Stored, and handled soon", KEPT) | refusals(400),
    summary="Send an event",
)
async def send(body: EventReport, caller: EventSender, context: Context) -> Receipt:
    """Store an event about one of your users; 202 once it cannot be lost. It is handled within seconds.

    Events may be sent more than once and in any order: `source` and `id` identify an event.
    """
    event = Event(tenant=caller.tenant, **dict(body))
    async with context.store.begin() as work:
        new = await inbox.keep(work, event)
    return Receipt(source=event.source, id=event.id, new=new)
