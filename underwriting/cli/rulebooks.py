"""`underwriting rulebooks`: check, publish and read the versions that decide."""

import getpass
import json
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from rules.rulebook import Rulebook, RulebookError, load_rulebook, rulebook_schema, shipped_rulebooks
from underwriting.cli.errors import refusing
from underwriting.cli.store import with_store
from underwriting.store import rulebooks
from underwriting.store.rulebooks import Published
from underwriting.store.session import Store

app = typer.Typer(no_args_is_help=True, help="Rulebooks: validate, publish, list, show.")
Files = Annotated[list[Path] | None, typer.Argument(help="YAML files; the shipped rulebooks where left out.")]


@app.command()
def validate(files: Files = None) -> None:
    """Check rulebook files. An error names the file, the line, the rule and the property."""
    for book in _loaded(files):
        typer.echo(f"{book.ref} is sound: {len(book.rules)} rules in {len(book.stages)} stages")


@app.command()
def publish(files: Files = None) -> None:
    """Publish rulebook files as immutable versions. The same content again changes nothing."""
    books = _loaded(files)

    async def work(store: Store) -> None:
        async with store.begin() as unit:
            for book in books:
                new = await rulebooks.publish(unit, book.ref, book.product, book.text, getpass.getuser())
                typer.echo(f"{book.ref}: {'published' if new else 'is published already'}")

    with_store(work)


@app.command(name="list")
def list_versions() -> None:
    """List every published version, newest first."""

    async def work(store: Store) -> list[Published]:
        async with store.read() as unit:
            return await rulebooks.listing(unit)

    table = Table("rulebook", "version", "product", "published", "by", "SHA-256")
    for book in with_store(work):
        when = f"{book.published_at:%Y-%m-%d %H:%M}"
        table.add_row(book.name, str(book.version), book.product, when, book.published_by, book.ref.digest[:12])
    Console().print(table)


@app.command()
def show(name: str, version: Annotated[int | None, typer.Option(help="The newest where left out.")] = None) -> None:
    """Print a published version as it decides."""

    async def work(store: Store) -> Published:
        async with store.read() as unit:
            return await rulebooks.get(unit, name, version)

    typer.echo(with_store(work).text)


@app.command()
def schema() -> None:
    """Print the JSON Schema of a rulebook, every rule's properties included, for an editor to check against."""
    typer.echo(json.dumps(rulebook_schema(), indent=2))


def _loaded(files: list[Path] | None) -> list[Rulebook]:
    with refusing(RulebookError, OSError):
        return [load_rulebook(path) for path in files] if files else list(shipped_rulebooks().values())
