"""One flow run inside the worker's process."""

import asyncio
from datetime import datetime
from functools import partial
from typing import Any
from uuid import UUID

from prefect.client.orchestration import get_client
from prefect.client.schemas.objects import FlowRun, State, StateType
from prefect.exceptions import Abort, Pause
from prefect.flows import Flow
from prefect.states import Cancelled, Crashed

from underwriting.worker.engine import Interruption, WarmEngine
from underwriting.worker.loop import FlowLoop
from underwriting.worker.prefect_private import mark_flow_run_suspension_requested


class WarmRun:
    """A run from its claim to its end. Interrupting it touches no other run."""

    def __init__(self, flow_run: FlowRun, loop: FlowLoop) -> None:
        self.flow_run = flow_run
        self._loop = loop
        self._interruption: Interruption | None = None
        self._engine: WarmEngine | None = None
        self._task: asyncio.Task[Any] | None = None

    def began_after(self, moment: datetime) -> bool:
        """Whether what happened at `moment`, by the server's clock, concerns an earlier execution of this run."""
        state = self.flow_run.state
        return state is not None and moment <= state.timestamp

    async def execute(self, flow: Flow[..., Any]) -> None:
        """Run `flow` on the flow loop until its end is reported. Raises where the end could not be reported."""
        await asyncio.wrap_future(self._loop.submit(partial(self._execute, flow)))

    def interrupt(self, why: Interruption) -> None:
        """Cancel the run's asyncio task, or keep it from starting; from any thread, at any time, once."""
        self._loop.call(partial(self._interrupt, why))

    def suspend(self, state_id: UUID, moment: datetime) -> None:
        """Let the run stop at its next task, as Prefect does on a suspension."""
        state: State[Any] = State(id=state_id, type=StateType.PAUSED, name="Suspended", timestamp=moment)
        mark_flow_run_suspension_requested(self.flow_run.id, state)

    async def _execute(self, flow: Flow[..., Any]) -> None:
        engine = WarmEngine.of(flow, self.flow_run)
        if self._interruption is not None:
            await _report_not_started(self.flow_run.id, self._interruption)
            return
        self._engine, self._task = engine, asyncio.current_task()
        try:
            await engine.run()
        except (Abort, Pause, asyncio.CancelledError, SystemExit, KeyboardInterrupt):
            # The server said so, or the engine has reported it.
            return
        finally:
            self._engine = self._task = None

    def _interrupt(self, why: Interruption) -> None:
        if self._interruption is not None:
            return
        self._interruption = why
        if self._engine is not None and self._task is not None:
            self._engine.interruption = why
            self._task.cancel(why.value)


async def _report_not_started(flow_run_id: UUID, why: Interruption) -> None:
    message = f"It never began: {why.value}."
    state: State[Any] = Cancelled(message=message) if why is Interruption.BY_USER else Crashed(message=message)
    async with get_client() as client:
        await client.set_flow_run_state(flow_run_id, state, force=True)
