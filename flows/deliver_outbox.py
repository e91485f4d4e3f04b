"""Delivers the messages of the outbox."""

import asyncio

from prefect import flow

from tasks.deliver import deliver
from tasks.states import state_of
from tasks.stream_audit import stream_audit
from underwriting.runtime import open_runtime


@flow(persist_result=False)
async def deliver_outbox() -> int:
    """Deliver the messages that are due again, and copy the audit chain on; returns how many messages arrived."""
    async with open_runtime() as runtime:
        # If the stream is down the run fails, but messages are delivered.
        arrived, streamed = await asyncio.gather(state_of(deliver, runtime), state_of(stream_audit, runtime))
        await streamed.aresult()
        return await arrived.aresult()
