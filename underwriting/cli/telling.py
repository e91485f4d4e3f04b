"""How a command tells of several things: a headline, and a line for each."""

from collections.abc import Iterable

import typer


def tell(headline: str, lines: Iterable[str]) -> None:
    """Print the headline, and the lines below it, indented."""
    typer.echo(headline)
    for line in lines:
        typer.echo(f"  {line}")
