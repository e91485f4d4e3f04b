"""Where the command line works on limit runs: in this process, with a bar on standard error."""

from collections.abc import Awaitable, Callable
from contextlib import AbstractContextManager
from typing import TypeVar

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn, TimeElapsedColumn

from underwriting.cli.store import with_store
from underwriting.limit_runs.run_context import RunContext
from underwriting.settings import settings

T = TypeVar("T")


class Bar(AbstractContextManager["Bar"]):
    """How far a run is, on standard error."""

    def __init__(self) -> None:
        columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
        self._progress = Progress(*columns, console=Console(stderr=True))
        self._tasks: dict[str, TaskID] = {}

    def __enter__(self) -> "Bar":
        self._progress.start()
        return self

    def __exit__(self, *_error: object) -> None:
        self._progress.stop()

    async def __call__(self, what: str, done: int, of: int) -> None:
        """Say that so many of the shards are done."""
        if what not in self._tasks:
            self._tasks[what] = self._progress.add_task(what, total=of)
        self._progress.update(self._tasks[what], completed=done)


def at_desk(work: Callable[[RunContext], Awaitable[T]]) -> T:
    """Work with the store of the settings; what a user can do something about ends the command with exit code 2."""
    with Bar() as bar:
        return with_store(lambda store: work(RunContext(store, settings(), progress=bar)))
