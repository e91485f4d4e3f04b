"""`underwriting inbox` and `underwriting outbox`: what waits, and what could not be handled or delivered."""

from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from typing import Annotated, Any, TypeVar

import typer

from underwriting.cli.errors import refuse
from underwriting.cli.output import Json, ago, first_of, new_table, print_json, print_table
from underwriting.cli.person import this_person
from underwriting.cli.store import read_store, write_store
from underwriting.store.models import EventRow, MessageRow, QueuedRow, QueueState
from underwriting.store.queue import inbox as events
from underwriting.store.queue import outbox as messages
from underwriting.store.queue.leased import Queue
from underwriting.store.session import Work

R = TypeVar("R", bound=QueuedRow)
_WHY_LEFT = {
    None: "there is no {name} of this id; `pending` and `dead` list them",
    QueueState.DONE: "it is done already",
    QueueState.PENDING: "it is being tried right now; look again in a minute",
}
Limit = Annotated[int, typer.Option(min=1, help="At most so many are listed.")]


def _commands(queue: Queue[R], described: str, about: Callable[[R], dict[str, Any]]) -> typer.Typer:
    """The commands of one queue; `about` describes a row."""
    app = typer.Typer(no_args_is_help=True, help=f"{described}: pending, dead, redrive.")

    def show(find: Callable[[Work, int], Awaitable[list[R]]], limit: int, which: str, *, as_json: bool) -> None:
        found = first_of(read_store(lambda work: find(work, limit + 1)), limit)
        rows = [_described(row, about(row)) for row in found]
        if as_json:
            print_json(rows)
            return
        table = new_table(
            queue.name, "tries", "since", "about, and why", right=("tries", "since"), wraps=("about, and why",)
        )
        for row in rows:
            told = f"{row['about']}{_next(row)}{'; ' + row['trouble'] if row['trouble'] else ''}"
            table.add_row(row["id"], str(row["attempts"]), ago(row["since"]), told)
        print_table(table, f"No {queue.name} is {which}.")

    @app.command(help=f"List every {queue.name} that is not done yet, oldest first, with the last failure.")
    def pending(limit: Limit = 100, as_json: Json = False) -> None:
        show(queue.pending, limit, "pending", as_json=as_json)

    @app.command(help=f"List every {queue.name} that was given up, oldest first, with the reason.")
    def dead(limit: Limit = 100, as_json: Json = False) -> None:
        show(queue.dead, limit, "dead", as_json=as_json)

    @app.command(
        help=f"Give each {queue.name}, dead or waiting for its next try, all its tries back; it is due at once."
    )
    def redrive(
        ids: Annotated[list[str], typer.Argument(help="Ids, as `dead` and `pending` show them.")],
        as_json: Json = False,
    ) -> None:
        redriven, left = write_store(lambda work: _redrive(work, queue, ids))
        if as_json:
            print_json({"redriven": redriven, "not_redriven": left})
        else:
            for row_id in redriven:
                typer.echo(f"{row_id} is due now, with all its tries; the housekeeping takes it within seconds")
        if left:
            refuse("; ".join(f"{row_id}: {why}" for row_id, why in left.items()))

    return app


async def _redrive(work: Work, queue: Queue[R], ids: list[str]) -> tuple[list[str], dict[str, str]]:
    """The ids that are due again, and why the others are not."""
    redriven = await queue.redrive(work, ids, this_person())
    states = await queue.states(work, ids)
    left = [row_id for row_id in dict.fromkeys(ids) if row_id not in redriven]
    return redriven, {row_id: _WHY_LEFT[states.get(row_id)].format(name=queue.name) for row_id in left}


def _described(row: QueuedRow, about: dict[str, Any]) -> dict[str, Any]:
    described = {"id": row.id, "attempts": row.attempts, "due_at": row.due_at, "trouble": row.trouble}
    return described | {"state": row.state} | about


def _next(row: dict[str, Any]) -> str:
    """When a row that failed is tried again."""
    if row["state"] is not QueueState.PENDING or not row["attempts"]:
        return ""
    return f"; again in {ago(datetime.now(UTC), row['due_at'])}" if row["due_at"] > datetime.now(UTC) else "; due now"


def _event(row: EventRow) -> dict[str, Any]:
    about = f"{row.type} {row.event_id} of {row.source}, about {row.tenant}/{row.user_id}"
    keys = {"type": row.type, "event_id": row.event_id, "source": row.source, "tenant": row.tenant}
    return keys | {"user_id": row.user_id, "since": row.received_at, "about": about}


def _message(row: MessageRow) -> dict[str, Any]:
    keys = {"channel": row.channel, "tenant": row.tenant, "subject_id": row.subject_id}
    return keys | {"since": row.created_at, "about": f"{row.channel} of {row.tenant}, about {row.subject_id}"}


inbox = _commands(events.QUEUE, "Events received", _event)
outbox = _commands(messages.QUEUE, "Messages to send", _message)
