"""Compares known customers with screening lists that changed."""

from prefect import flow
from prefect.client.schemas.objects import State
from prefect.states import Completed

from tasks import screening
from underwriting.runtime import open_runtime


@flow(flow_run_name="screen-customers", persist_result=False)
async def screen_customers() -> State[None]:
    """Compare all known customers with the entries that changed since they were last screened.

    Does nothing if no list changed. A customer with a new match is evaluated again, and staff see the match.
    """
    async with open_runtime() as runtime:
        done = await screening.screen_customers(runtime)
    message = f"{done.screened} customers compared, {done.found} found, {done.troubled} not compared"
    return Completed(name="Screened", message=message)
