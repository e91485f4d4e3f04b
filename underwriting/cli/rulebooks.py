"""`underwriting rulebooks`: check, publish and print rulebooks."""

import asyncio
import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict
from itertools import groupby
from pathlib import Path
from typing import Annotated, Any

import typer

from rules.books import Draft, shipped_books
from rules.core.reasons import reason
from rules.core.yaml_text import as_yaml
from rules.eligibility.book import eligibility_schema
from rules.explain.adverse_reasons import adverse_codes
from rules.explain.catalogue_page import catalogue_page, catalogue_records
from rules.limits.policy import policy_schema, shipped_policies
from rules.prescreening.book import Rulebook, RulebookError, rulebook_schema
from rules.publishable import check, check_all, keep_versions, read_drafts
from rules.unusual import warnings
from underwriting import publishing
from underwriting.cli.books import READERS
from underwriting.cli.errors import refusing
from underwriting.cli.in_force import in_force_now
from underwriting.cli.output import AlwaysJson, Json, new_table, note_given, print_json, print_table
from underwriting.cli.person import this_person
from underwriting.cli.store import read_store, with_database, write_store
from underwriting.domain.application import Product
from underwriting.lender import open_store
from underwriting.publishing import Withdrawal, check_beside, required_by, today
from underwriting.settings import Settings, settings
from underwriting.store import audit, rulebooks
from underwriting.store.errors import StoreError
from underwriting.store.models import AuditRow, RulebookKind
from underwriting.store.rulebooks import Published
from underwriting.store.session import Work

app = typer.Typer(no_args_is_help=True, help="Rulebooks: what decides now, publish, withdraw; the rules there are.")
Files = Annotated[list[Path] | None, typer.Argument(help="YAML files; by default the shipped rulebooks.")]
SCHEMAS: Mapping[RulebookKind, Callable[[], dict[str, Any]]] = {
    RulebookKind.REVIEW: rulebook_schema,
    RulebookKind.ELIGIBILITY: eligibility_schema,
    RulebookKind.LIMITS: policy_schema,
}


@app.command()
def validate(files: Files = None, as_json: Json = False) -> None:
    """Check rulebook files, each by itself and beside the published ones. An error says where, what and what to do.

    A warning names what is sound and unusual, with the reason; the exit code is 0 all the same. Where no store is
    running, they are checked beside the shipped rulebooks.
    """
    drafts, unread = _drafts(files)
    config = _with_segments(settings())
    _check(drafts, unread, config)
    _warn(drafts, config)
    if as_json:
        print_json([draft.book.ref for draft in drafts])
        return
    for book in (draft.book for draft in drafts):
        stages = f" in {_counted(len(book.stages), 'stage')}" if isinstance(book, Rulebook) else ""
        typer.echo(f"{book.ref} is sound: {_counted(len(book.rules), 'rule')}{stages}")


@app.command()
def publish(files: Files = None, as_json: Json = False) -> None:
    """Publish rulebook files as immutable versions. The same content again changes nothing.

    With the shipped rulebooks the shipped limit policies are published, too: evaluations name them.
    """
    drafts, unread = _drafts(files)
    policies = () if files else tuple(shipped_policies().values())
    config = _with_segments(settings())
    _warn(drafts, config)
    if unread:
        _check(drafts, unread, config)
    with refusing(RulebookError):
        published = write_store(lambda work: publishing.publish(work, drafts, policies, this_person(), config))
    if as_json:
        print_json([ref.model_dump() | {"new": new, "in_force": now} for ref, (new, now) in published.items()])
        return
    for ref, (new, current) in published.items():
        typer.echo(f"{ref}: {'published' if new else 'is published already'}")
        if not new and current != ref:
            now = f"{current} is in force" if current else "no version is in force"
            typer.echo(f"  {now}; to put this one in force again:")
            typer.echo(f"  underwriting rulebooks reinstate {ref.name} --version {ref.version} --note WHY")


def _name_of_one(name: str) -> str:
    """The name, looked up at once, so that a wrong one is told together with what else is wrong."""
    if name not in {version.name for version in read_store(rulebooks.listing)}:
        raise typer.BadParameter(f"no rulebook is called {name}; `underwriting rulebooks list` shows all")
    return name


PublishedName = Annotated[str, typer.Argument(metavar="NAME", help="The rulebook's name.", callback=_name_of_one)]


