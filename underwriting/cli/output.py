"""What several commands print in the same form."""

from collections.abc import Iterable

import typer


def print_lines(headline: str, lines: Iterable[str]) -> None:
    """Print the headline, and the lines below it, indented."""
    typer.echo(headline)
    for line in lines:
        typer.echo(f"  {line}")
