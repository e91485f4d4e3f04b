"""The context of limit runs on the command line: in this process, with a progress bar on standard error."""

from collections.abc import Awaitable, Callable
from contextlib import AbstractContextManager
from typing import TypeVar

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn, TimeElapsedColumn

from underwriting.cli.store import with_store
from underwriting.limit_runs.run_context import RunContext
from underwriting.settings import settings

T = TypeVar("T")


class ProgressBar(AbstractContextManager["ProgressBar"]):
    """Shows on standard error how far a run is."""

    def __init__(self) -> None:
        columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
        self._progress = Progress(*columns, console=Console(stderr=True))
        self._tasks: dict[str, TaskID] = {}

    def __enter__(self) -> "ProgressBar":
        self._progress.start()
        return self

    def __exit__(self, *_error: object) -> None:
        self._progress.stop()

    async def __call__(self, what: str, done: int, of: int) -> None:
        """Show that `done` of `of` shards are done."""
        if what not in self._tasks:
            self._tasks[what] = self._progress.add_task(what, total=of)
        self._progress.update(self._tasks[what], completed=done)


def with_run_context(work: Callable[[RunContext], Awaitable[T]]) -> T:
    """Run `work` with the store of the settings; an error that the user can do something about exits with code 2."""
    with ProgressBar() as bar:
        return with_store(lambda store: work(RunContext(store, settings(), progress=bar)))
