"""The context of limit runs on the command line: in this process, with a progress bar on standard error."""

from collections.abc import Awaitable, Callable
from typing import TypeVar

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn, TimeElapsedColumn

from underwriting.cli.store import with_store
from underwriting.limit_runs.run_context import RunContext
from underwriting.settings import settings

T = TypeVar("T")


class ProgressBar(Progress):
    """Shows on standard error how far a run is."""

    def __init__(self) -> None:
        columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
        super().__init__(*columns, console=Console(stderr=True))
        self._task_ids: dict[str, TaskID] = {}

    def start(self) -> None:
        """Begin to show it with the first step: a bar without any would end with an empty line."""
        if self.tasks:
            super().start()

    def stop(self) -> None:
        """End it, if it has begun."""
        if self.tasks:
            super().stop()

    async def __call__(self, what: str, done: int, of: int) -> None:
        """Show that `done` of `of` shards are done."""
        if what not in self._task_ids:
            self._task_ids[what] = self.add_task(what, total=of)
            self.start()
        self.update(self._task_ids[what], completed=done)


def with_run_context(work: Callable[[RunContext], Awaitable[T]]) -> T:
    """Run `work` with the store of the settings; an error that the user can do something about exits with code 2."""
    with ProgressBar() as bar:
        return with_store(lambda store: work(RunContext(store, settings(), progress=bar)))