@app.command()
def withdraw(
    name: PublishedName,
    note: Annotated[str, typer.Option(help="Why; the audit log keeps it.", callback=note_given)],
    version: Annotated[int | None, typer.Option(help="By default the version in force.")] = None,
    leave_none: Annotated[
        bool, typer.Option("--leave-none", help="Also where no rulebook decides then, and nobody is approved.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Let a published version decide nothing any more. The version before it decides then, within a second."""
    config = _with_segments(settings())
    with refusing(RulebookError):
        done = write_store(
            lambda work: publishing.withdraw(work, name, version, this_person(), note, config, leave_none=leave_none)
        )
    _print_withdrawal(name, done, as_json=as_json)


@app.command()
def reinstate(
    name: PublishedName,
    version: Annotated[int, typer.Option(help="The version that is to decide again.")],
    note: Annotated[str, typer.Option(help="Why; the audit log keeps it.", callback=note_given)],
    as_json: Json = False,
) -> None:
    """Put an earlier version in force again, within a second; the newer ones are withdrawn."""
    config = _with_segments(settings())
    with refusing(RulebookError):
        done = write_store(lambda work: publishing.reinstate(work, name, version, this_person(), note, config))
    _print_withdrawal(name, done, as_json=as_json)


@app.command(name="in-force")
def in_force(as_json: Json = False) -> None:
    """Show what decides now: every rulebook in force and the limit policy, for whom, since when, and by whom."""
    config = _with_segments(settings())
    found = read_store(lambda work: in_force_now(work, config))
    if as_json:
        print_json([_as_json(each.version) | {"for": each.whom, "since": each.since, "by": each.by} for each in found])
        return
    table = new_table("rulebook", "for", "since (UTC), by", wraps=("for", "since (UTC), by"))
    for (kind, product), group in groupby(found, key=lambda each: (each.version.kind, each.version.product)):
        table.add_row(f"[bold]{_heading(kind, product)}[/]")
        for each in group:
            table.add_row(f" {each.version.ref}", each.whom, f"{each.since:%Y-%m-%d %H:%M} {each.by}")
    print_table(table, "No rulebook is in force, so nothing is approved.")


@app.command(name="list")
def list_versions(as_json: Json = False) -> None:
    """List every published version, newest first."""
    versions = read_store(rulebooks.listing)
    if as_json:
        print_json(list(map(_as_json, versions)))
        return
    table = new_table("rulebook", "valid from", "valid until", "published", wraps=("published",))
    kinds = list(RulebookKind)
    in_order = sorted(versions, key=lambda version: (kinds.index(version.kind), version.product))
    for (kind, product), group in groupby(in_order, key=lambda version: (version.kind, version.product)):
        table.add_row(f"[bold]{_heading(kind, product)}[/]")
        for version in group:
            days = [str(day) if day else "-" for day in (version.valid_from, version.valid_until)]
            table.add_row(f" {version.ref}", *days, _history(version))
    print_table(table, "No rulebook is published. To publish the shipped ones: underwriting rulebooks publish")


@app.command()
def show(
    name: Annotated[str, typer.Argument(help="The rulebook's name.")],
    version: Annotated[int | None, typer.Option(help="The newest by default.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="The canonical text, whose SHA-256 is the digest.")] = False,
) -> None:
    """Print a published version as YAML, which reads back to the same content; and why it was withdrawn, if it was."""

    async def found(work: Work) -> tuple[Published, list[AuditRow]]:
        one = await rulebooks.get(work, name, version)
        return one, await audit.entries(work, str(one.ref))

    published, entries = read_store(found)
    if as_json:
        typer.echo(published.text)
        return
    typer.echo(f"# {published.ref}, SHA-256 {published.ref.digest}")
    typer.echo(f"# published {_history(published)}")
    for entry in entries:
        if note := json.loads(entry.details).get("note"):
            what = entry.action.removeprefix("rulebook.")
            typer.echo(f"# {what} {entry.at:%Y-%m-%d %H:%M} UTC by {entry.actor}: {note}")
    typer.echo(as_yaml(published.text, READERS[published.kind]), nl=False)


@app.command()
def schema(
    kind: Annotated[
        RulebookKind, typer.Option(help="Books that review applications, books of eligibility, or limit policies.")
    ] = RulebookKind.REVIEW,
    _as_json: AlwaysJson = False,
) -> None:
    """Print the JSON Schema of a rulebook, every rule's properties included, for an editor to check against."""
    typer.echo(json.dumps(SCHEMAS[kind](), indent=2))


@app.command()
def catalogue(as_json: Json = False) -> None:
    """Print the page docs/rules.md: every rule with its claim, properties, facts and reasons."""
    if as_json:
        print_json(catalogue_records())
        return
    typer.echo(catalogue_page(), nl=False)


@app.command()
def reasons(as_json: Json = False) -> None:
    """List the reasons that a person may give for a rejection, with the sentence that the customer reads."""
    if as_json:
        print_json({code: reason(code).sentence for code in adverse_codes()})
        return
    for code in adverse_codes():
        typer.echo(f"{code}: {reason(code).sentence}")


# No wider than the names of rulebooks, whose column they share.
_HEADINGS = {
    RulebookKind.REVIEW: "Applications for a {}",
    RulebookKind.ELIGIBILITY: "What users may take: {}s",
    RulebookKind.LIMITS: "Limits of {}s",
}


def _heading(kind: RulebookKind, product: Product) -> str:
    return _HEADINGS[kind].format(product)


def _history(version: Published) -> str:
    """Who published, withdrew and reinstated the version, and when."""
    steps = [("", version.published_at, version.published_by)]
    if version.reinstated_at and version.reinstated_by:
        steps.append(("; reinstated ", version.reinstated_at, version.reinstated_by))
    if version.withdrawn_at and version.withdrawn_by:
        steps.append(("; withdrawn ", version.withdrawn_at, version.withdrawn_by))
    return "".join(f"{what}{at:%Y-%m-%d} by {by}" for what, at, by in steps)


def _as_json(version: Published) -> dict[str, Any]:
    columns = asdict(version)
    del columns["text"], columns["ref"]
    return version.ref.model_dump() | columns


def _print_withdrawal(name: str, done: Withdrawal, *, as_json: bool) -> None:
    if as_json:
        print_json({"withdrawn": done.withdrawn, "in_force": done.in_force and done.in_force.ref})
        return
    for ref in done.withdrawn:
        typer.echo(f"{ref} is withdrawn: it decides nothing any more")
    if done.in_force is None:
        typer.echo(f"No version of {name} is in force now. To put one in force again:")
        typer.echo(f"  underwriting rulebooks reinstate {name} --version N --note WHY")
    else:
        typer.echo(f"{done.in_force.ref} is in force")


def _warn(drafts: Iterable[Draft], config: Settings) -> None:
    """Say on standard error what is unusual about the drafts in files."""
    with refusing(RulebookError):
        required = required_by(config)
    for warning in (each for draft in drafts if draft.document for each in warnings(draft, required)):
        typer.echo(f"warning: {warning}", err=True)


def _counted(count: int, what: str) -> str:
    return f"{count} {what}" if count == 1 else f"{count} {what}s"


def _drafts(files: list[Path] | None) -> tuple[list[Draft], list[str]]:
    """The books in the files, or the shipped ones; and what is wrong in files that cannot be read."""
    return read_drafts(files) if files else (list(map(Draft, shipped_books())), [])


def _check(drafts: Sequence[Draft], unread: Sequence[str], config: Settings) -> None:
    """Refuse what makes no sense, each draft by itself and beside the published ones; all of it at once."""
    with refusing(RulebookError):
        try:
            versions = asyncio.run(_published(config))
        except StoreError:
            shipped = shipped_books()
            check_all(
                lambda: check(drafts, shipped, required_by(config), today(), unread),
                lambda: keep_versions((book.ref for book in shipped), drafts),
            )
            where = f"no store runs in {config.state_dir}; UNDERWRITING_STATE_DIR names another folder"
            typer.echo(f"Checked beside the shipped rulebooks only: {where}.", err=True)
        else:
            check_beside(versions, drafts, config, unread)


def _with_segments(config: Settings) -> Settings:
    if config.segments or not config.simulated:
        return config
    # Only here: production has neither the sandbox nor the embedded services.
    from underwriting.local import known_segments  # noqa: PLC0415

    return config.model_copy(update={"segments": known_segments(config)})


async def _published(config: Settings) -> list[Published]:
    async with open_store(with_database(config)) as store, store.read() as work:
        return await rulebooks.listing(work)
