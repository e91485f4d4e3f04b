"""`underwriting review`: one application from the shell, through the API."""

from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import Annotated

import typer
from pydantic import ValidationError
from pydantic_core import ErrorDetails
from rich.console import Console

from rules.core.rule import Rule
from rules.core.wording import wording
from underwriting.cli.books import rules_of
from underwriting.cli.client import ApiRefused, Client, Token, consent_now, opaque_id
from underwriting.cli.errors import refuse, refusing
from underwriting.cli.output import console, print_hanging, print_outcomes, print_reasons, to_decide
from underwriting.domain.application import ApplicationRequest, Product
from underwriting.domain.decision import Verdict
from underwriting.domain.money import Money, amount_of, currency_codes
from underwriting.store.record import Record

# What goes on with an application that is not decided for good.
NEXT = {
    Verdict.INCOMPLETE: "Once the customer has supplied what is missing:\n  underwriting answer {id} supplied",
    Verdict.COUNTEROFFER: "Once the customer has answered, accepted or declined:\n  underwriting answer {id} accepted",
}


def review(
    customer_id: Annotated[str, typer.Argument(help="The customer's opaque id; `good` is one of the sandbox.")],
    amount: Annotated[str, typer.Option(help="The amount, such as 2500.00.")],
    currency: Annotated[str, typer.Option(help="Its currency.")] = "USD",
    product: Annotated[Product, typer.Option(help="What is applied for.")] = Product.LOAN,
    term_months: Annotated[int | None, typer.Option(min=1, max=120, help="By default as in the rulebook.")] = None,
    as_of: Annotated[
        datetime | None, typer.Option(formats=["%Y-%m-%d"], help="Business date; today by default.")
    ] = None,
    consent: Annotated[
        bool, typer.Option("--consent", help="The customer has just consented to a pull from a credit bureau.")
    ] = False,
    timeout: Annotated[float, typer.Option(help="Seconds to wait for the decision.")] = 120.0,
    token: Token = None,
    rulebook: Annotated[
        Path | None, typer.Option(exists=True, dir_okay=False, help="Decide by this draft instead, and store nothing.")
    ] = None,
    tenant: Annotated[str, typer.Option(help="With --rulebook: whose customer; by default as in the settings.")] = "",
    yes: Annotated[
        bool, typer.Option("--yes", help="With --rulebook: do not ask before a report is paid for.")
    ] = False,
    json: Annotated[bool, typer.Option("--json", help="Print the API's record instead of a table.")] = False,
) -> None:
    """Send an application for CUSTOMER_ID to the API, wait for the decision and show it with its reasons.

    With --rulebook, what a draft would decide is shown, beside what the rulebook in force would. The sources are asked
    anew, and nothing is stored. With --consent the credit bureau is asked, too, and has to be paid: the command asks
    first, and the audit log notes the pull. Without --consent the credit report is unknown.
    """
    request = _request(
        customer_id=customer_id,
        amount=amount,
        currency=currency,
        product=product,
        term_months=term_months,
        as_of=as_of and as_of.date(),
        bureau_consent=consent_now() if consent else None,
    )
    if rulebook:
        # Imported here, since Prefect's tasks take seconds to import.
        from underwriting.cli.drafts import review_by_draft  # noqa: PLC0415

        review_by_draft(request, rulebook, tenant, yes=yes, json=json)
        return
    with refusing(ApiRefused), Client.of_settings(token) as client:
        record = client.decided(client.apply(request), timeout)
    if json:
        typer.echo(record.model_dump_json(indent=2))
        return
    _show(record)
    if record.verdict is Verdict.REFERRED and not consent:
        typer.echo("The credit bureau was not asked: if the customer has consented, apply again with --consent")


def _request(*, customer_id: str, amount: str, currency: str, **fields: object) -> ApplicationRequest:
    if currency not in currency_codes():
        refuse(f"--currency: {currency} is no currency; write the three capital letters of one, such as USD")
    try:
        wanted = Money.parse(amount, currency)
    except ValueError as error:
        refuse(f"--amount: {error}")
    if wanted.minor <= 0:
        refuse(f"--amount: {amount} is not more than zero; write an amount such as 2500.00")
    checked = opaque_id(customer_id)
    try:
        return ApplicationRequest.model_validate(
            {"customer_id": checked, "amount": wanted.decimal, "currency": currency, **fields}
        )
    except ValidationError as error:
        refuse("; ".join(map(_in_words, error.errors())))


def _in_words(error: ErrorDetails) -> str:
    """What is wrong, and with which option."""
    option = f"--{str(error['loc'][0]).replace('_', '-')}: " if error["loc"] else ""
    return option + wording(error, None)


def _show(record: Record) -> None:
    out = console()
    out.print(f"[bold]{record.id}[/] by {record.rulebook}" if record.rulebook else f"[bold]{record.id}[/]")
    print_review(out, record, rules_of([record.rulebook]).get(record.rulebook, ()) if record.rulebook else ())
    typer.echo(f"To see what would have changed it: underwriting explain {record.id}")
    if record.verdict is Verdict.REFERRED:
        typer.echo(to_decide(record.id))
    elif record.verdict in NEXT:
        typer.echo(NEXT[record.verdict].format(id=record.id))


def print_review(out: Console, record: Record, rules: Sequence[Rule]) -> None:
    """Print each check with its rules, which are among `rules`, then the verdict with its reasons."""
    for check in record.checks:
        out.print(f"\n[bold]{check.check}[/]")
        if check.trouble:
            print_hanging(out, f"no answer: {check.trouble}")
        print_outcomes(out, check.outcomes, rules, record.currency)
    amount = f" {amount_of(record.approved_amount, record.currency)}" if record.approved_amount else ""
    out.print(f"\n[bold]{record.verdict or record.state}[/]{amount}")
    print_reasons(out, record.reasons)
    for line in record.awaited:
        print_hanging(out, line)
