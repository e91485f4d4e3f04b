"""A work pool of a test's own, with deployments of small flows."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any, Self
from uuid import UUID, uuid4

from prefect.client.orchestration import PrefectClient, get_client
from prefect.client.schemas.actions import WorkPoolCreate
from prefect.client.schemas.objects import FlowRun, State

from underwriting.worker import WarmWorker

FLOWS = "support.small_flows"


class Pool:
    """Deploys and runs flows in one work pool, and waits for what becomes of them."""

    def __init__(self, client: PrefectClient, name: str) -> None:
        self.client = client
        self.name = name

    @classmethod
    @asynccontextmanager
    async def fresh(cls) -> AsyncIterator[Self]:
        """A new pool of type `warm`."""
        name = f"pool-{uuid4().hex[:8]}"
        template = WarmWorker.get_default_base_job_template()
        async with get_client() as client:
            await client.create_work_pool(WorkPoolCreate(name=name, type="warm", base_job_template=template))
            yield cls(client, name)
            await client.delete_work_pool(name)

    async def deploy(self, entrypoint: str, pull_steps: list[dict[str, Any]] | None = None) -> UUID:
        """A deployment of a flow of this pool; a plain name is one of the small flows."""
        entrypoint = entrypoint if "." in entrypoint else f"{FLOWS}.{entrypoint}"
        flow_id = await self.client.create_flow_from_name(entrypoint.rpartition(".")[2].replace("_", "-"))
        return await self.client.create_deployment(
            flow_id,
            f"{self.name}-{uuid4().hex[:8]}",
            entrypoint=entrypoint,
            work_pool_name=self.name,
            pull_steps=pull_steps,
        )

    async def begin(
        self, deployment: UUID | str, parameters: Mapping[str, Any] | None = None, name: str | None = None
    ) -> FlowRun:
        """A new run of a deployment, or of a small flow by its name."""
        deployment_id = deployment if isinstance(deployment, UUID) else await self.deploy(deployment)
        given = dict(parameters or {})
        return await self.client.create_flow_run_from_deployment(deployment_id, parameters=given, name=name)

    async def finished(self, run: FlowRun) -> FlowRun:
        """The run once it is in a final state."""
        await self.until(run)
        return await self.client.read_flow_run(run.id)

    async def until(self, run: FlowRun, *names: str, seconds: float = 30.0) -> State[Any]:
        """Wait until a run is in a state of one of the names, or in any final state where none is named."""
        async with asyncio.timeout(seconds):
            while True:
                state = (await self.client.read_flow_run(run.id)).state
                if state is not None and (state.name in names if names else state.is_final()):
                    return state
                await asyncio.sleep(0.05)
