"""`underwriting inbox`: events that could not be handled."""

import getpass
from typing import Annotated

import typer
from rich import box
from rich.console import Console
from rich.table import Table

from underwriting.cli.errors import refuse
from underwriting.cli.store import with_store
from underwriting.store import inbox
from underwriting.store.models import EventRow
from underwriting.store.session import Store

app = typer.Typer(no_args_is_help=True, help="Events that could not be handled: dead, redrive.")


@app.command()
def dead(limit: Annotated[int, typer.Option(min=1)] = 100) -> None:
    """List the events that are given up, oldest first, and why."""

    async def work(store: Store) -> list[EventRow]:
        async with store.read() as unit:
            return await inbox.dead(unit, limit)

    table = Table(box=box.SIMPLE_HEAD)
    # Ids are there to be copied.
    table.add_column("event", no_wrap=True)
    table.add_column("of whom, and why")
    for event in with_store(work):
        told = f"{event.type} {event.event_id} of {event.source}, about {event.tenant}/{event.user_id}"
        table.add_row(event.id, f"{told}; after {event.attempts} tries: {event.trouble or ''}")
    Console().print(table)


@app.command()
def redrive(ids: Annotated[list[str], typer.Argument(help="Event ids, as `dead` shows them.")]) -> None:
    """Give dead events all their tries back."""

    async def work(store: Store) -> list[str]:
        async with store.begin() as unit:
            return await inbox.redrive(unit, ids, getpass.getuser())

    redriven = with_store(work)
    for event_id in redriven:
        typer.echo(f"{event_id} is due again")
    if missing := sorted(set(ids) - set(redriven)):
        refuse(f"not dead, so not redriven: {', '.join(missing)}")
