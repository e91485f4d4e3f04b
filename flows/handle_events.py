"""Events that other services sent: stored in the inbox, and handled from there."""

from typing import Any

from prefect import flow
from prefect.client.schemas.objects import State
from prefect.runtime import flow_run
from prefect.states import Completed, Failed
from pydantic import ValidationError

from tasks.forms import InputRefused, form
from tasks.handling import DEAD, FAILED, HANDLED, handle_due, receive
from underwriting.domain.events import Event, EventType
from underwriting.domain.wording import problems_of
from underwriting.runtime import open_runtime


def _run_name() -> str:
    event = flow_run.parameters.get("event")
    return f"{event.get('type') or 'event'}-{event.get('id') or 'without-id'}" if event else "handle-due-events"


@flow(flow_run_name=_run_name, persist_result=False, validate_parameters=False)
@form
async def handle_events(
    event: dict[str, Any] = {},  # noqa: B006 - the form shows it, and nothing changes it
) -> State[None]:
    """Keep the event, if one is given, and handle all events that are due, first and further attempts alike.

    The same event again changes nothing. The state of the run says whether the event was new, or ends as Unhandled if
    an event that waited could not be handled: it is tried again from the inbox. A run in which an event died ends as
    Failed: it waits for an operator.

    Args:
        event: One event as JSON, with its tenant: {"tenant": "sandbox", "source": "float.service", "id": "evt-4711",
            "type": "profile_updated", "user_id": "steady-pay", "at": "2026-03-02T09:30:00Z"}. Empty handles the events
            that wait in the inbox.
    """
    arrived = _read(event) if event else None
    async with open_runtime() as runtime:
        new = arrived is not None and await receive(runtime, [arrived]) > 0
        outcomes = await handle_due(runtime)
    message = f"{outcomes[HANDLED]} events handled, {outcomes[FAILED]} failed, {outcomes[DEAD]} dead"
    if outcomes[DEAD]:
        return Failed(message=f"{message}: underwriting inbox dead")
    unhandled = "Unhandled" if outcomes[FAILED] else "Completed"
    name = unhandled if arrived is None else "Received" if new else "Duplicate"
    return Completed(name=name, message=message)


def _read(event: dict[str, Any]) -> Event:
    try:
        read = Event.model_validate(event)
    except ValidationError as error:
        found = (f"{'.'.join(map(str, place))} {sentence}" for place, sentence in problems_of(error, Event)[:3])
        raise InputRefused(f"event: {'; '.join(found)}; docs/integrating.md describes each event") from None
    if read.type is EventType.APPLICATION_SUBMITTED:
        raise InputRefused(
            "event: an application is not sent through Prefect, which keeps what it gets; store it over the API and "
            "emit underwriting.application_submitted with its application_id, or send the event over HTTP or SQS"
        )
    return read
