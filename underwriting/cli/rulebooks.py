"""`underwriting rulebooks`: check, publish and print rulebooks."""

import asyncio
import getpass
import json
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.table import Table

from rules.books import Draft, load_draft, shipped_books
from rules.core.reasons import reason
from rules.eligibility.book import eligibility_schema
from rules.explain.adverse_reasons import adverse_codes
from rules.explain.catalogue_page import catalogue_page
from rules.limits.policy import policy_schema, shipped_policies
from rules.prescreening.book import Rulebook, RulebookError, rulebook_schema
from rules.publishable import check
from underwriting import publishing
from underwriting.cli.errors import refusing
from underwriting.cli.store import read_store, write_store
from underwriting.lender import open_store
from underwriting.local import EmbeddedError, known_segments, resolve_database_url
from underwriting.publishing import check_beside, required_by
from underwriting.settings import Settings, settings
from underwriting.store import rulebooks
from underwriting.store.errors import StoreError
from underwriting.store.models import RulebookKind
from underwriting.store.rulebooks import Published

app = typer.Typer(no_args_is_help=True, help="Rulebooks: validate, publish, list, show, schema; the rules there are.")
Files = Annotated[list[Path] | None, typer.Argument(help="YAML files; by default the shipped rulebooks.")]
SCHEMAS: Mapping[RulebookKind, Callable[[], dict[str, Any]]] = {
    RulebookKind.REVIEW: rulebook_schema,
    RulebookKind.ELIGIBILITY: eligibility_schema,
    RulebookKind.LIMITS: policy_schema,
}


@app.command()
def validate(files: Files = None) -> None:
    """Check rulebook files, each by itself and beside the published ones. An error says where, what and what to do.

    Where no store is running, they are checked beside the shipped rulebooks.
    """
    drafts = _drafts(files)
    config = _with_segments(settings())
    with refusing(RulebookError):
        try:
            versions = asyncio.run(_published(config))
        except (StoreError, EmbeddedError):
            check(drafts, shipped_books(), required_by(config), datetime.now(UTC).date())
            typer.echo("No store is running: checked beside the shipped rulebooks only.", err=True)
        else:
            check_beside(versions, drafts, config)
    for book in (draft.book for draft in drafts):
        stages = f" in {_counted(len(book.stages), 'stage')}" if isinstance(book, Rulebook) else ""
        typer.echo(f"{book.ref} is sound: {_counted(len(book.rules), 'rule')}{stages}")


@app.command()
def publish(files: Files = None) -> None:
    """Publish rulebook files as immutable versions. The same content again changes nothing.

    With the shipped rulebooks the shipped limit policies are published, too: evaluations name them.
    """
    drafts = _drafts(files)
    policies = () if files else tuple(shipped_policies().values())
    config = _with_segments(settings())
    with refusing(RulebookError):
        published = write_store(lambda work: publishing.publish(work, drafts, policies, getpass.getuser(), config))
    for ref, new in published.items():
        typer.echo(f"{ref}: {'published' if new else 'is published already'}")


@app.command(name="list")
def list_versions() -> None:
    """List every published version, newest first."""
    table = Table("rulebook", "version", "kind", "product", "published", "by", "SHA-256")
    for book in read_store(rulebooks.listing):
        when = f"{book.published_at:%Y-%m-%d %H:%M}"
        table.add_row(
            book.name, str(book.version), book.kind, book.product, when, book.published_by, book.ref.digest[:12]
        )
    Console().print(table)


@app.command()
def show(name: str, version: Annotated[int | None, typer.Option(help="The newest by default.")] = None) -> None:
    """Print a published version."""
    typer.echo(read_store(lambda work: rulebooks.get(work, name, version)).text)


@app.command()
def schema(
    kind: Annotated[
        RulebookKind, typer.Option(help="Books that review applications, books of eligibility, or limit policies.")
    ] = RulebookKind.REVIEW,
) -> None:
    """Print the JSON Schema of a rulebook, every rule's properties included, for an editor to check against."""
    typer.echo(json.dumps(SCHEMAS[kind](), indent=2))


@app.command()
def catalogue() -> None:
    """Print the page docs/rules.md: every rule with its claim, properties, facts and reasons."""
    typer.echo(catalogue_page(), nl=False)


@app.command()
def reasons() -> None:
    """List the reasons that a person may give for a rejection, with the sentence that the customer reads."""
    for code in adverse_codes():
        typer.echo(f"{code}: {reason(code).sentence}")


def _counted(count: int, what: str) -> str:
    return f"{count} {what}" if count == 1 else f"{count} {what}s"


def _drafts(files: list[Path] | None) -> list[Draft]:
    with refusing(RulebookError):
        return [load_draft(path) for path in files] if files else list(map(Draft, shipped_books()))


def _with_segments(config: Settings) -> Settings:
    return config.model_copy(update={"segments": known_segments(config)})


async def _published(config: Settings) -> list[Published]:
    opened = open_store(config.model_copy(update={"database_url": resolve_database_url(config)}))
    async with opened as store, store.read() as work:
        return await rulebooks.listing(work)
