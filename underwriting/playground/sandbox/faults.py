"""Faults that can be switched on for every service: latency, errors, and answers lost after the work was done.

The fault of a call depends only on the seed, the service, the path and the number of earlier calls of that path: two
runs with one seed and the same calls see the same faults, in whatever order the calls arrive.
"""

import asyncio
from collections import Counter
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from underwriting.domain.service import Service
from underwriting.playground.sandbox.statement_plans import seeded

Share = Annotated[float, Field(ge=0, le=1)]
Seconds = Annotated[float, Field(ge=0, le=600)]
# A service's prefix; the receiver of results fails like any other.
Prefix = Service | Literal["results"]
PREFIXES = frozenset({*map(str, Service), "results"})


class Fault(BaseModel):
    """What is wrong with one service."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    latency: Seconds = Field(default=0.0, description="Seconds before every answer")
    jitter: Seconds = Field(default=0.0, description="Up to this many seconds more")
    error_rate: Share = Field(default=0.0, description="Share of calls answered with `error_status`, nothing done")
    error_status: int = Field(default=503, ge=400, le=599)
    retry_after: int | None = Field(default=None, ge=0, description="Sent with an error, seconds")
    lost_rate: Share = Field(default=0.0, description="Share of calls done, but cut off without an answer")
    first: int | None = Field(default=None, ge=1, description="Only the first this many calls of a path suffer")


class Control(BaseModel):
    """What is wrong with the sandbox; services that are not named have the fault of `others`."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    seed: int = 0
    services: dict[Prefix, Fault] = Field(default_factory=dict)
    others: Fault = Fault()
    bureau_idempotent: bool = Field(default=True, description="False: the bureau ignores Idempotency-Key")


class Faults:
    """The faults that are switched on, and how often every service was called."""

    def __init__(self) -> None:
        self.control = Control()
        self.calls: Counter[str] = Counter()
        self._tries: Counter[str] = Counter()

    def switch(self, control: Control) -> None:
        """Take `control` from now on; its draws start from the beginning."""
        self.control = control
        self._tries.clear()

    def middleware(self, app: ASGIApp) -> ASGIApp:
        """`app` behind the faults."""

        async def guarded(scope: Scope, receive: Receive, send: Send) -> None:
            prefix = scope.get("path", "").removeprefix("/").partition("/")[0]
            if scope["type"] == "http" and prefix in PREFIXES:
                self.calls[prefix] += 1
                fault = self.control.services.get(prefix, self.control.others)
                await self._apply(fault, app, scope, receive, send)
            else:
                await app(scope, receive, send)

        return guarded

    async def _apply(self, fault: Fault, app: ASGIApp, scope: Scope, receive: Receive, send: Send) -> None:
        path = scope["path"]
        self._tries[path] += 1
        if fault.first is not None and self._tries[path] > fault.first:
            fault = Fault()
        rng = seeded(self.control.seed, path, self._tries[path])
        wait, fails, loses = rng.random(), rng.random(), rng.random()
        if delay := fault.latency + fault.jitter * wait:
            await asyncio.sleep(delay)
        if fails < fault.error_rate:
            headers = {} if fault.retry_after is None else {"Retry-After": str(fault.retry_after)}
            await JSONResponse({"message": "a fault of the sandbox"}, fault.error_status, headers)(scope, receive, send)
        elif loses < fault.lost_rate:
            await app(scope, receive, _discard)
            await _close_connection(receive)
        else:
            await app(scope, receive, send)


async def _discard(_: Message) -> None:
    """Drop a part of an answer."""


async def _close_connection(receive: Receive) -> None:
    """Close the connection without a byte. ASGI has no message for it, so this uses uvicorn's transport."""
    connection: asyncio.Transport = receive.__self__.transport  # type: ignore[attr-defined]  # as said above
    connection.abort()
    while (await receive())["type"] != "http.disconnect":
        pass
