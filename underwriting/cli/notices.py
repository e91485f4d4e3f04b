"""`underwriting notices`: which notices are due, what each says, and that it was sent."""

import getpass
from datetime import UTC, date, datetime, timedelta
from enum import StrEnum
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from underwriting.cli.errors import refusing
from underwriting.cli.store import with_store
from underwriting.domain.notice import Owed
from underwriting.local import embedded_settings
from underwriting.notices import service as desk
from underwriting.notices.errors import NoticeImpossible
from underwriting.notices.service import Sending, Written
from underwriting.settings import settings
from underwriting.sources.sources import Sources
from underwriting.store import notices
from underwriting.store.session import Store

app = typer.Typer(no_args_is_help=True, help="Notices to customers: due, show, sent.")


class Form(StrEnum):
    """How a notice is printed."""

    TEXT = "text"
    HTML = "html"
    JSON = "json"


Subject = Annotated[str, typer.Argument(metavar="ID", help="An application, an evaluation or a limit run.")]
User = Annotated[str | None, typer.Option(help="The user, where it is about a limit run.")]


@app.command()
def due(
    days: Annotated[int | None, typer.Option(min=0, help="Due within so many days; all, where left out.")] = None,
    tenant: Annotated[str | None, typer.Option(help="Of this tenant alone.")] = None,
    limit: Annotated[int, typer.Option(min=1)] = 100,
) -> None:
    """List the notices that were not sent yet and what is not decided yet, of all tenants, the most urgent first."""

    async def work(store: Store) -> tuple[date, list[Owed]]:
        today = store.day_of(datetime.now(UTC))
        until = None if days is None else today + timedelta(days=days)
        async with store.read() as unit:
            return today, await notices.due(unit, tenant, until, limit=limit)

    table = Table("due", "tenant", "about", "customer", "notice")
    today, found = with_store(work)
    for owed in found:
        late = " (overdue)" if owed.due < today else ""
        table.add_row(f"{owed.due}{late}", owed.tenant, owed.subject_id, owed.customer_id, owed.kind)
    # Wide enough for every column: an id that is cut short would be of no use.
    Console(width=200).print(table)


@app.command()
def show(
    subject_id: Subject,
    user: User = None,
    form: Annotated[Form, typer.Option("--format", help="How to print it.")] = Form.TEXT,
) -> None:
    """Print a notice as it is to be sent today. It names the customer."""
    written = _with_store(subject_id, user)
    match form:
        case Form.TEXT:
            typer.echo(written.text)
        case Form.HTML:
            typer.echo(written.html)
        case Form.JSON:
            typer.echo(written.notice.model_dump_json(indent=2))


@app.command()
def sent(
    subject_id: Subject,
    how: Annotated[str, typer.Option(help="Such as letter or e-mail.")],
    at: Annotated[datetime | None, typer.Option(help="When, UTC; now where left out.")] = None,
    user: User = None,
) -> None:
    """Note that a notice was sent, with its text; from then on it is not due."""
    moment = at.replace(tzinfo=UTC) if at is not None else None

    async def work(store: Store) -> Sending:
        return await desk.sent(store, await _written(store, subject_id, user), how, moment, getpass.getuser())

    with refusing(NoticeImpossible):
        sending = with_store(work)
    typer.echo(f"{sending.id}: {sending.kind} about {subject_id} was sent by {how} at {sending.sent_at.isoformat()}")


def _with_store(subject_id: str, user: str | None) -> Written:
    with refusing(NoticeImpossible):
        return with_store(lambda store: _written(store, subject_id, user))


async def _written(store: Store, subject_id: str, user: str | None) -> Written:
    config = settings() if settings().database_url else embedded_settings(settings())
    async with Sources(config) as sources:
        return await desk.write(store, config, desk.addressee_from(sources), None, subject_id, user)
