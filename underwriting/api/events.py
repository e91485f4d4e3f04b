"""Events over HTTP, for services that have no access to the queue."""

from datetime import UTC, datetime
from http import HTTPStatus

from fastapi import APIRouter
from pydantic import BaseModel, Field

from underwriting.api.auth import APPLY, Caller, EventSender, require
from underwriting.api.context import ApiContext, Context, problem
from underwriting.api.documented import answer, refusals
from underwriting.domain.events import ApplicationSubmitted, Event, EventId, EventReport, Origin
from underwriting.rulebook_cache import NotLent
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
    responses=answer(202, "Stored, and handled soon", KEPT) | refusals(400, 404),
    summary="Send an event",
)
async def send(body: EventReport, caller: EventSender, context: Context) -> Receipt:
    """Store an event about one of your users; 202 once it cannot be lost. It is handled within seconds.

    Events may be sent more than once and in any order: `source` and `id` identify an event. `application_submitted`
    also needs the scope `applications:write`, and may not be as of an earlier day.
    """
    event = Event(tenant=caller.tenant, **dict(body))
    refused = await _refused(event, caller, context)
    async with context.store.begin() as work:
        new = await inbox.keep(work, event)
        # It rolls back. A repetition is exempt: it may come on the next day, and after the rulebook has ended.
        if new and refused is not None:
            raise refused
    return Receipt(source=event.source, id=event.id, new=new)


async def _refused(event: Event, caller: Caller, context: ApiContext) -> Exception | None:
    """Why the application that an event submits cannot be accepted, as where it is sent by itself; None if it can."""
    if not isinstance(details := event.details, ApplicationSubmitted):
        return None
    require(caller, APPLY)
    place, as_of = "body.payload.application", details.application.as_of
    if as_of is not None and as_of < datetime.now(UTC).date():
        return problem(f"{place}.as_of", "is before today; an event cannot backdate, POST /v1/applications can")
    refused = await context.rulebook_cache.refusal(details.application)
    return problem(f"{place}.{refused.field}", str(refused)) if isinstance(refused, NotLent) else refused
