"""A user is new, or what is known of the user changed."""

from prefect import flow
from prefect.client.schemas.objects import State

from tasks.handling import take_in
from underwriting.domain.events import Event, EventType


@flow(flow_run_name="refresh-{event.id}", persist_result=False)
async def refresh_profile(event: Event) -> State[None]:
    """Give a new user the default profile; of a known one let no stored evaluation answer any more. Others are told.

    Takes user_created and profile_updated, fails for any other event, and changes nothing on the same event again.
    """
    return await take_in(event, EventType.USER_CREATED, EventType.PROFILE_UPDATED)
