"""Processes that are forked, from the test's own or from one that has imported limit runs.

They start in milliseconds, so a kill hits work and not imports.
"""

import asyncio
import multiprocessing
import os
from collections.abc import Callable, Coroutine
from multiprocessing.process import BaseProcess
from typing import Any

from underwriting.settings import settings

_fork = multiprocessing.get_context("fork")
# Forked from a process without threads, which imports these once.
_fork_server = multiprocessing.get_context("forkserver")
_fork_server.set_forkserver_preload(["underwriting.limit_runs.run", "aiosqlite", "asyncpg"])


def start(work: Callable[..., Coroutine[Any, Any, None]], *arguments: object, failpoint: str = "") -> BaseProcess:
    """Run `work(*arguments)` on a loop of a process of its own, which dies at `failpoint`."""
    process = _fork.Process(target=_child, args=(work, arguments, failpoint))
    process.start()
    return process


def _child(work: Callable[..., Coroutine[Any, Any, None]], arguments: tuple[object, ...], failpoint: str) -> None:
    os.environ["UNDERWRITING_FAILPOINT"] = failpoint
    settings.cache_clear()
    asyncio.run(work(*arguments))


def exit_code(work: Callable[..., object], *arguments: object, failpoint: str) -> int | None:
    """Run `work(*arguments)` in the environment of now in a process that dies at `failpoint`, and wait for its end."""
    environment = {**os.environ, "UNDERWRITING_FAILPOINT": failpoint}
    process = _fork_server.Process(target=_run, args=(environment, work, arguments))
    process.start()
    process.join()
    return process.exitcode


def _run(environment: dict[str, str], work: Callable[..., object], arguments: tuple[object, ...]) -> None:
    os.environ.clear()
    os.environ.update(environment)
    work(*arguments)
