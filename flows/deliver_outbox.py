"""Delivers the messages of the outbox."""

from prefect import flow
from prefect.client.schemas.objects import State
from prefect.states import Completed, Failed

from tasks.deliver import ARRIVED, DEAD, FAILED, deliver
from tasks.stream_audit import stream_audit
from underwriting.runtime import open_runtime


@flow(flow_run_name="deliver-outbox", persist_result=False)
async def deliver_outbox() -> State[int]:
    """Deliver the messages that are due again, and copy the audit chain on; returns how many messages arrived.

    A run with a message that did not arrive ends as `Undelivered`, and one with a message that died as Failed: a dead
    message waits for an operator.
    """
    async with open_runtime() as runtime:
        outcomes = await deliver(runtime)
        # If the stream is down the run fails, but messages are delivered.
        await stream_audit(runtime)
    message = f"{outcomes[ARRIVED]} messages arrived, {outcomes[FAILED]} failed, {outcomes[DEAD]} dead"
    if outcomes[DEAD]:
        return Failed(message=f"{message}: underwriting outbox dead")
    return Completed(name="Undelivered" if outcomes[FAILED] else "Completed", message=message, data=outcomes[ARRIVED])
