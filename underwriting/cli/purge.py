"""`underwriting purge`: delete what is past its term."""

from collections.abc import Mapping
from typing import Annotated

import typer

from rules.core.wording import did_you_mean
from underwriting.cli.errors import refuse, refusing
from underwriting.cli.output import Json, confirmed, new_table, print_json, print_table
from underwriting.cli.person import this_person
from underwriting.cli.store import with_store
from underwriting.domain.retention import MINIMUMS, Kind
from underwriting.retention import TooShort, demands_of, past_their_terms, refuse_too_short
from underwriting.retention import purge as purge_store
from underwriting.settings import settings

Counts = Mapping[tuple[Kind, str], int]


def purge(
    kinds: Annotated[
        list[str] | None, typer.Argument(metavar="KIND", help=f"All by default: {', '.join(Kind)}.")
    ] = None,
    older_than: Annotated[
        int | None,
        typer.Option(min=1, metavar="MONTHS", help="Keep records for so many months; never less than the law demands."),
    ] = None,
    tenant: Annotated[str | None, typer.Option(help="Only this tenant's.")] = None,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask first.")] = False,
    as_json: Json = False,
) -> None:
    """Count what is past its term, by kind and tenant; then ask, and delete it in batches. It may be stopped.

    With --json it only counts, unless --yes is given, too.
    """
    for name in kinds or ():
        if name not in tuple(Kind):
            there_are = f"there are {', '.join(Kind)}"
            refuse(f"{name} is no kind of record; {did_you_mean(name, Kind, there_are)}")
    wanted, config = tuple(map(Kind, kinds or Kind)), settings()
    with refusing(TooShort):
        refuse_too_short(wanted, older_than)
    if not yes:
        found = with_store(
            lambda store: past_their_terms(store, demands_of(store, config, older_than or 0), wanted, tenant)
        )
        if as_json:
            print_json({"deleted": False, "records": _as_json(found)})
            return
        _show(found, "past its term")
        if not found:
            return
        if not confirmed("Delete them for good?"):
            refuse("nothing is deleted; --yes does not ask")
    deleted = with_store(
        lambda store: purge_store(
            store,
            demands_of(store, config, older_than or 0),
            config.limits_place,
            this_person(),
            wanted,
            tenant,
        )
    )
    if as_json:
        print_json({"deleted": True, "records": _as_json(deleted)})
    elif yes:
        _show(deleted, "deleted")
    else:
        typer.echo(f"deleted: {records_text(deleted.total())}; the audit log has the counts")


def records_text(count: int) -> str:
    """A number of records: "1 record", "2,000 records"."""
    return f"{count:,} record{'' if count == 1 else 's'}"


def _show(counts: Counts, what: str) -> None:
    table = new_table("kind", "tenant", what, "kept at least", right=(what,), wraps=("kept at least",))
    for (kind, tenant), count in sorted(counts.items()):
        least = MINIMUMS[kind]
        table.add_row(kind, tenant or "-", f"{count:,}", f"{least.months} months after {least.since}, {least.source}")
    print_table(table, "Nothing is past its term." if what == "past its term" else "Nothing was past its term.")


def _as_json(counts: Counts) -> list[dict[str, object]]:
    return [{"kind": kind, "tenant": tenant, "records": count} for (kind, tenant), count in sorted(counts.items())]
