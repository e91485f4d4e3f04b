"""What several commands print in the same form: lines, tables, outcomes of rules, reasons."""

import shutil
from collections.abc import Collection, Iterable
from datetime import UTC, datetime
from typing import Any

import typer
from pydantic_core import to_json
from rich import box
from rich.console import Console
from rich.table import Table

from underwriting.domain.decision import Outcome, Reason, Result, shown

COLOURS = {Result.PASS: "green", Result.FAIL: "red", Result.UNKNOWN: "yellow"}

# Columns where the output is no terminal and COLUMNS is not set: a row of a table is then one line.
PIPE_WIDTH = 1_000


def console(*, soft_wrap: bool = False) -> Console:
    """The standard output, as wide as the terminal; in a pipe as wide as the widest row."""
    width = shutil.get_terminal_size((PIPE_WIDTH, 0)).columns
    return Console(highlight=False, width=width, soft_wrap=soft_wrap)


def new_table(*columns: str, right: Collection[str] = (), wraps: Collection[str] = ()) -> Table:
    """An empty table. Columns in `right` are of numbers; only those in `wraps` may be broken into lines."""
    table = Table(box=box.SIMPLE_HEAD, show_edge=False, pad_edge=False)
    for name in columns:
        table.add_column(name, justify="right" if name in right else "left", no_wrap=name not in wraps, overflow="fold")
    return table


def print_json(value: Any) -> None:
    """Print a value as JSON, with moments in ISO 8601."""
    typer.echo(to_json(value, indent=2).decode())


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


def moment_text(moment: datetime) -> str:
    """A moment as people read it: "2026-06-30 14:05 UTC"."""
    return f"{moment.astimezone(UTC):%Y-%m-%d %H:%M} UTC"


def ago(moment: datetime, until: datetime | None = None) -> str:
    """The time from a moment until now, or until another one, in its largest unit: "45 s", "12 min", "3 h", "8 d"."""
    seconds = max(((until or datetime.now(UTC)) - moment).total_seconds(), 0)
    for unit, length in (("d", 86_400), ("h", 3_600), ("min", 60)):
        if seconds >= 2 * length:
            return f"{int(seconds // length)} {unit}"
    return f"{int(seconds)} s"


def print_reasons(console: Console, reasons: Iterable[Reason]) -> None:
    """Print each reason on a line."""
    for reason in reasons:
        console.print(f"  {reason.code}: {reason.sentence}", markup=False)
