"""Prefect's flow engine, fit to share its process with other runs."""

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from enum import Enum
from typing import Any

from prefect.client.schemas.objects import FlowRun
from prefect.exceptions import ParameterBindError, SignatureMismatchError, TerminationSignal
from prefect.flows import Flow

from underwriting.worker.flows import NotRunnable
from underwriting.worker.prefect_private import (
    AsyncFlowRunEngine,
    FlowRunSuspensionRequest,
    flow_parameters,
    register_flow_run_suspension_request,
)


class Interruption(Enum):
    """Why a run is stopped from outside."""

    BY_USER = "cancelled in the UI or through the API"
    BY_WORKER = "the worker stops"


@dataclass
class WarmEngine(AsyncFlowRunEngine[Any, Any]):
    """One run. Prefect's engine expects a process to itself in two places, and only these are changed."""

    interruption: Interruption | None = None

    @classmethod
    def of(cls, flow: Flow[..., Any], flow_run: FlowRun) -> "WarmEngine":
        """The engine of `flow_run`; NotRunnable where the run's parameters are not the flow's."""
        try:
            parameters = flow_parameters(flow, flow_run, None)
        except (ParameterBindError, SignatureMismatchError) as error:
            raise NotRunnable(f"the parameters are not those of the flow {flow.name!r}: {error}") from error
        engine = cls(flow=flow, flow_run=flow_run, parameters=parameters)
        # Whoever created the run may have named it already as the flow would: then it is not renamed.
        engine._flow_run_name_set = flow_run.name == _given_name(flow, parameters)
        return engine

    async def run(self) -> None:
        """Run the flow, retries included, and report every state. Raises only where the run cannot be reported."""
        async with self.start():
            while self.is_running():
                async with self.run_context():
                    # Annotated, in Prefect, as if it returned yet another coroutine.
                    _: Any = await self.call_flow_fn()

    @contextmanager
    def setup_flow_run_suspension_request(self) -> Iterator[FlowRunSuspensionRequest]:
        """Take note of suspensions. The worker watches for them over one connection for all its runs; Prefect's engine
        would open a connection for each, in a thread of its own, and block the event loop while it opens and closes.
        """
        if self.flow_run is None:
            raise ValueError("Flow run not set")
        request = self._get_flow_run_suspension_request()
        with register_flow_run_suspension_request(self.flow_run.id, request):
            request.raise_if_requested()
            yield request

    async def handle_crash(self, exc: BaseException) -> None:
        """Report why a run was stopped: Prefect's engine asks a flag of the whole process."""
        match self.interruption:
            case Interruption.BY_USER:
                await self.handle_cancellation(exc)
            case Interruption.BY_WORKER:
                await super().handle_crash(TerminationSignal(signal.SIGTERM))
            case None:
                await super().handle_crash(exc)


def _given_name(flow: Flow[..., Any], parameters: dict[str, Any]) -> str | None:
    """The name that a flow's template gives a run, None where that takes more than plain parameters."""
    if not isinstance(flow.flow_run_name, str):
        return None
    try:
        return flow.flow_run_name.format(**parameters)
    except (LookupError, AttributeError):
        return None
