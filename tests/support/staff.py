"""What staff start by forms of Prefect, and what they see of it."""

import asyncio
from datetime import UTC, datetime
from typing import Any

from prefect import get_client
from prefect.client.schemas.filters import ArtifactFilter, ArtifactFilterFlowRunId, LogFilter, LogFilterFlowRunId
from prefect.client.schemas.objects import State
from support.journeys import Journey

from flows.change_profile import change_profile
from flows.review_customer import review_customer
from rules.limits.tiers import CURRENCY, TIERS
from underwriting.domain.profile import FloatProfile
from underwriting.store import profiles


async def reviewed(customer_id: str, amount: str = "2500.00", **fields: Any) -> State[None]:
    state: State[None] = await review_customer(customer_id, amount, return_state=True, **fields)
    return state


async def page_of(state: State[None]) -> str:
    run = state.state_details.flow_run_id
    assert run is not None
    async with get_client() as client:
        (found,) = await client.read_artifacts(
            artifact_filter=ArtifactFilter(flow_run_id=ArtifactFilterFlowRunId(any_=[run]))
        )
    return str(found.data)


async def lines(state: State[None]) -> str:
    """What Prefect logged of the run."""
    run = state.state_details.flow_run_id
    assert run is not None
    async with get_client() as client, asyncio.timeout(30):
        while not (found := await client.read_logs(LogFilter(flow_run_id=LogFilterFlowRunId(any_=[run])))):
            await asyncio.sleep(0.1)
    return "\n".join(each.message for each in found)


async def in_force(journey: Journey, user_id: str = "steady-pay") -> FloatProfile | None:
    async with journey.runtime.store.read() as work:
        return await profiles.current(work, "sandbox", user_id, datetime.now(UTC))


async def changed(journey: Journey, **change: Any) -> State[None]:
    state: State[None] = await change_profile(
        "steady-pay", "sandbox", **{"reason": "goodwill", "changed_by": "ann", **change}, return_state=True
    )
    return state


async def met(journey: Journey) -> None:
    """The user was evaluated before, and has a profile."""
    async with journey.runtime.store.begin() as work:
        await profiles.on_first_contact(work, "sandbox", "steady-pay", datetime.now(UTC), CURRENCY, TIERS)
