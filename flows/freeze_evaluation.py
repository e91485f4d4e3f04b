"""A float was paid out: the evaluation that authorised it is kept for good."""

from prefect import flow
from prefect.client.schemas.objects import State

from tasks.handling import take_in
from underwriting.domain.events import Event, EventType


@flow(flow_run_name="freeze-{event.id}", persist_result=False)
async def freeze_evaluation(event: Event) -> State[None]:
    """Freeze the evaluation that a user_float_created event names, and count the float. The same event changes nothing.

    Fails for an event of another type. What cannot be handled yet is tried again from the inbox.
    """
    return await take_in(event, EventType.USER_FLOAT_CREATED)
