"""`underwriting outbox`: messages that their receivers would not take."""

import getpass
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from underwriting.cli.errors import refuse
from underwriting.cli.store import with_store
from underwriting.store import outbox
from underwriting.store.models import MessageRow
from underwriting.store.session import Store

app = typer.Typer(no_args_is_help=True, help="Messages that nobody would take: dead, redrive.")


@app.command()
def dead(limit: Annotated[int, typer.Option(min=1)] = 100) -> None:
    """List the messages that are given up, oldest first, and why."""

    async def work(store: Store) -> list[MessageRow]:
        async with store.read() as unit:
            return await outbox.dead(unit, limit)

    table = Table("message", "channel", "tenant", "about", "tries", "why")
    for message in with_store(work):
        cells = (message.id, message.channel, message.tenant, message.subject_id, str(message.attempts))
        table.add_row(*cells, message.trouble or "")
    Console().print(table)


@app.command()
def redrive(ids: Annotated[list[str], typer.Argument(help="Message ids, as `dead` shows them.")]) -> None:
    """Give dead messages all their tries back."""

    async def work(store: Store) -> list[str]:
        async with store.begin() as unit:
            return await outbox.redrive(unit, ids, getpass.getuser())

    redriven = with_store(work)
    for message_id in redriven:
        typer.echo(f"{message_id} is due again")
    if missing := sorted(set(ids) - set(redriven)):
        refuse(f"not dead, so not redriven: {', '.join(missing)}")
