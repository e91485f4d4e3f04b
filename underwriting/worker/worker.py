"""The worker type `warm`: `prefect worker start --pool underwriting --type warm`."""

import asyncio
import logging
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager, suppress
from datetime import UTC, datetime
from typing import Any, Final
from uuid import UUID

import anyio.abc
import httpx
from prefect.client.schemas.filters import FlowRunFilter, FlowRunFilterId, WorkPoolFilter, WorkPoolFilterName
from prefect.client.schemas.objects import FlowRun, State
from prefect.client.schemas.responses import WorkerFlowRunResponse
from prefect.context import AsyncClientContext
from prefect.exceptions import ObjectNotFound
from prefect.settings import PREFECT_WORKER_QUERY_SECONDS, temporary_settings
from prefect.states import Failed
from prefect.workers.base import BaseJobConfiguration, BaseVariables, BaseWorker, BaseWorkerResult

from underwriting.process.garbage_collector import freeze_loaded_objects
from underwriting.process.health import Health, NotReady, answering_health
from underwriting.process.logs import in_a_line, write_logs
from underwriting.process.signals import ending_on_signals
from underwriting.settings import settings
from underwriting.worker.engine import Interruption
from underwriting.worker.events import RunChange, run_events
from underwriting.worker.flows import Flows, NotRunnable
from underwriting.worker.loop import FlowLoop, OpenRuntime
from underwriting.worker.run import WarmRun

log = logging.getLogger(__name__)

# How long runs may take to end after SIGTERM; container runtimes kill ten seconds after it.
GRACE_SECONDS = 7.0
# After that they are interrupted, and have this long to report it.
INTERRUPT_SECONDS = 2.0
# The most that Prefect returns at once.
MAX_RUNS_READ = 200
SCHEDULED_RUNS: Final = "/work_pools/{name}/get_scheduled_flow_runs"
# Seconds before a Prefect server that does not answer is asked again: they double from the first to the second.
SHORTEST_WAIT, LONGEST_WAIT = 0.2, 5.0


class WarmResult(BaseWorkerResult):
    """A run that ended here. Its state says how."""


