"""The flows of deployments, imported once and kept."""

import asyncio
import copy
import logging
from collections.abc import Iterable
from typing import Any
from uuid import UUID

from prefect.client.orchestration import PrefectClient
from prefect.client.schemas.responses import DeploymentResponse
from prefect.filesystems import WritableFileSystem
from prefect.flows import Flow, load_flow_from_entrypoint
from prefect.results import aget_default_result_storage

log = logging.getLogger(__name__)


class NotRunnable(Exception):
    """A deployment that a warm worker cannot run; the message says why and what to do."""


class Flows:
    """The imported flows, by deployment."""

    def __init__(self) -> None:
        self._flows: dict[UUID, Flow[..., Any]] = {}
        self._storage: WritableFileSystem | None = None
        self._logged: set[str] = set()

    async def of(self, client: PrefectClient, deployment_id: UUID) -> Flow[..., Any]:
        """The flow of a deployment; NotRunnable, or ObjectNotFound where the deployment is gone."""
        if (flow := self._flows.get(deployment_id)) is None:
            deployment = await client.read_deployment(deployment_id)
            flow = self._flows[deployment_id] = self._with_storage(await load(deployment))
        return flow

    async def refresh(self, deployments: Iterable[DeploymentResponse]) -> None:
        """Import the flows of the deployments as they are now. One that cannot be run is logged, and its runs fail."""
        self._storage = await aget_default_result_storage()
        fresh: dict[UUID, Flow[..., Any]] = {}
        for deployment in deployments:
            try:
                fresh[deployment.id] = self._with_storage(await load(deployment))
            except NotRunnable as why:
                self._warn_once(f"deployment {deployment.name!r}: {why}")
        self._flows = fresh

    def _with_storage(self, flow: Flow[..., Any]) -> Flow[..., Any]:
        """The flow with Prefect's default result storage filled in, where it names none.

        Prefect's engine would ask the server for it on every run, by a blocking call in the event loop.
        """
        if flow.result_storage is not None:
            return flow
        filled = copy.copy(flow)
        filled.result_storage = self._storage
        return filled

    def _warn_once(self, message: str) -> None:
        if message not in self._logged:
            self._logged.add(message)
            log.warning("%s", message)


async def load(deployment: DeploymentResponse) -> Flow[..., Any]:
    """The flow that a deployment's entrypoint names; a module once imported costs nothing."""
    entrypoint = deployment.entrypoint
    if not entrypoint or ":" in entrypoint:
        raise NotRunnable(f"the entrypoint {entrypoint!r} is not of the form package.module.flow")
    if deployment.pull_steps:
        raise NotRunnable("it has pull steps, and a warm worker runs installed code: deploy it with `pull: []`")
    flow = await asyncio.to_thread(_import, entrypoint)
    if not flow.isasync or flow.isgenerator:
        raise NotRunnable(f"{entrypoint} is not a plain `async def` flow: run it in a pool of type process")
    return flow


def _import(entrypoint: str) -> Flow[..., Any]:
    try:
        return load_flow_from_entrypoint(entrypoint, use_placeholder_flow=False)
    # An import runs any code, and an error in it must not end the worker.
    except (Exception, SystemExit) as error:
        raise NotRunnable(f"cannot load the flow {entrypoint}: {type(error).__name__}: {error}") from error
