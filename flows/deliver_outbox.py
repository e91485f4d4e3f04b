"""What partners have not received yet."""

from prefect import flow

from tasks.post_results import post_results
from underwriting.workplace import workplace


@flow(persist_result=False)
async def deliver_outbox() -> int:
    """Post the messages that are due again; returns how many arrived."""
    async with workplace() as place:
        return await post_results(place)
