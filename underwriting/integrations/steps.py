"""What an attempt at a decision does, step by step, for the execution log: which source it asks, and what it waits for.

`recording` names the attempt that the calls inside it belong to; outside of one nothing is noted. A step names sources,
documents and failures, never what was asked or answered.
"""

import asyncio
import time
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import Any

from underwriting.integrations.errors import CustomerNotFound, MalformedAnswer, SourceError, SourceOutage, SourceRefusal
from underwriting.process.metrics import metrics

# More steps of one attempt are not kept; a review with all its tries has about sixty.
MOST_STEPS = 200
RESULTS: dict[type[Exception], str] = {
    SourceOutage: "outage",
    SourceRefusal: "refused",
    CustomerNotFound: "not_found",
    MalformedAnswer: "malformed",
}


@dataclass
class Steps:
    """The steps of one attempt, in the order in which they began. One that goes on has no `seconds` yet.

    `after` is the time since the attempt began, in seconds: the log adds it to the database's clock.
    """

    began: float = field(default_factory=time.monotonic)
    taken: list[dict[str, Any]] = field(default_factory=list)

    def add(self, what: str, **about: object) -> dict[str, Any]:
        """Note a step that begins now; whoever takes it adds how it ends."""
        step = {"what": what, "after": round(time.monotonic() - self.began, 3), **about}
        if len(self.taken) < MOST_STEPS:
            self.taken.append(step)
        return step


_under_way: ContextVar[Steps | None] = ContextVar("steps", default=None)


@contextmanager
def recording(steps: Steps) -> Iterator[None]:
    """Note the steps that are taken inside the block, also in tasks that it starts."""
    before = _under_way.set(steps)
    try:
        yield
    finally:
        _under_way.reset(before)


@contextmanager
def asking(source: str, document: str) -> Iterator[None]:
    """Note, and measure, how long a source takes to answer with this document, and how that ends."""
    step: dict[str, Any] = {}
    try:
        with _timed("asked", source=source, document=document) as step:
            try:
                yield
            except SourceError as error:
                step |= {"result": RESULTS[type(error)], "why": error.why}
                raise
            except BaseException as error:
                step["result"] = "broken_off" if isinstance(error, asyncio.CancelledError) else "failed"
                raise
            step["result"] = "answered"
    finally:
        metrics().called(source, step["result"], step["seconds"])


@contextmanager
def waiting(source: str, why: str) -> Iterator[None]:
    """Note how long something holds a call back."""
    with _timed("waited", source=source, why=why):
        yield


@contextmanager
def _timed(what: str, **about: str) -> Iterator[dict[str, Any]]:
    step = (_under_way.get() or Steps()).add(what, **about)
    began = time.monotonic()
    try:
        yield step
    finally:
        step["seconds"] = round(time.monotonic() - began, 3)
