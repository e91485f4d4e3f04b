"""Shutting down in order on SIGINT and SIGTERM."""

import asyncio
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

END_SIGNALS = (signal.SIGINT, signal.SIGTERM)


@contextmanager
def ending_on_signals(asked_again: Callable[[], object] = lambda: None) -> Iterator[None]:
    """The first SIGINT or SIGTERM cancels the current task, and the block ends quietly after its clean-up; every
    further one calls `asked_again`. Outside the main thread, where no signals arrive, it does nothing.
    """
    loop, task = asyncio.get_running_loop(), asyncio.current_task()
    if task is None or threading.current_thread() is not threading.main_thread():
        yield
        return
    asked = False

    def end() -> None:
        nonlocal asked
        if asked:
            asked_again()
        else:
            asked = True
            task.cancel()

    for number in END_SIGNALS:
        loop.add_signal_handler(number, end)
    try:
        yield
    except asyncio.CancelledError:
        if not asked:
            raise
        task.uncancel()
    finally:
        for number in END_SIGNALS:
            loop.remove_signal_handler(number)
