"""`underwriting eligibility`: ask the API what a user may take now."""

from collections.abc import Mapping, Sequence
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from rules.core.rule import Rule
from rules.limits.tiers import CURRENCY
from underwriting.cli.books import rules_of
from underwriting.cli.client import ApiRefused, Client, Token, opaque_id
from underwriting.cli.errors import refuse, refusing
from underwriting.cli.output import coloured, console, print_hanging, print_outcomes, print_reasons, to_decide
from underwriting.domain.application import Product
from underwriting.domain.decision import RulebookRef, Verdict
from underwriting.domain.money import amount_of
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
    rulebooks: Annotated[
        list[Path] | None,
        typer.Option(
            "--rulebooks",
            "--rulebook",
            exists=True,
            dir_okay=False,
            help="Decide with this draft, and store nothing. Repeat it for several books.",
        ),
    ] = None,
    tenant: Annotated[str, typer.Option(help="With --rulebooks: whose user; by default as in the settings.")] = "",
    json: Annotated[
        bool, typer.Option("--json", help="Print the API's record instead; a list of them for `all`.")
    ] = False,
) -> None:
    """Ask the API what USER_ID may take: at once from a fresh evaluation, else once the user is evaluated.

    With --rulebooks, what drafts would decide is shown, beside what the books in force would. A draft takes the place
    of the book of its name. The sources are asked anew, and nothing is stored.
    """
    products = tuple(Product) if product is Products.ALL else (Product(product.value),)
    opaque_id(user_id)
    if rulebooks:
        if len(products) > 1:
            refuse("drafts are tried for one product: name it with --product")
        # Imported here, since Prefect's tasks take seconds to import.
        from underwriting.cli.drafts import eligibility_by_drafts  # noqa: PLC0415

        eligibility_by_drafts(user_id, products[0], rulebooks, tenant, json=json)
        return
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
    rules = rules_of({book.rulebook for record in records for book in record.books})
    for record in records:
        out.print(f"[bold]{record.id}[/], profile v{record.profile_version}")
        print_evaluation(out, record, rules)
        typer.echo(f"To see what would have changed it: underwriting explain {record.id}")
        if record.verdict is Verdict.REFERRED:
            typer.echo(to_decide(record.id))


def print_evaluation(out: Console, record: EvaluationRecord, rules: Mapping[RulebookRef, Sequence[Rule]]) -> None:
    """Print each book with its rules, then the verdict with its amounts and reasons."""
    for book in record.books:
        arm = f", arm {book.arm}" if book.arm else ""
        out.print(f"\n[bold]{book.rulebook}[/]{arm}: {coloured(book.result)}")
        print_outcomes(out, book.outcomes, rules.get(book.rulebook, ()), record.currency or CURRENCY)
    by = f" by {record.deciding}" if record.deciding else ""
    out.print(f"\n[bold]{record.product}: {record.verdict or record.state}[/]{by}")
    if record.approved_amounts and record.currency:
        amounts = (amount_of(amount, record.currency) for amount in record.approved_amounts)
        print_hanging(out, f"may take {', '.join(amounts)}")
    print_reasons(out, record.reasons)
    for source, trouble in record.troubles.items():
        print_hanging(out, f"trouble with {source}: {trouble}")
