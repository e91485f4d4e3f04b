"""`underwriting person`: what the store knows of one customer, and the erasure of what nothing demands to keep."""

import os
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any

import typer
from pydantic_core import to_json

from underwriting.cli.client import opaque_id
from underwriting.cli.errors import refuse, refusing
from underwriting.cli.output import (
    AlwaysJson,
    Json,
    confirmed,
    console,
    new_table,
    print_hanging,
    print_json,
    print_table,
)
from underwriting.cli.person import this_person
from underwriting.cli.purge import records_text
from underwriting.cli.store import with_store, write_store
from underwriting.erasure import CannotErase, Erasure, erasable, longest
from underwriting.erasure import erase as erase_in_store
from underwriting.retention import demands_of
from underwriting.settings import settings
from underwriting.store import audit, person
from underwriting.store.session import Work

app = typer.Typer(no_args_is_help=True, help="Personal data of one customer: export, erase.")
Id = Annotated[str, typer.Argument(metavar="ID", help="A customer: an applicant or a user of floats.")]
Tenant = Annotated[str, typer.Option(help="Whose customer; by default as in the settings.")]
# What the store cannot reach, and what is done about it.
OUTSIDE = (
    "Delete by hand, since it is outside the store: the customer's rows in the histories of limit runs (until then the "
    "next run decides about the customer again), exported files, the results of `limits compare` and `limits "
    "backtest`, and flow runs of Prefect's forms in which staff typed the customer's id or a note. Backups keep "
    "everything until they expire."
)


@app.command()
def export(
    person_id: Id,
    tenant: Tenant = "",
    into: Annotated[
        Path | None, typer.Option(metavar="FILE", help="A new file that only you can read; else it is printed.")
    ] = None,
    as_json: AlwaysJson = False,
) -> None:
    """Print everything that the store holds about a customer as JSON, decrypted, with who decided what."""
    whose, who = tenant or settings().limits_tenant, opaque_id(person_id)
    if into is not None and into.exists():
        refuse(f"{into} exists; name a new file")

    async def read(work: Work) -> dict[str, Any]:
        found = await person.exported(work, whose, who)
        await audit.append(work, "person.exported", f"{whose}/{who}", this_person())
        return found

    exported = {"tenant": whose, "person": who, "exported_at": datetime.now(UTC), "tables": write_store(read)}
    if into is None:
        print_json(exported)
        return
    # Not readable by others, not even while it is written.
    with refusing(OSError), os.fdopen(os.open(into, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
        file.write(to_json(exported, indent=2))
    typer.echo(f"everything about {who} of {whose} is in {into}")


@app.command()
def erase(
    person_id: Id,
    tenant: Tenant = "",
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask first.")] = False,
    as_json: Json = False,
) -> None:
    """Erase of a customer what nothing demands to keep, and show what is kept, until when, and why.

    With --json it only shows what it would do, unless --yes is given, too.
    """
    config, whose, who = settings(), tenant or settings().limits_tenant, opaque_id(person_id)
    with refusing(CannotErase):
        if not yes:
            would_be = with_store(lambda store: erasable(store, demands_of(store, config), whose, who))
            if as_json:
                print_json(_as_json(would_be))
                return
            _show(would_be)
            if not confirmed(f"Erase what is to be erased of {who} of {whose} for good?"):
                refuse("nothing is erased; --yes does not ask")
        erasure = with_store(
            lambda store: erase_in_store(
                store, demands_of(store, config), config.limits_place, whose, who, this_person()
            )
        )
    if as_json:
        print_json(_as_json(erasure))
        return
    if yes:
        _show(erasure)
    files = ", and the rows in the files of limit runs" if erasure.folders else ""
    typer.echo(f"erased: {records_text(sum(erasure.erased.values()))}{files}")
    typer.echo(f"in the audit log: {erasure.id}")
    print_hanging(console(), OUTSIDE, indent=0, hang=0)


def _show(erasure: Erasure) -> None:
    table = new_table("kind", "erased", "kept", "until, and why", right=("erased", "kept"), wraps=("until, and why",))
    for kind, count in sorted(erasure.erased.items()):
        table.add_row(kind, f"{count:,}", "", "")
    for (kind, why), records in sorted(erasure.kept.items()):
        until = longest(records)
        table.add_row(kind, "", f"{len(records):,}", f"{until}: {why}" if until else f"as long as {why}")
    print_table(table, "Nothing but the audit log knows this customer.")


def _as_json(erasure: Erasure) -> dict[str, object]:
    return {
        "erasure": erasure.id or None,
        "erased": erasure.erased,
        "kept": [
            {
                "kind": kind,
                "records": ["/".join(map(str, record.key)) for record in records],
                "until": longest(records),
                "why": why,
            }
            for (kind, why), records in sorted(erasure.kept.items())
        ],
        "files_of_limit_runs": erasure.folders,
        "outside": OUTSIDE,
    }
