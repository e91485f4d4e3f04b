"""`underwriting notices`: list the notices that are due, print one, note that one was sent."""

from datetime import UTC, date, datetime, timedelta
from enum import StrEnum
from typing import Annotated

import typer

from underwriting.cli.errors import refusing
from underwriting.cli.output import Json, first_of, moment_text, new_table, print_json, print_table
from underwriting.cli.person import this_person
from underwriting.cli.store import with_store
from underwriting.domain.notice import Owed
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
    limit: Annotated[int, typer.Option(min=1, help="At most so many are listed.")] = 100,
    as_json: Json = False,
) -> None:
    """List unsent notices and undecided applications and evaluations, of all tenants, the most urgent first."""

    async def found(store: Store) -> tuple[date, list[Owed]]:
        today = store.day_of(datetime.now(UTC))
        until = None if days is None else today + timedelta(days=days)
        async with store.read() as unit:
            return today, await notices.due(unit, tenant, until, limit=limit + 1)

    today, rows = with_store(found)
    due_notices = first_of(rows, limit)
    if as_json:
        print_json([owed.model_dump() | {"overdue": owed.due < today} for owed in due_notices])
        return
    table = new_table("due", "about", "tenant, customer, notice", wraps=("tenant, customer, notice",))
    for owed in due_notices:
        late = "; overdue" if owed.due < today else ""
        table.add_row(str(owed.due), owed.subject_id, f"{owed.tenant}/{owed.customer_id}: {owed.kind}{late}")
    print_table(table, "No notice is due." if days is None else f"No notice is due in the next {days} days.")


@app.command()
def show(
    subject_id: Subject,
    user: User = None,
    form: Annotated[Form, typer.Option("--format", help="How to print it.")] = Form.TEXT,
    as_json: Json = False,
) -> None:
    """Print a notice as it would be sent today. It names the customer."""
    with refusing(NoticeImpossible):
        written = with_store(lambda store: _written(store, subject_id, user))
    match Form.JSON if as_json else form:
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
    at: Annotated[
        datetime | None, typer.Option(metavar="YYYY-MM-DDTHH:MM:SS", help="When, UTC; now by default.")
    ] = None,
    user: User = None,
    as_json: Json = False,
) -> None:
    """Note that a notice was sent, and store its text; then it is no longer due."""
    moment = at.replace(tzinfo=UTC) if at is not None else None

    async def note(store: Store) -> Sending:
        return await service.sent(store, await _written(store, subject_id, user), how, moment, this_person())

    with refusing(NoticeImpossible):
        sending = with_store(note)
    if as_json:
        print_json(sending)
        return
    typer.echo(f"{sending.id}: {sending.kind} about {subject_id} was sent by {how} on {moment_text(sending.sent_at)}")


async def _written(store: Store, subject_id: str, user: str | None) -> Written:
    config = settings()
    if not config.database_url:
        from underwriting.local import embedded_settings  # noqa: PLC0415 - production has no embedded services

        config = embedded_settings(config)
    async with Sources(config) as sources:
        return await service.write(store, config, service.addressee_from(sources), None, subject_id, user)
