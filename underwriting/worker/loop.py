"""The event loop that flow runs run on."""

import asyncio
import contextvars
import logging
import threading
from collections.abc import Callable, Coroutine
from concurrent.futures import Future
from contextlib import AbstractAsyncContextManager, AsyncExitStack
from typing import Any, TypeVar

import uvloop
from prefect.context import AsyncClientContext, SyncClientContext

log = logging.getLogger(__name__)

T = TypeVar("T")
OpenRuntime = Callable[[], AbstractAsyncContextManager[object]]
# How long closing may take; a loop that a flow blocks for longer is abandoned.
CLOSING_SECONDS = 3.0


class FlowLoop:
    """An event loop in a thread of its own, with one Prefect client and one runtime that stay open
    as long as it lives.

    Not the worker's own loop, for three reasons: a flow that blocks must not keep the worker from renewing and
    cancelling; Prefect's engine takes over SIGTERM where it runs in the main thread, and here SIGTERM is the worker's;
    and a flow that calls `sys.exit` must end only itself.
    """

    def __init__(self, open_runtime: OpenRuntime) -> None:
        self._open_runtime = open_runtime
        self._stack = AsyncExitStack()
        self._stopping = False

    async def __aenter__(self) -> "FlowLoop":
        self._loop = uvloop.new_event_loop()
        self._context = contextvars.copy_context()
        self._thread = threading.Thread(target=self._run, name="flows", daemon=True)
        self._thread.start()
        async with AsyncExitStack() as on_failure:
            on_failure.push_async_callback(self._close)
            await self._in_shared_context(self._open)
            on_failure.pop_all()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._close()

    def submit(self, work: Callable[[], Coroutine[Any, Any, T]]) -> Future[T]:
        """Run `work` on the loop, in a context of its own; from any thread."""
        return self._context.copy().run(asyncio.run_coroutine_threadsafe, work(), self._loop)

    def call(self, function: Callable[[], object]) -> None:
        """Call `function` on the loop soon; from any thread."""
        self._loop.call_soon_threadsafe(function)

    async def _open(self) -> None:
        await self._stack.enter_async_context(AsyncClientContext())
        # Prefect's engine takes a synchronous client for a moment here and there; making one reads all certificates.
        self._stack.enter_context(SyncClientContext())
        await self._stack.enter_async_context(self._open_runtime())

    async def _close(self) -> None:
        try:
            async with asyncio.timeout(CLOSING_SECONDS):
                await self._in_shared_context(self._stack.aclose)
        except TimeoutError:
            log.warning("a flow blocks its event loop; the loop is abandoned")
            return
        self._stopping = True
        self._loop.call_soon_threadsafe(self._loop.stop)
        await asyncio.to_thread(self._thread.join, CLOSING_SECONDS)

    async def _in_shared_context(self, work: Callable[[], Coroutine[Any, Any, None]]) -> None:
        """Run `work` in the context that every run copies, so that runs see what it opens."""
        done: Future[None] = Future()

        async def report() -> None:
            try:
                await work()
            # Crosses threads: the waiting side raises whatever it is.
            except BaseException as error:  # noqa: BLE001
                done.set_exception(error)
            else:
                done.set_result(None)

        self._loop.call_soon_threadsafe(lambda: self._loop.create_task(report(), context=self._context))
        await asyncio.wrap_future(done)

    def _run(self) -> None:
        asyncio.set_event_loop(self._loop)
        while not self._stopping:
            try:
                self._loop.run_forever()
            except (SystemExit, KeyboardInterrupt) as error:
                # asyncio lets these out of the loop; the run that raised them is reported as crashed.
                log.warning("a flow asked the process to exit (%r); the worker goes on", error)
        self._end_tasks()
        self._loop.close()

    def _end_tasks(self) -> None:
        tasks = asyncio.all_tasks(self._loop)
        for task in tasks:
            task.cancel()
        self._loop.run_until_complete(asyncio.gather(*tasks, return_exceptions=True))
        self._loop.run_until_complete(self._loop.shutdown_asyncgens())
