"""`underwriting eligibility`: what may this user take now, from the shell, through the API."""

from collections.abc import Sequence
from enum import StrEnum
from typing import Annotated

import typer
from rich import box
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from underwriting.cli.client import ApiRefused, Client
from underwriting.cli.errors import refusing
from underwriting.cli.review import COLOURS
from underwriting.cli.tokens import SCOPES
from underwriting.domain.application import Product
from underwriting.domain.decision import shown
from underwriting.local import SANDBOX_TENANT, issue_token
from underwriting.settings import settings
from underwriting.store.evaluations import EvaluationRecord


class Asked(StrEnum):
    """What may be asked about."""

    FLOAT = "float"
    LOAN = "loan"
    ALL = "all"


def eligibility(
    user_id: Annotated[str, typer.Argument(help="The user's opaque id; `steady-pay` is one of the sandbox.")],
    product: Annotated[Asked, typer.Option(help="float, loan, or all")] = Asked.FLOAT,
    timeout: Annotated[float, typer.Option(help="Seconds to wait for the evaluation.")] = 120.0,
    token: Annotated[str | None, typer.Option(envvar="UNDERWRITING_TOKEN", help="Bearer token.")] = None,
    json: Annotated[bool, typer.Option("--json", help="Print the API's records, a line each, instead.")] = False,
) -> None:
    """Ask the API what USER_ID may take: at once from a fresh evaluation, else once the user is evaluated."""
    config = settings()
    token = token or issue_token(config, SANDBOX_TENANT, "shell", SCOPES)
    products = tuple(Product) if product is Asked.ALL else (Product(product.value),)
    with refusing(ApiRefused), Client(config.public_url or config.api_url, token) as client:
        # All are asked for before the first is waited for.
        started = [client.check(user_id, each) for each in products]
        records = [client.evaluated(record, timeout) for record in started]
    if json:
        for record in records:
            typer.echo(record.model_dump_json())
    else:
        _show(records)


def _show(records: Sequence[EvaluationRecord]) -> None:
    console = Console()
    for record in records:
        console.print(_table(record))
        by = f" by {record.deciding}" if record.deciding else ""
        console.print(f"[bold]{record.product}: {record.verdict or record.state}[/]{by}")
        if record.approved_amounts:
            console.print(f"  {' '.join(record.approved_amounts)} {record.currency}")
        for reason in record.reasons:
            console.print(f"  {reason.code}: {reason.sentence}", markup=False)
        for source, trouble in record.troubles.items():
            console.print(f"  trouble with {source}: {trouble}", markup=False)


def _table(record: EvaluationRecord) -> Table:
    table = Table(title=f"{record.id}, profile v{record.profile_version}", box=box.SIMPLE_HEAD)
    table.add_column("rule", no_wrap=True)
    table.add_column("outcome", no_wrap=True)
    table.add_column("observed", overflow="fold")
    for book in record.books:
        table.add_section()
        result = f"[{COLOURS[book.result]}]{book.result}[/]"
        table.add_row(f"[bold]{escape(str(book.rulebook))}[/]", result, f"arm {book.arm}" if book.arm else "")
        for outcome in book.outcomes:
            seen = "\n".join(f"{name} = {shown(value)}" for name, value in outcome.observed.items())
            table.add_row(f"  {outcome.rule}", f"[{COLOURS[outcome.result]}]{outcome.result}[/]", seen)
    return table
