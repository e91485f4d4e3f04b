"""Events of the Prefect server about the runs of a work pool."""

import asyncio
import logging
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import datetime
from enum import Enum
from uuid import UUID

from prefect.events import Event
from prefect.events.clients import get_events_subscriber
from prefect.events.filters import EventAnyResourceFilter, EventFilter, EventNameFilter

log = logging.getLogger(__name__)

FLOW_RUN = "prefect.flow-run."
RECONNECT_SECONDS = 1.0


class RunChange(Enum):
    """What happened to a run."""

    SCHEDULED = f"{FLOW_RUN}Scheduled"
    CANCELLING = f"{FLOW_RUN}Cancelling"
    SUSPENDED = f"{FLOW_RUN}Suspended"


@dataclass(frozen=True)
class RunEvent:
    """One change of a run. `id` is that of its new state, `occurred` the server's time."""

    id: UUID
    change: RunChange
    flow_run_id: UUID
    occurred: datetime


async def run_events(work_pool_id: UUID) -> AsyncIterator[RunEvent]:
    """The changes of a pool's runs, without end. Some may be lost while the server is away, others come twice."""
    while True:
        wanted = EventFilter(
            event=EventNameFilter(name=[change.value for change in RunChange]),
            any_resource=EventAnyResourceFilter(id=[f"prefect.work-pool.{work_pool_id}"]),
        )
        try:
            async with get_events_subscriber(wanted) as events:
                async for event in events:
                    yield _read(event)
        # The event stream raises plain exceptions. Without it the worker still polls.
        except Exception as error:  # noqa: BLE001
            log.debug("the event stream is away: %r", error)
        await asyncio.sleep(RECONNECT_SECONDS)


def _read(event: Event) -> RunEvent:
    flow_run_id = UUID(event.resource.id.removeprefix(FLOW_RUN))
    return RunEvent(event.id, RunChange(event.event), flow_run_id, event.occurred)
