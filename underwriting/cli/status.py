"""`underwriting status`: what waits, is late, dead, held, quarantined or referred, and for how long."""

from collections.abc import Sequence
from datetime import UTC, datetime, time, timedelta
from enum import StrEnum
from typing import Annotated

import typer
from rich.padding import Padding
from rich.table import Table

from underwriting.cli.output import (
    Json,
    ago,
    console,
    first_of,
    new_table,
    print_json,
    print_table,
    to_decide,
    width_of,
)
from underwriting.cli.store import with_store
from underwriting.settings import settings
from underwriting.store import depths, notices
from underwriting.store.depths import Item, Waiting
from underwriting.store.session import Store


class Which(StrEnum):
    """What can be listed one by one."""

    REFERRED = "referred"
    CUSTOMERS = "customers"
    QUARANTINED = "quarantined"


_NONE = {
    Which.REFERRED: "Nothing is referred to a person.",
    Which.CUSTOMERS: "No application waits for its customer.",
    Which.QUARANTINED: "Nothing is quarantined.",
}
_FIND = {
    Which.REFERRED: depths.referred,
    Which.CUSTOMERS: depths.customers,
    Which.QUARANTINED: depths.quarantined,
}
# By heading: each queue with its words, and the command that shows or mends it.
_SCREEN = {
    "Applications": [
        ("applications", "under way", ""),
        ("applications_late", "late: the worker is gone", "the housekeeping starts them again"),
        ("referrals", "referred to a person", "underwriting status referred"),
        ("customers", "wait for the customer", "underwriting status customers"),
        ("applications_quarantined", "quarantined or cancelled", "underwriting status quarantined"),
    ],
    "Evaluations": [
        ("evaluations", "under way", ""),
        ("evaluations_late", "late: the worker is gone", "the housekeeping starts them again"),
        ("evaluations_referred", "referred to a person", "underwriting status referred"),
        ("evaluations_quarantined", "quarantined or cancelled", "underwriting status quarantined"),
        ("list_matches", "possible list matches", "underwriting lists matches"),
    ],
    "Events received": [
        ("inbox", "waiting", "underwriting inbox pending"),
        ("inbox_failing", "of these failed before", "underwriting inbox pending"),
        ("inbox_dead", "dead", "underwriting inbox dead"),
    ],
    "Messages to send": [
        ("outbox", "waiting", "underwriting outbox pending"),
        ("outbox_failing", "of these failed before", "underwriting outbox pending"),
        ("outbox_dead", "dead", "underwriting outbox dead"),
    ],
    "Limit runs": [
        ("limit_runs_late", "late: the worker is gone", "the housekeeping starts them again"),
        ("limit_runs_held", "held by the guard", "underwriting limits status"),
        ("limit_runs_incomplete", "incomplete", "underwriting limits status"),
    ],
    "Notices to customers": [
        ("notices_overdue", "overdue", "underwriting notices due"),
        ("notices_due_soon", "due soon", "underwriting notices due"),
    ],
}


def status(
    which: Annotated[Which | None, typer.Argument(help="List these one by one, oldest first.")] = None,
    limit: Annotated[int, typer.Option(min=1, help="At most so many are listed.")] = 100,
    as_json: Json = False,
) -> None:
    """Show what waits, is late, dead, held, quarantined or referred, over all tenants, and for how long."""
    if which is not None:
        _print_items(which, limit, as_json=as_json)
        return
    found = with_store(_found)
    if as_json:
        print_json({name: {"count": each.count, "oldest": each.oldest} for name, each in found.items()})
        return
    table = new_table("", "count", "oldest", "more", right=("count", "oldest"))
    for heading, rows in _SCREEN.items():
        table.add_row(f"[bold]{heading}[/]")
        for name, words, command in rows:
            each = found[name]
            oldest = ago(each.oldest) if each.oldest else ""
            table.add_row(f" {words}", f"{each.count:,}", oldest, command if each.count else "")
    console().print(table)


async def _found(store: Store) -> dict[str, Waiting]:
    today = store.day_of(datetime.now(UTC))
    until = today + timedelta(days=settings().notice_warning_days)
    async with store.read() as work:
        found = await depths.depths(work, slow=True)
        counts = await notices.counts(work, today, until)
        first = await notices.due(work, None, today - timedelta(days=1), limit=1) if counts["overdue"] else []
    oldest = datetime.combine(first[0].due, time(), UTC) if first else None
    overdue = Waiting(counts["overdue"], oldest)
    return found | {"notices_overdue": overdue, "notices_due_soon": Waiting(counts["due_soon"], None)}


def _print_items(which: Which, limit: int, *, as_json: bool) -> None:
    async def items(store: Store) -> list[Item]:
        async with store.read() as work:
            return await _FIND[which](work, limit + 1)

    found = first_of(with_store(items), limit)
    if as_json:
        print_json(found)
        return
    table = _items(found, why_below=False)
    if width_of(table) > console().width:
        table = _items(found, why_below=True)
    print_table(table, _NONE[which])
    if found and which is Which.QUARANTINED:
        typer.echo(f"To see what was tried: underwriting explain {found[0].id} --log")
        typer.echo(f"To put one back: underwriting retry {found[0].id}")
    elif found:
        typer.echo(f"To see why: underwriting explain {found[0].id}")
    if found and which is Which.REFERRED:
        typer.echo(to_decide(found[0].id))


def _items(found: Sequence[Item], *, why_below: bool) -> Table:
    """A row for each; where the terminal is too narrow for it, why is in the row below, under the id."""
    columns = ("id", "since", "tenant", "customer")
    if not why_below:
        table = new_table(*columns, "why", right=("since",))
        for item in found:
            table.add_row(item.id, ago(item.since), item.tenant, item.subject, item.why)
        return table
    table = new_table("id, and why", *columns[1:], right=("since",), wraps=("id, and why", "customer"))
    for item in found:
        table.add_row(item.id, ago(item.since), item.tenant, item.subject)
        if item.why:
            table.add_row(Padding(item.why, (0, 0, 0, 2)))
    return table
