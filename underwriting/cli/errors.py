"""Errors of the command line: one sentence on standard error, exit code 2."""

import re
import shutil
import textwrap
from collections.abc import Iterator
from contextlib import contextmanager
from typing import NoReturn

import typer

# Columns where the output is no terminal and COLUMNS is not set: a line is then as long as its content.
PIPE_WIDTH = 100_000
# A space at which no line is broken: a command in a sentence can be pasted.
UNBROKEN = "\xa0"
_COMMAND = re.compile("`[^`]*`")


def refuse(message: str) -> NoReturn:
    """End the command with `message` on standard error and exit code 2."""
    complain(message)
    raise typer.Exit(2)


def complain(message: str) -> None:
    """Say on standard error what is wrong, in lines that fit the terminal."""
    whole = _COMMAND.sub(lambda found: found[0].replace(" ", UNBROKEN), f"underwriting: {message}")
    width = shutil.get_terminal_size((PIPE_WIDTH, 0)).columns
    lines = [
        line
        for part in whole.splitlines()
        for line in textwrap.wrap(part, width, break_long_words=False, break_on_hyphens=False)
    ]
    typer.echo("\n".join(lines).replace(UNBROKEN, " "), err=True)


@contextmanager
def refusing(*errors: type[Exception]) -> Iterator[None]:
    """Turn the errors that a user can do something about into a refusal."""
    try:
        yield
    except errors as error:
        if isinstance(error, OSError) and error.filename and error.strerror:
            refuse(f"{error.filename}: {error.strerror}")
        refuse(str(error))
