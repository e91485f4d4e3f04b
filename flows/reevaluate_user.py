"""New transactions of a user are complete."""

from prefect import flow
from prefect.client.schemas.objects import State

from tasks.handling import take_in
from underwriting.domain.events import Event, EventType


@flow(flow_run_name="reevaluate-{event.id}", persist_result=False)
async def reevaluate_user(event: Event) -> State[None]:
    """Have a user judged anew after user_new_txns_batch_completed, for the products that it asks for.

    Where it asks for none, for every product that the user was judged for before. The same event changes nothing.
    """
    return await take_in(event, EventType.USER_NEW_TXNS_BATCH_COMPLETED)
