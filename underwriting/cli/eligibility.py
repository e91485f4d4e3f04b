"""`underwriting eligibility`: ask the API what a user may take now."""

from collections.abc import Sequence
from enum import StrEnum
from typing import Annotated

import typer
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from underwriting.cli.client import ApiRefused, Client, Token
from underwriting.cli.errors import refusing
from underwriting.cli.output import add_outcomes, coloured, outcomes_table, print_reasons
from underwriting.domain.application import Product
from underwriting.store.evaluations import EvaluationRecord


class Products(StrEnum):
    """The products to ask about."""

    FLOAT = "float"
    LOAN = "loan"
    ALL = "all"


def eligibility(
    user_id: Annotated[str, typer.Argument(help="The user's opaque id; `steady-pay` is one of the sandbox.")],
    product: Annotated[Products, typer.Option(help="float, loan, or all")] = Products.FLOAT,
    timeout: Annotated[float, typer.Option(help="Seconds to wait for the evaluation.")] = 120.0,
    token: Token = None,
    json: Annotated[bool, typer.Option("--json", help="Print the API's records, a line each, instead.")] = False,
) -> None:
    """Ask the API what USER_ID may take: at once from a fresh evaluation, else once the user is evaluated."""
    products = tuple(Product) if product is Products.ALL else (Product(product.value),)
    with refusing(ApiRefused), Client.of_settings(token) as client:
        # All evaluations start before the first is waited for.
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
        print_reasons(console, record.reasons)
        for source, trouble in record.troubles.items():
            console.print(f"  trouble with {source}: {trouble}", markup=False)


def _table(record: EvaluationRecord) -> Table:
    table = outcomes_table(f"{record.id}, profile v{record.profile_version}")
    for book in record.books:
        table.add_section()
        arm = f"arm {book.arm}" if book.arm else ""
        table.add_row(f"[bold]{escape(str(book.rulebook))}[/]", coloured(book.result), arm)
        add_outcomes(table, book.outcomes)
    return table
