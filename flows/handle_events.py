"""Events that other services sent: stored in the inbox, and handled from there."""

from prefect import flow
from prefect.client.schemas.objects import State
from prefect.runtime import flow_run
from prefect.states import Completed

from tasks.handling import handle_due, receive
from underwriting.domain.events import Event
from underwriting.runtime import open_runtime


def _run_name() -> str:
    event = flow_run.parameters.get("event")
    return f"{event.type}-{event.id}" if event else "handle-due-events"


@flow(flow_run_name=_run_name, persist_result=False)
async def handle_events(event: Event | None = None) -> State[None]:
    """Keep the event, if one is given, and handle all events that are due, first and further attempts alike.

    The same event again changes nothing. The state of the run says whether the event was new, not whether it could be
    handled: what cannot be handled yet is tried again from the inbox.
    """
    async with open_runtime() as runtime:
        new = event is not None and await receive(runtime, [event]) > 0
        handled = await handle_due(runtime)
    name = "Completed" if event is None else "Received" if new else "Duplicate"
    return Completed(name=name, message=f"{handled} events handled")
