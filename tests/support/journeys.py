"""One review after another as a test sees them: the real flow, a real Prefect server, the sandbox over HTTP."""

import asyncio
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

import httpx
from prefect import get_client
from prefect.client.schemas.filters import FlowRunFilter, FlowRunFilterId
from prefect.client.schemas.objects import State, TaskRun
from support.reviews import CONSENT

from flows.review_application import review_application
from underwriting.domain.application import Application, ApplicationRequest
from underwriting.runtime import Runtime
from underwriting.store import applications
from underwriting.store.record import Record

TENANT = "sandbox"


@dataclass(frozen=True)
class Reviewed:
    """A finished run: its last state in Prefect, and the record in the store."""

    state: State[Any]
    record: Record


class Journey:
    """The runtime of a test, with the sandbox's control panel."""

    def __init__(self, runtime: Runtime, sandbox: httpx.AsyncClient) -> None:
        self.runtime = runtime
        self._sandbox = sandbox

    async def accept(self, customer_id: str = "good", **changes: Any) -> Application:
        """Store an application of the sandbox's tenant."""
        fields = {"customer_id": customer_id, "amount": "2500.00", "currency": "USD", "bureau_consent": CONSENT}
        fields |= changes
        request = ApplicationRequest.model_validate(fields)
        async with self.runtime.store.begin() as work:
            # Prefect's server outlives the test, and with it the keys that runs are known by.
            accepted = await applications.accept(work, TENANT, request, uuid4().hex, datetime.now(UTC))
        return accepted.stored.subject

    async def run(self, application_id: str) -> Reviewed:
        """Run the flow on a stored application."""
        state: State[Any] = await review_application(application_id, return_state=True)
        return Reviewed(state, await self.record(application_id))

    async def review(self, customer_id: str = "good", **changes: Any) -> Reviewed:
        """Accept an application and run the flow on it."""
        return await self.run((await self.accept(customer_id, **changes)).id)

    async def record(self, application_id: str) -> Record:
        """The application as the API would answer it."""
        async with self.runtime.store.read() as work:
            return (await applications.get(work, None, application_id)).record

    async def faults(self, services: dict[str, dict[str, float]], **control: Any) -> None:
        """Switch the sandbox's faults."""
        (await self._sandbox.put("/_control", json={"services": services, **control})).raise_for_status()

    async def account(self) -> dict[str, Any]:
        """What the sandbox was asked, charged and sent."""
        account: dict[str, Any] = (await self._sandbox.get("/_control/ledger")).json()
        return account

    async def forget(self) -> None:
        """The sandbox forgets what it was asked, charged and sent."""
        (await self._sandbox.delete("/_control/ledger")).raise_for_status()

    async def posted(self) -> list[dict[str, Any]]:
        """The messages that the partner received, with how often each came."""
        return list((await self.account())["ledger"]["results"].values())


async def task_runs(review: Reviewed) -> list[TaskRun]:
    """What Prefect recorded of a run's tasks; its server hears of them as events, and so some time after the run."""
    run_id = review.state.state_details.flow_run_id
    assert run_id is not None
    wanted = {check.check for check in review.record.checks}
    async with get_client() as client, asyncio.timeout(30):
        while True:
            runs = await client.read_task_runs(flow_run_filter=FlowRunFilter(id=FlowRunFilterId(any_=[run_id])))
            ended = {task_of(run) for run in runs if run.state is not None and run.state.is_final()}
            if wanted <= ended:
                return runs
            await asyncio.sleep(0.05)


def task_of(run: TaskRun) -> str:
    """The task's name: its run's without the number that Prefect adds."""
    return run.name.rpartition("-")[0]


def tries(runs: Iterable[TaskRun]) -> Counter[str]:
    """How often each task was run, by its name."""
    return Counter({task_of(run): run.run_count for run in runs})
