"""`underwriting rulebooks`: check, publish and print rulebooks."""

import getpass
import json
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.table import Table

from rules.books import AnyBook, agree_on_experiments, keep_arms, load_rulebook
from rules.core.experiments import Experiment
from rules.core.reasons import reason
from rules.eligibility.book import eligibility_schema, parse_eligibility_book, shipped_eligibility_books
from rules.explain.adverse_reasons import adverse_codes
from rules.explain.catalogue_page import catalogue_page
from rules.limits.policy import policy_schema, shipped_policies
from rules.prescreening.book import Rulebook, RulebookError, parse_rulebook, rulebook_schema, shipped_rulebooks
from underwriting.cli.errors import refusing
from underwriting.cli.store import read_store, write_store
from underwriting.store import rulebooks
from underwriting.store.models import RulebookKind
from underwriting.store.rulebooks import Published
from underwriting.store.session import Work

app = typer.Typer(no_args_is_help=True, help="Rulebooks: validate, publish, list, show, schema; the rules there are.")
Files = Annotated[list[Path] | None, typer.Argument(help="YAML files; by default the shipped rulebooks.")]
PARSERS: Mapping[RulebookKind, Callable[[str, str], AnyBook]] = {
    RulebookKind.REVIEW: parse_rulebook,
    RulebookKind.ELIGIBILITY: parse_eligibility_book,
}
SCHEMAS: Mapping[RulebookKind, Callable[[], dict[str, Any]]] = {
    RulebookKind.REVIEW: rulebook_schema,
    RulebookKind.ELIGIBILITY: eligibility_schema,
    RulebookKind.LIMITS: policy_schema,
}


@app.command()
def validate(files: Files = None) -> None:
    """Check rulebook files. An error names the file, the line, the rule and the property."""
    for book in _loaded(files):
        stages = f" in {_counted(len(book.stages), 'stage')}" if isinstance(book, Rulebook) else ""
        typer.echo(f"{book.ref} is sound: {_counted(len(book.rules), 'rule')}{stages}")


@app.command()
def publish(files: Files = None) -> None:
    """Publish rulebook files as immutable versions. The same content again changes nothing.

    With the shipped rulebooks the shipped limit policies are published, too: evaluations name them.
    """
    books = _loaded(files)
    policies = () if files else tuple(shipped_policies().values())

    async def publish_all(work: Work) -> None:
        with refusing(RulebookError):
            _check_experiments(await rulebooks.listing(work), books)
        for book in (*books, *policies):
            kind, days = RulebookKind(book.kind), (book.valid_from, book.valid_until)
            new = await rulebooks.publish(work, book.ref, book.product, book.text, getpass.getuser(), kind, *days)
            typer.echo(f"{book.ref}: {'published' if new else 'is published already'}")

    write_store(publish_all)


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


def _loaded(files: list[Path] | None) -> list[AnyBook]:
    with refusing(RulebookError):
        books = [load_rulebook(path) for path in files] if files else _shipped()
        agree_on_experiments(books)
    return books


def _check_experiments(published: Iterable[Published], books: Iterable[AnyBook]) -> None:
    """RulebookError if experiments would contradict those that stay published, or would move users to another arm."""
    versions = sorted(published, key=lambda version: (version.published_at, version.version))
    refs = {version.ref for version in versions}
    new = [book for book in books if book.ref not in refs]
    keep_arms(filter(None, map(_experiment_of, versions)), new)
    newest = {version.name: version for version in sorted(versions, key=lambda version: version.version)}
    others = [PARSERS[book.kind](book.text, str(book.ref)) for book in newest.values() if book.kind in PARSERS]
    replaced = {book.name for book in new}
    agree_on_experiments([*new, *(book for book in others if book.name not in replaced)])


def _experiment_of(version: Published) -> Experiment | None:
    """The experiment of a published version; the rest of its text may be of an earlier release."""
    # A limit policy applies to everybody.
    experiment = (json.loads(version.text).get("applies_to") or {}).get("experiment")
    return Experiment.model_validate(experiment) if experiment else None


def _shipped() -> list[AnyBook]:
    return [*shipped_rulebooks().values(), *shipped_eligibility_books().values()]
