"""Errors of the command line: one sentence on standard error, exit code 2."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import NoReturn

import typer
from rich.console import Console

_stderr = Console(stderr=True, highlight=False, markup=False, soft_wrap=True)


def refuse(message: str) -> NoReturn:
    """End the command with `message` on standard error and exit code 2."""
    _stderr.print(f"underwriting: {message}")
    raise typer.Exit(2)


@contextmanager
def refusing(*errors: type[Exception]) -> Iterator[None]:
    """Turn the errors that a user can do something about into a refusal."""
    try:
        yield
    except errors as error:
        if isinstance(error, OSError) and error.filename and error.strerror:
            refuse(f"{error.filename}: {error.strerror}")
        refuse(str(error))
