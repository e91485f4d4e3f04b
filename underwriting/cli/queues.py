"""`underwriting inbox` and `underwriting outbox`: what could not be handled or delivered."""

import getpass
from collections.abc import Callable
from typing import Annotated, TypeVar

import typer
from rich import box
from rich.console import Console
from rich.table import Table

from underwriting.cli.errors import refuse
from underwriting.cli.store import read_store, write_store
from underwriting.store.models import EventRow, MessageRow, QueuedRow
from underwriting.store.queue import inbox as events
from underwriting.store.queue import outbox as messages
from underwriting.store.queue.leased import Queue

R = TypeVar("R", bound=QueuedRow)


def _commands(queue: Queue[R], described: str, about: Callable[[R], str]) -> typer.Typer:
    """The commands of one queue; `about` describes a row."""
    app = typer.Typer(no_args_is_help=True, help=f"{described}: dead, redrive.")

    @app.command(help=f"List every {queue.name} that was given up, oldest first, with the reason.")
    def dead(limit: Annotated[int, typer.Option(min=1)] = 100) -> None:
        table = Table(box=box.SIMPLE_HEAD)
        # Complete ids, to be copied.
        table.add_column(queue.name, no_wrap=True)
        table.add_column("about, and why")
        for row in read_store(lambda work: queue.dead(work, limit)):
            table.add_row(row.id, f"{about(row)}; after {row.attempts} attempts: {row.trouble or ''}")
        Console().print(table)

    @app.command(help=f"Give a dead {queue.name} all its attempts back.")
    def redrive(ids: Annotated[list[str], typer.Argument(help="Ids, as `dead` shows them.")]) -> None:
        redriven = write_store(lambda work: queue.redrive(work, ids, getpass.getuser()))
        for row_id in redriven:
            typer.echo(f"{row_id} is due again")
        if missing := sorted(set(ids) - set(redriven)):
            refuse(f"not dead, so not redriven: {', '.join(missing)}")

    return app


def _event(row: EventRow) -> str:
    return f"{row.type} {row.event_id} of {row.source}, about {row.tenant}/{row.user_id}"


def _message(row: MessageRow) -> str:
    return f"{row.channel} of {row.tenant}, about {row.subject_id}"


inbox = _commands(events.QUEUE, "Events that could not be handled", _event)
outbox = _commands(messages.QUEUE, "Messages that could not be delivered", _message)