class WarmWorker(BaseWorker[BaseJobConfiguration, BaseVariables, WarmResult]):
    """Runs flows in its own process: a run begins when its flow is called, not when an interpreter has started.

    Deployments, schedules, retries, limits, cancellation and suspension stay Prefect's. Runs share one process:
    a flow that blocks its event loop delays the others, and one that kills the process kills them too.
    """

    type = "warm"
    _display_name = "Warm"
    _description = "Runs flows of installed modules inside the worker's own process, imported once, several at a time."

    def __init__(
        self,
        work_pool_name: str,
        *,
        limit: int | None = None,
        open_runtime: OpenRuntime | None = None,
        prefetch_seconds: float | None = None,
        **others: Any,
    ) -> None:
        """As every Prefect worker; `open_runtime` opens what the runs share: by default the store and the clients.

        Runs are never fetched ahead of their time, whatever `prefetch_seconds` says: there is nothing to prepare, and
        they would occupy a slot.
        """
        super().__init__(work_pool_name, limit=limit or settings().worker_limit, prefetch_seconds=0, **others)
        self._loop = FlowLoop(open_runtime or _open_runtime)
        self._flows = Flows()
        self._runs: dict[UUID, WarmRun] = {}
        self._idle = asyncio.Event()
        self._idle.set()
        self._second_signal = asyncio.Event()
        self._stopping = False
        # One poll for runs at a time, by interval or after an event.
        self._poll_lock = asyncio.Lock()
        self._poll_task: asyncio.Task[None] | None = None
        self._listen_task: asyncio.Task[None] | None = None
        self._poll_requested = False
        self._more_may_be_due = False
        self._server_wait = 0.0

    @classmethod
    def get_default_base_job_template(cls) -> dict[str, Any]:
        """Nothing to configure: a run has no infrastructure of its own. The server refuses an empty configuration."""
        return {"job_configuration": {"env": {}}, "variables": {"type": "object", "properties": {}}}

    async def start(
        self, run_once: bool = False, with_healthcheck: bool = False, printer: Callable[..., None] = log.info
    ) -> None:
        """Work until SIGTERM or SIGINT, then let what runs end; a second signal interrupts it.

        What Prefect's command line would print is in the log, like everything else.
        """
        write_logs()
        printer = log.info
        poll = {PREFECT_WORKER_QUERY_SECONDS: settings().worker_poll}
        with temporary_settings(poll), ending_on_signals(self._second_signal.set):
            await super().start(run_once, with_healthcheck, printer)

    async def run(
        self,
        flow_run: FlowRun,
        configuration: BaseJobConfiguration,
        task_status: anyio.abc.TaskStatus[int] | None = None,
    ) -> WarmResult:
        """Run a claimed flow run to its end; never raises, since that would end the worker with all its runs."""
        logger = self.get_flow_run_logger(flow_run)
        logger.info("Running in the warm worker %r", self.name)
        try:
            if flow_run.deployment_id is None:
                raise NotRunnable("a warm worker runs deployments only")
            flow = await self._flows.of(self.client, flow_run.deployment_id)
            await self._runs[flow_run.id].execute(flow)
        except ObjectNotFound:
            await self._mark_flow_run_as_cancelled(flow_run, {"message": "Its deployment no longer exists."})
        except NotRunnable as why:
            logger.error("%s", why)
            await self._report(flow_run, Failed(message=str(why)))
        # The outermost edge of a run: its engine could not report the end, mostly because Prefect was away.
        except Exception as error:
            logger.exception("The end of the run could not be reported.")
            await self._propose_crashed_state(flow_run, f"The end of the run could not be reported: {error!r}")
        return WarmResult(status_code=0, identifier=self.name)

    async def setup(self) -> None:
        """Open what the runs share, connect, and import the flows of the pool's deployments."""
        await self._exit_stack.enter_async_context(self._loop)
        self._exit_stack.enter_context(answering_health(settings(), self._health()))
        # One client for all requests of this loop. Prefect's functions would each create one and leave it open.
        await self._exit_stack.enter_async_context(AsyncClientContext())
        await super().setup()
        freeze_loaded_objects()

    async def teardown(self, *exc_info: Any) -> None:
        """Let the runs end within the grace time, interrupt the others, disconnect."""
        self._stopping = True
        await self._wait_for_any(GRACE_SECONDS, self._idle, self._second_signal)
        if self._runs:
            self._logger.warning("Interrupting %s runs that did not end within the grace time.", len(self._runs))
        for run in self._runs.values():
            run.interrupt(Interruption.BY_WORKER)
        await self._wait_for_any(INTERRUPT_SECONDS, self._idle)
        await super().teardown(*exc_info)

    async def sync_with_backend(self) -> None:
        """With every heartbeat: take up changed deployments, and cancellations whose events were lost.

        The flows come first: a worker that is shown as online has imported them.
        """
        pool = WorkPoolFilter(name=WorkPoolFilterName(any_=[self._work_pool_name]))
        await self._flows.refresh(await self.client.read_deployments(work_pool_filter=pool))
        await super().sync_with_backend()
        await self._look_for_cancellations()

    async def get_and_submit_flow_runs(self) -> list[FlowRun]:
        """Begin due runs while there are free slots. Wait for a server that does not answer: the base class would end
        the worker after some seconds, and its runs with it.
        """
        async with self._poll_lock:
            if self._free_slots == 0 or self._stopping:
                self._last_polled_time = datetime.now(UTC)
                return []
            try:
                begun = await super().get_and_submit_flow_runs()
            except (httpx.TransportError, httpx.HTTPStatusError) as error:
                if isinstance(error, httpx.HTTPStatusError) and not error.response.is_server_error:
                    raise
                await self._wait_for_server(error)
                return []
            if self._server_wait:
                self._logger.warning("The Prefect server answers again.")
            self._server_wait = 0.0
            self._more_may_be_due = self._free_slots == 0
            return begun

    async def _get_scheduled_flow_runs(self) -> list[WorkerFlowRunResponse]:
        """As the base class, but read no more runs than there are slots: a queue may be long."""
        wanted = {
            "work_queue_names": sorted(self._work_queues),
            "scheduled_before": datetime.now(UTC).isoformat(),
            "limit": min(int(self.limiter.total_tokens), MAX_RUNS_READ),
        }
        name = {"name": self._work_pool_name}
        try:
            answer = await self.client.request("POST", SCHEDULED_RUNS, path_params=name, json=wanted)
        except httpx.HTTPStatusError as error:
            if error.response.status_code != httpx.codes.NOT_FOUND:
                raise
            # The pool was deleted; the next heartbeat makes it anew.
            return []
        return WorkerFlowRunResponse.model_validate_list(answer.json())

    async def _submit_scheduled_flow_runs(self, flow_run_response: list[WorkerFlowRunResponse]) -> list[FlowRun]:
        """Begin as many runs as there are free slots."""
        if self._runs_task_group is None:
            raise RuntimeError("the worker is not set up")
        due = [entry.flow_run for entry in flow_run_response if entry.flow_run.id not in self._runs]
        begun = due[: self._free_slots]
        for flow_run in begun:
            self.limiter.acquire_on_behalf_of_nowait(flow_run.id)
            self._runs[flow_run.id] = WarmRun(flow_run, self._loop)
            self._idle.clear()
            self._runs_task_group.start_soon(self._submit_run, flow_run)
        return begun

    async def _submit_run(self, flow_run: FlowRun) -> None:
        """Claim a run and run it.

        The base class asks the server nine times before the flow begins, for infrastructure that a run here does not
        have. Only the claim is needed: Scheduled → Pending, which the server grants to one worker.
        """
        try:
            if await self._propose_pending_state(flow_run):
                await self.run(flow_run, BaseJobConfiguration())
        finally:
            del self._runs[flow_run.id]
            self._release_limit_slot(flow_run.id)
            if not self._runs:
                self._idle.set()
            if self._more_may_be_due:
                self._poll_now()

    async def _initialize_after_sync(self) -> None:
        await super()._initialize_after_sync()
        if self._listen_task is None and self._work_pool is not None:
            self._listen_task = asyncio.create_task(self._listen(self._work_pool.id))
            self._exit_stack.push_async_callback(_end, self._listen_task)

    async def _listen(self, work_pool_id: UUID) -> None:
        """Begin, cancel or suspend runs as soon as the server's events say so. Polls and heartbeats find what was
        lost.
        """
        async for event in run_events(work_pool_id):
            if event.change is RunChange.SCHEDULED:
                self._poll_now()
            elif (run := self._runs.get(event.flow_run_id)) is None or run.began_after(event.occurred):
                continue
            elif event.change is RunChange.CANCELLING:
                run.interrupt(Interruption.BY_USER)
            else:
                run.suspend(event.id, event.occurred)

    async def _look_for_cancellations(self) -> None:
        if self._runs:
            mine = FlowRunFilter(id=FlowRunFilterId(any_=list(self._runs)))
            for found in await self.client.read_flow_runs(flow_run_filter=mine):
                if (run := self._runs.get(found.id)) is not None and found.state and found.state.is_cancelling():
                    run.interrupt(Interruption.BY_USER)

    def _poll_now(self) -> None:
        """Poll now. Requests during a poll lead to one more poll after it."""
        self._poll_requested = True
        if self._poll_task is None or self._poll_task.done():
            self._poll_task = asyncio.create_task(self._poll_while_requested())

    async def _poll_while_requested(self) -> None:
        while self._poll_requested:
            self._poll_requested = False
            try:
                await self.get_and_submit_flow_runs()
            except httpx.HTTPStatusError:
                # The regular poll meets the same error and ends the worker.
                return

    async def _wait_for_server(self, error: httpx.HTTPError) -> None:
        if self._server_wait == 0:
            self._logger.warning("The Prefect server does not answer; waiting for it: %s", in_a_line(error))
        self._server_wait = min(LONGEST_WAIT, 2 * self._server_wait or SHORTEST_WAIT)
        await asyncio.sleep(self._server_wait)

    async def _report(self, flow_run: FlowRun, state: State[Any]) -> None:
        try:
            await self.client.set_flow_run_state(flow_run.id, state)
        except (httpx.HTTPError, ObjectNotFound):
            self.get_flow_run_logger(flow_run).exception("The state %s could not be reported.", state.name)

    def _health(self) -> Health:
        """Both loops have to go on: this one fetches and cancels runs, the other one runs them."""
        mine = asyncio.get_running_loop().call_soon_threadsafe
        return Health({"worker's": mine, "flows'": self._loop.call}, lambda: self._loop.submit(self._check))

    async def _check(self) -> None:
        from underwriting.runtime import check_runtime  # noqa: PLC0415 - late, as in _open_runtime

        if self._stopping:
            raise NotReady("the worker is stopping")
        if not self.is_setup:
            raise NotReady("the worker is starting")
        if self._server_wait:
            raise NotReady("the Prefect server does not answer")
        await check_runtime()

    @property
    def _free_slots(self) -> int:
        return int(self.limiter.available_tokens)

    async def _wait_for_any(self, seconds: float, *events: asyncio.Event) -> None:
        """Wait until one of the events, for at most `seconds`."""
        waiting = [asyncio.create_task(event.wait()) for event in events]
        await asyncio.wait(waiting, timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
        for task in waiting:
            await _end(task)


def _open_runtime() -> AbstractAsyncContextManager[object]:
    """What the runs share. Imported late: every command of Prefect imports this module to know the worker type."""
    from underwriting.runtime import open_runtime  # noqa: PLC0415

    return open_runtime()


async def _end(task: asyncio.Task[Any]) -> None:
    task.cancel()
    with suppress(asyncio.CancelledError):
        await task
