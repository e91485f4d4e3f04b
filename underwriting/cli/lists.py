"""`underwriting lists`: load screening lists, look up names, and measure the matching."""

import asyncio
import re
from collections.abc import Callable
from dataclasses import asdict
from datetime import datetime
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.markup import escape

from underwriting import referrals
from underwriting.cli.errors import refuse, refusing
from underwriting.cli.output import Json, confirmed, console, first_of, new_table, note_given, print_json, print_table
from underwriting.cli.person import this_person
from underwriting.cli.store import read_store, store_settings, with_store, write_store
from underwriting.integrations.errors import SourceError
from underwriting.screening import Screener, load_block_list, load_ofac
from underwriting.screening.entries import ScreeningList, Subject
from underwriting.screening.evaluation import figures, read_cases
from underwriting.screening.files import ListFileError
from underwriting.screening.names import Kind
from underwriting.screening.ofac import CONSOLIDATED, OFAC
from underwriting.screening.screener import store_list
from underwriting.store import lists
from underwriting.store import matches as list_matches
from underwriting.store.errors import StoreError
from underwriting.store.matches import Match

app = typer.Typer(no_args_is_help=True, help="Screening lists: load, search, show, evaluate.")
load = typer.Typer(no_args_is_help=True, help="Replace a list by a new version, in one transaction.")
app.add_typer(load, name="load")

# From this score on, the shipped rulebook refers a match to a person. The threshold was chosen by the false alarms on
# ordinary names, not by labelled pairs.
FIXED = 0.75


@load.command()
def ofac(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="sdn.csv, alt.csv, add.csv, perhaps sdn_comments.csv.")],
    as_json: Json = False,
) -> None:
    """Load OFAC's SDN list from its CSV files."""
    _load(lambda: load_ofac(folder), as_json=as_json)


@load.command()
def consolidated(
    folder: Annotated[
        Path,
        typer.Argument(metavar="DIR", help="cons_prim.csv, cons_alt.csv, cons_add.csv, perhaps cons_comments.csv."),
    ],
    as_json: Json = False,
) -> None:
    """Load OFAC's consolidated list, which has all its lists but the SDN list, from its CSV files."""
    _load(lambda: load_ofac(folder, CONSOLIDATED), as_json=as_json)


@load.command()
def internal(
    file: Annotated[Path, typer.Argument(help="CSV with entry_id,name,aliases,birth_date,country,reason.")],
    name: Annotated[str, typer.Option(help="What the list is called; one of each name is kept.")] = "internal",
    as_json: Json = False,
) -> None:
    """Load a block list of our own."""
    if name in {OFAC.name, CONSOLIDATED.name}:
        refuse(f"{name} is the name of OFAC's list; choose another")
    _load(lambda: load_block_list(file, name), as_json=as_json)


@app.command()
def show(as_json: Json = False) -> None:
    """Show the loaded version of each list."""
    versions = read_store(lists.versions)
    if as_json:
        print_json(versions)
        return
    table = new_table("list", "entries", "loaded (UTC)", "checked (UTC)", "by", right=("entries",), wraps=("by",))
    for version in versions:
        loaded, checked = (f"{moment:%Y-%m-%d %H:%M}" for moment in (version.loaded_at, version.checked_at))
        table.add_row(version.name, f"{version.entries:,}", loaded, checked, version.loaded_by)
    print_table(table, "No list is loaded. To load OFAC's: underwriting lists load ofac DIR")


@app.command()
def search(
    name: Annotated[str, typer.Argument(help="Name in any script and order of words.")],
    birth_date: Annotated[
        datetime | None, typer.Option(formats=["%Y-%m-%d"], help="It raises or lowers the score.")
    ] = None,
    country: Annotated[str | None, typer.Option(help="ISO 3166-1 alpha-2 code of the residence or seat.")] = None,
    company: Annotated[bool, typer.Option("--company", help="A company, not a person.")] = False,
    least: Annotated[float, typer.Option(min=0, max=1, help="The lowest score that is shown.")] = 0.5,
    limit: Annotated[int, typer.Option(min=1, max=100, help="At most so many, the best first.")] = 10,
    as_json: Json = False,
) -> None:
    """Look up a person or a company in all loaded lists."""
    if not name.strip():
        refuse("NAME is empty; write the name of a person or a company")
    if country and not re.fullmatch("[A-Za-z]{2}", country):
        refuse(f"--country: {country} is no code of a country; write two letters, such as US")
    kind = Kind.ENTITY if company else Kind.INDIVIDUAL
    subject = Subject(name, kind, birth_date.date() if birth_date else None, country.upper() if country else None)
    with refusing(SourceError):
        best = with_store(lambda store: Screener(store).search(subject, limit))
    found = [match for match in best if match.score >= least]
    if as_json:
        print_json(
            [
                {
                    "score": match.score,
                    "list": match.list_name,
                    "entry_id": match.entry.id,
                    "name": match.matched.written,
                    "because": match.why(),
                }
                for match in found
            ]
        )
        return
    if not found:
        typer.echo(f"Nobody has a score of {least} or more.")
        return
    wraps = ("name on the list", "because")
    table = new_table("score", "list and entry", "name on the list", "because", right=("score",), wraps=wraps)
    for match in found:
        reference = f"{match.list_name}:{match.entry.id}"
        table.add_row(f"{match.score:.2f}", reference, match.matched.written, match.why())
    console().print(table)


