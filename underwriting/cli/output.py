"""What several commands print in the same form: lines, outcomes of rules, reasons."""

from collections.abc import Iterable

import typer
from rich import box
from rich.console import Console
from rich.table import Table

from underwriting.domain.decision import Outcome, Reason, Result, shown

COLOURS = {Result.PASS: "green", Result.FAIL: "red", Result.UNKNOWN: "yellow"}


def print_lines(headline: str, lines: Iterable[str]) -> None:
    """Print the headline, and the lines below it, indented."""
    typer.echo(headline)
    for line in lines:
        typer.echo(f"  {line}")


def outcomes_table(title: str) -> Table:
    """An empty table of rules, their outcomes and the facts that they read."""
    table = Table(title=title, box=box.SIMPLE_HEAD)
    table.add_column("rule", no_wrap=True)
    table.add_column("outcome", no_wrap=True)
    table.add_column("observed", overflow="fold")
    return table


def add_outcomes(table: Table, outcomes: Iterable[Outcome]) -> None:
    """Add a row for each outcome."""
    for outcome in outcomes:
        observed = "\n".join(f"{name} = {shown(value)}" for name, value in outcome.observed.items())
        table.add_row(f"  {outcome.rule}", coloured(outcome.result), observed)


def coloured(result: Result) -> str:
    """A result in its colour."""
    return f"[{COLOURS[result]}]{result}[/]"


def print_reasons(console: Console, reasons: Iterable[Reason]) -> None:
    """Print each reason on a line."""
    for reason in reasons:
        console.print(f"  {reason.code}: {reason.sentence}", markup=False)
