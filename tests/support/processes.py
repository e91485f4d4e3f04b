"""Worker processes, forked from the test's own: they start in milliseconds, so a kill hits work and not imports."""

import asyncio
import multiprocessing
import os
from collections.abc import Callable, Coroutine
from multiprocessing.process import BaseProcess
from typing import Any

from underwriting.settings import settings

_fork = multiprocessing.get_context("fork")


def start(work: Callable[..., Coroutine[Any, Any, None]], *arguments: object, failpoint: str = "") -> BaseProcess:
    """Run `work(*arguments)` on a loop of a process of its own, which dies at `failpoint`."""
    process = _fork.Process(target=_child, args=(work, arguments, failpoint))
    process.start()
    return process


def _child(work: Callable[..., Coroutine[Any, Any, None]], arguments: tuple[object, ...], failpoint: str) -> None:
    os.environ["UNDERWRITING_FAILPOINT"] = failpoint
    settings.cache_clear()
    asyncio.run(work(*arguments))