@app.command()
def matches(
    limit: Annotated[int, typer.Option(min=1, help="At most so many are listed.")] = 100, as_json: Json = False
) -> None:
    """Show possible list matches of customers that nobody has cleared yet, oldest first."""
    waiting = first_of(read_store(lambda work: list_matches.waiting(work, limit + 1)), limit)
    if as_json:
        print_json([_match_as_json(match) for match in waiting])
        return
    told = "tenant/user, list and entry, evidence"
    table = new_table("found", "score", told, right=("score",), wraps=(told,))
    for match in waiting:
        found = match.found
        about = ", ".join(filter(None, (found.reference, found.kind, found.evidence)))
        row = f"{match.tenant}/{match.user_id}: {about}"
        table.add_row(f"{match.found_at:%Y-%m-%d}", f"{found.score:.2f}", escape(row))
    print_table(table, "No customer has an open match with a list.")


@app.command()
def clear(
    tenant: Annotated[str, typer.Argument(help="The tenant, as `lists matches` shows it.")],
    user_id: Annotated[str, typer.Argument(help="The user or customer.")],
    note: Annotated[
        str, typer.Option(help="Why the user is none of these entries. It is stored sealed.", callback=note_given)
    ],
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask about a confirmed match.")] = False,
    as_json: Json = False,
) -> None:
    """Record that a user is none of the matched list entries; this is valid until details or entries change."""
    by = this_person()
    known = read_store(lambda work: list_matches.of_user(work, tenant, user_id))
    for found in [match.found for match in known if match.cleared_at is None and match.found.confirmed]:
        question = f"{user_id} matches {found.reference} with a score of {found.score:.2f}: {found.evidence}. Clear it?"
        if not (yes or confirmed(question)):
            refuse("nothing is cleared; with --yes it is, without the question")
    cleared = write_store(lambda work: referrals.clear_matches(work, tenant, user_id, by, note))
    if as_json:
        print_json([_match_as_json(match) for match in cleared])
        return
    for match in cleared:
        typer.echo(f"{match.found.reference} cleared for {user_id}")
    if not cleared:
        typer.echo(f"You have cleared the matches of {user_id} already, with the same note.")


@app.command()
def screen(as_json: Json = False) -> None:
    """Compare all known customers with the changed list entries now; the schedule does so every 15 minutes."""
    # Imported here, since Prefect's tasks take seconds to import.
    from tasks.screening import Rescreening, screen_customers  # noqa: PLC0415
    from underwriting.runtime import open_runtime  # noqa: PLC0415

    async def run() -> Rescreening:
        async with open_runtime(store_settings()) as runtime:
            return await screen_customers(runtime)

    with refusing(StoreError):
        done = asyncio.run(run())
    if as_json:
        print_json(done)
        return
    typer.echo(f"{done.screened:,} customers compared, {done.found:,} found, {done.troubled:,} not compared")


@app.command()
def evaluate(
    file: Annotated[Path, typer.Argument(metavar="CASES.csv", help="Columns schema, name1, name2, is_match.")],
    as_json: Json = False,
) -> None:
    """Print precision, recall and F1 of the name matching on labelled pairs, by threshold."""
    with refusing(ListFileError):
        scored = [(case.held_out, case.score, case.same) for case in read_cases(file)]
    thresholds = [percent / 100 for percent in range(50, 100, 5)]
    everything = list(figures(((score, same) for _, score, same in scored), thresholds))
    held_out = list(figures(((score, same) for out, score, same in scored if out), thresholds))
    if as_json:
        print_json({"pairs": len(scored), "all": everything, "held_out": held_out})
        return
    columns = ("threshold", "precision", "recall", "F1", "F1, held-out half")
    table = new_table(*columns, right=columns)
    for overall, half in zip(everything, held_out, strict=True):
        numbers = (overall.threshold, overall.precision, overall.recall, overall.f1, half.f1)
        table.add_row(*(f"{number:.3f}" for number in numbers), style="bold" if overall.threshold == FIXED else None)
    console().print(table)
    best = max(everything, key=lambda at: at.f1)
    fixed = next(at for at in everything if at.threshold == FIXED)
    typer.echo(f"{len(scored)} pairs. At {FIXED}, which was fixed beforehand: F1 {fixed.f1:.3f}.")
    typer.echo(f"Best: F1 {best.f1:.3f} at {best.threshold}.")


def _match_as_json(match: Match) -> dict[str, Any]:
    """A match without the note of a clearance and the digest of what was compared."""
    found = asdict(match.found)
    del found["compared"]
    keys = ("tenant", "user_id", "found_at", "cleared_at", "cleared_by")
    return {key: getattr(match, key) for key in keys} | found


def _load(read: Callable[[], ScreeningList], *, as_json: bool) -> None:
    with refusing(ListFileError):
        loaded = read()
    for remark in loaded.remarks:
        typer.echo(remark, err=True)
    new = with_store(lambda store: store_list(store, loaded, this_person()))
    if as_json:
        print_json({"list": loaded.name, "entries": len(loaded.entries), "new": new})
        return
    typer.echo(f"{loaded.name}: {len(loaded.entries):,} entries {'loaded' if new else 'are loaded already'}")
