"""`underwriting notices`: list the notices that are due, print one, note that one was sent."""

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
from underwriting.notices import service
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
User = Annotated[str | None, typer.Option(help="The user, for a limit run.")]


@app.command()
def due(
    days: Annotated[int | None, typer.Option(min=0, help="Due within so many days; all by default.")] = None,
    tenant: Annotated[str | None, typer.Option(help="Only this tenant.")] = None,
    limit: Annotated[int, typer.Option(min=1)] = 100,
) -> None:
    """List unsent notices and undecided applications and evaluations, of all tenants, the most urgent first."""

    async def found(store: Store) -> tuple[date, list[Owed]]:
        today = store.day_of(datetime.now(UTC))
        until = None if days is None else today + timedelta(days=days)
        async with store.read() as unit:
            return today, await notices.due(unit, tenant, until, limit=limit)

    table = Table("due", "tenant", "about", "customer", "notice")
    today, due_notices = with_store(found)
    for owed in due_notices:
        late = " (overdue)" if owed.due < today else ""
        table.add_row(f"{owed.due}{late}", owed.tenant, owed.subject_id, owed.customer_id, owed.kind)
    # Wide enough for complete ids.
    Console(width=200).print(table)


@app.command()
def show(
    subject_id: Subject,
    user: User = None,
    form: Annotated[Form, typer.Option("--format", help="How to print it.")] = Form.TEXT,
) -> None:
    """Print a notice as it would be sent today. It names the customer."""
    with refusing(NoticeImpossible):
        written = with_store(lambda store: _written(store, subject_id, user))
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
    at: Annotated[datetime | None, typer.Option(help="When, UTC; now by default.")] = None,
    user: User = None,
) -> None:
    """Note that a notice was sent, and store its text; then it is no longer due."""
    moment = at.replace(tzinfo=UTC) if at is not None else None

    async def note(store: Store) -> Sending:
        return await service.sent(store, await _written(store, subject_id, user), how, moment, getpass.getuser())

    with refusing(NoticeImpossible):
        sending = with_store(note)
    typer.echo(f"{sending.id}: {sending.kind} about {subject_id} was sent by {how} at {sending.sent_at.isoformat()}")


async def _written(store: Store, subject_id: str, user: str | None) -> Written:
    config = settings() if settings().database_url else embedded_settings(settings())
    async with Sources(config) as sources:
        return await service.write(store, config, service.addressee_from(sources), None, subject_id, user)
