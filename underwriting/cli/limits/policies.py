"""`underwriting limits policies`: check and read the policies that limits are decided by."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated

import typer
from rich.markup import escape
from rich.table import Table

from rules.core.problems import RulebookError
from rules.limits.decision_table import TierRow
from rules.limits.policy import LimitPolicy, load_policy, policy_schema, shipped_policies
from underwriting.cli.errors import refuse, refusing
from underwriting.cli.output import AlwaysJson, console, new_table
from underwriting.domain.money import amount_text

app = typer.Typer(no_args_is_help=True, help="Limit policies: validate, show, schema.")
Files = Annotated[list[Path] | None, typer.Argument(help="YAML files; the shipped policies where left out.")]
Policy = Annotated[str, typer.Argument(metavar="POLICY", help="A shipped policy's name, or a YAML file.")]


@app.command()
def validate(
    files: Files = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print a JSON list of the policies instead.")] = False,
) -> None:
    """Check policy files. An error names the file, the line and the row."""
    with refusing(RulebookError):
        policies = [load_policy(path) for path in files] if files else list(shipped_policies().values())
    if as_json:
        sound = [{"name": one.name, "version": one.version, "sha256": one.ref.digest} for one in policies]
        typer.echo(json.dumps(sound))
        return
    for policy in policies:
        highest = _amount(policy, policy.table[-1].tier)
        typer.echo(f"{policy.ref} is sound: {len(policy.table)} tiers above the lowest, up to {highest}")


@app.command()
def show(
    policy: Policy,
    text: Annotated[
        bool, typer.Option("--text", "--json", help="Print the canonical text instead, which is JSON.")
    ] = False,
) -> None:
    """Print a policy: its decision table, its gates, and how fast limits move."""
    found = policy_named(policy)
    if text:
        typer.echo(found.text)
        return
    out = console()
    out.print(f"[bold]{found.ref}[/] of {found.valid_from}, SHA-256 {found.ref.digest[:12]}\n")
    out.print(_decision_table(found))
    out.print()
    out.print(_properties("gate", {name: gate.model_dump() for name, gate in found.gates.by_name.items()}))
    out.print()
    out.print(_properties("number", dict(_numbers(found))))


def _numbers(policy: LimitPolicy) -> Iterator[tuple[str, object]]:
    """Every number outside the table and the gates; amounts with their currency."""
    parts = policy.model_dump(mode="json", include={"business_day", "affordability", "step", "guard"})
    for part, numbers in parts.items():
        for name, value in numbers.items():
            if (part, name) == ("step", "first_limit"):
                yield f"{part}: {name}", _amount(policy, value)
            elif name.startswith("money_"):
                amounts = {key: _amount(policy, value[key]) for key in ("ceiling", "first_runs", "slack")}
                yield f"{part}: {name}", {**value, **amounts}
            else:
                yield f"{part}: {name}", value


@app.command()
def schema(_as_json: AlwaysJson = False) -> None:
    """Print the JSON Schema of a limit policy, for an editor to check against."""
    typer.echo(json.dumps(policy_schema(), indent=2))


def policy_named(wanted: str) -> LimitPolicy:
    """The shipped policy of that name, or the one in that file; a refusal where there is neither."""
    shipped = shipped_policies()
    if wanted in shipped:
        return shipped[wanted]
    if not Path(wanted).exists():
        refuse(f"no policy is called {wanted}; there are {', '.join(shipped)}, or give a YAML file")
    with refusing(RulebookError):
        return load_policy(Path(wanted))


def _decision_table(policy: LimitPolicy) -> Table:
    columns = ("tier", "floats repaid", "renewals paid", policy.balance.replace("_", " "), "largest float repaid")
    table = new_table(*columns, right=columns, wraps=columns)
    for row in policy.table:
        table.add_row(_amount(policy, row.tier), *_asked(policy, row))
    return table


def _asked(policy: LimitPolicy, row: TierRow) -> list[str]:
    ranks = [str(rank) if rank else "-" for rank in (row.min_float_rank, row.min_subscription_rank)]
    return [*ranks, _amount(policy, row.min_available), _amount(policy, row.min_repaid) if row.min_repaid else "-"]


def _amount(policy: LimitPolicy, minor: int) -> str:
    return amount_text(minor, policy.currency)


def _properties(title: str, parts: dict[str, object]) -> Table:
    """A line for each part, with its properties as the policy writes them."""
    table = new_table(title, "properties", wraps=["properties"])
    for name, part in parts.items():
        table.add_row(name, escape("" if part == {} else json.dumps(part).replace('"', "")))
    return table
