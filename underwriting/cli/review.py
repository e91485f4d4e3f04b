"""`underwriting review`: one application from the shell, through the API."""

from typing import Annotated

import typer
from pydantic import ValidationError
from rich import box
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from underwriting.cli.client import ApiRefused, Client, consent_now
from underwriting.cli.errors import refuse, refusing
from underwriting.cli.tokens import SCOPES
from underwriting.domain.application import ApplicationRequest, Product
from underwriting.domain.decision import Result, shown
from underwriting.local import SANDBOX_TENANT, issue_token
from underwriting.settings import settings
from underwriting.store.record import Record

COLOURS = {Result.PASS: "green", Result.FAIL: "red", Result.UNKNOWN: "yellow"}


def review(
    customer_id: Annotated[str, typer.Argument(help="The customer's opaque id; `good` is one of the sandbox.")],
    amount: Annotated[str, typer.Option(help="Decimal, in major units.")],
    currency: Annotated[str, typer.Option(help="ISO 4217 code.")] = "USD",
    product: Annotated[Product, typer.Option()] = Product.LOAN,
    term_months: Annotated[int | None, typer.Option(help="The rulebook's own where left out.")] = None,
    as_of: Annotated[str | None, typer.Option(help="Business date, YYYY-MM-DD; today where left out.")] = None,
    consent: Annotated[
        bool, typer.Option("--consent", help="The customer has just consented to a pull from a credit bureau.")
    ] = False,
    timeout: Annotated[float, typer.Option(help="Seconds to wait for the decision.")] = 120.0,
    token: Annotated[str | None, typer.Option(envvar="UNDERWRITING_TOKEN", help="Bearer token.")] = None,
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
    config = settings()
    token = token or issue_token(config, SANDBOX_TENANT, "shell", SCOPES)
    with refusing(ApiRefused), Client(config.public_url or config.api_url, token) as client:
        record = client.decided(client.apply(request).id, timeout)
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
    table = Table(title=f"{record.id} by {record.rulebook}", box=box.SIMPLE_HEAD)
    table.add_column("rule", no_wrap=True)
    table.add_column("outcome", no_wrap=True)
    table.add_column("observed", overflow="fold")
    for check in record.checks:
        table.add_section()
        table.add_row(f"[bold]{check.check}[/]", "", escape(check.trouble or ""))
        for outcome in check.outcomes:
            seen = "\n".join(f"{name} = {shown(value)}" for name, value in outcome.observed.items())
            result = f"[{COLOURS[outcome.result]}]{outcome.result}[/]"
            table.add_row(f"  {outcome.rule}", result, seen)
    console.print(table)
    console.print(f"[bold]{record.verdict or record.state}[/]")
    for reason in record.reasons:
        console.print(f"  {reason.code}: {reason.sentence}", markup=False)
