"""Events that others told of and that wait in the inbox."""

from prefect import flow

from tasks.handling import handle_due
from underwriting.workplace import workplace


@flow(persist_result=False)
async def handle_events() -> int:
    """Handle the events that are due, first and further tries alike; returns how many were handled."""
    async with workplace() as place:
        return await handle_due(place)
