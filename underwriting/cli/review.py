"""`underwriting review`: one application from the shell, through the API."""

from typing import Annotated

import typer
from pydantic import ValidationError
from rich.console import Console
from rich.markup import escape

from underwriting.cli.client import ApiRefused, Client, Token, consent_now
from underwriting.cli.errors import refuse, refusing
from underwriting.cli.output import add_outcomes, outcomes_table, print_reasons
from underwriting.domain.application import ApplicationRequest, Product
from underwriting.store.record import Record


def review(
    customer_id: Annotated[str, typer.Argument(help="The customer's opaque id; `good` is one of the sandbox.")],
    amount: Annotated[str, typer.Option(help="Decimal, in major units.")],
    currency: Annotated[str, typer.Option(help="ISO 4217 code.")] = "USD",
    product: Annotated[Product, typer.Option()] = Product.LOAN,
    term_months: Annotated[int | None, typer.Option(help="By default as in the rulebook.")] = None,
    as_of: Annotated[str | None, typer.Option(help="Business date, YYYY-MM-DD; today by default.")] = None,
    consent: Annotated[
        bool, typer.Option("--consent", help="The customer has just consented to a pull from a credit bureau.")
    ] = False,
    timeout: Annotated[float, typer.Option(help="Seconds to wait for the decision.")] = 120.0,
    token: Token = None,
    json: Annotated[bool, typer.Option("--json", help="Print the API's record instead of a table.")] = False,
) -> None:
    """Send an application for CUSTOMER_ID to the API, wait for the decision and show it with its reasons."""
    request = _request(
        customer_id=customer_id,
        amount=amount,
        currency=currency,
        product=product,
        term_months=term_months,
        as_of=as_of,
        bureau_consent=consent_now() if consent else None,
    )
    with refusing(ApiRefused), Client.of_settings(token) as client:
        record = client.decided(client.apply(request), timeout)
    if json:
        typer.echo(record.model_dump_json(indent=2))
    else:
        _show(record)


def _request(**fields: object) -> ApplicationRequest:
    try:
        return ApplicationRequest.model_validate(fields)
    except ValidationError as error:
        problems = (
            f"{'.'.join(map(str, found['loc'])) or 'request'}: {found['msg'].removeprefix('Value error, ')}"
            for found in error.errors()
        )
        refuse("; ".join(problems))


def _show(record: Record) -> None:
    console = Console()
    table = outcomes_table(f"{record.id} by {record.rulebook}")
    for check in record.checks:
        table.add_section()
        table.add_row(f"[bold]{check.check}[/]", "", escape(check.trouble or ""))
        add_outcomes(table, check.outcomes)
    console.print(table)
    console.print(f"[bold]{record.verdict or record.state}[/]")
    print_reasons(console, record.reasons)
