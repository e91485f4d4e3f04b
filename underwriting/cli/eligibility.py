"""`underwriting eligibility`: ask the API what a user may take now."""

from collections.abc import Sequence
from enum import StrEnum
from typing import Annotated

import typer

from rules.limits.tiers import CURRENCY
from underwriting.cli.client import ApiRefused, Client, Token, opaque_id
from underwriting.cli.errors import refusing
from underwriting.cli.output import amount_of, coloured, console, print_outcomes, print_reasons
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
    json: Annotated[
        bool, typer.Option("--json", help="Print the API's record instead; a list of them for `all`.")
    ] = False,
) -> None:
    """Ask the API what USER_ID may take: at once from a fresh evaluation, else once the user is evaluated."""
    products = tuple(Product) if product is Products.ALL else (Product(product.value),)
    opaque_id(user_id)
    with refusing(ApiRefused), Client.of_settings(token) as client:
        # All evaluations start before the first is waited for.
        started = [client.check(user_id, each) for each in products]
        records = [client.evaluated(record, timeout) for record in started]
    if json and product is Products.ALL:
        typer.echo(f"[{','.join(record.model_dump_json() for record in records)}]")
    elif json:
        typer.echo(records[0].model_dump_json())
    else:
        _show(records)


def _show(records: Sequence[EvaluationRecord]) -> None:
    out = console()
    for record in records:
        out.print(f"[bold]{record.id}[/], profile v{record.profile_version}")
        for book in record.books:
            arm = f", arm {book.arm}" if book.arm else ""
            out.print(f"\n[bold]{book.rulebook}[/]{arm}: {coloured(book.result)}")
            print_outcomes(out, book.outcomes, record.currency or CURRENCY)
        by = f" by {record.deciding}" if record.deciding else ""
        out.print(f"\n[bold]{record.product}: {record.verdict or record.state}[/]{by}")
        if record.approved_amounts and record.currency:
            amounts = (amount_of(amount, record.currency) for amount in record.approved_amounts)
            out.print(f"  may take {', '.join(amounts)}")
        print_reasons(out, record.reasons)
        for source, trouble in record.troubles.items():
            out.print(f"  trouble with {source}: {trouble}", markup=False)
        typer.echo(f"`underwriting explain {record.id}` says what would have changed it")
