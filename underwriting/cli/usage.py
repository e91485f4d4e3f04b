"""Wrong options and arguments, in the words of the person who typed them.

Typer reports them in terms of Python's types and of pydantic. Here each becomes one sentence: which option, what is
wrong with it, and what to write.
"""

import re
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from difflib import get_close_matches
from functools import partial
from pathlib import Path
from typing import Any, get_args

import typer
from pydantic import ValidationError
from typer.core import TyperGroup

from rules.core.wording import did_you_mean, wording
from underwriting.cli.errors import refuse

_QUOTED = re.compile(r"'([^']*)'")


# What an option takes, by its type.
_TAKES = {str: "TEXT", int: "NUMBER", float: "NUMBER", Path: "FILE", datetime: "YYYY-MM-DD"}
# What it takes, by its name, where that says more.
_CALLED = {
    "amount": "AMOUNT",
    "country": "CODE",
    "currency": "CODE",
    "days": "DAYS",
    "history": "FOLDER",
    "into": "FOLDER",
    "minutes": "MINUTES",
    "months": "MONTHS",
    "name": "NAME",
    "policy": "NAME|FILE",
    "scopes": "SCOPES",
    "segment": "SEGMENT",
    "subject": "NAME",
    "tenant": "TENANT",
    "timeout": "SECONDS",
    "token": "TOKEN",
    "user": "USER_ID",
}


class Group(TyperGroup):
    """The command line. What is wrong with the arguments of any command ends it with one sentence.

    Its help names no types of Python, and paragraphs are as wide as the terminal, not as the lines of the code.
    """

    def __init__(self, **attributes: Any) -> None:
        super().__init__(**attributes)
        for command in _with_all_below(self):
            paragraphs = (command.help or "").split("\n\n")
            command.help = "\n\n".join(" ".join(paragraph.split()) for paragraph in paragraphs)
            # The help option is made with a context only, and kept.
            for param in (*command.params, command.get_help_option(typer.Context(command))):
                _name_what_it_takes(param)
            if not hasattr(command, "commands"):
                _find_all_mistakes(command)

    def make_context(self, *args: Any, **kwargs: Any) -> Any:
        """Read the arguments before the command's name."""
        # Those for completion are added after the rest.
        for param in self.params:
            _name_what_it_takes(param)
        with _in_our_words():
            return super().make_context(*args, **kwargs)

    def invoke(self, ctx: Any) -> Any:
        """Read the command's own arguments, and run it."""
        with _in_our_words():
            return super().invoke(ctx)


def _with_all_below(command: Any) -> Iterator[Any]:
    yield command
    for below in getattr(command, "commands", {}).values():
        yield from _with_all_below(below)


def _name_what_it_takes(param: Any) -> None:
    """Arguments are called as in the docs, CUSTOMER_ID; options say what to write after them; choices are listed."""
    if param.param_type_name == "argument":
        param.metavar = param.metavar or param.name.upper()
        if not param.type_descriptor.is_choice:
            param.display_type_rich = lambda ctx: None
        return
    annotation = param.type_descriptor.annotation
    takes = next((each for each in (annotation, *get_args(annotation)) if each in _TAKES), None)
    if param.is_flag:
        param.metavar = ""
    elif param.metavar is None and takes is not None:
        param.metavar = _CALLED.get(param.name, _TAKES[takes])


class _Several(typer.TyperException):
    """All that is wrong with the arguments of one command."""

    def __init__(self, errors: Sequence[typer.TyperException]) -> None:
        super().__init__("several mistakes")
        self.errors = errors


def _find_all_mistakes(command: Any) -> None:
    """Let the command read all its arguments, also after one that is wrong, and then refuse them together."""
    found: list[typer.TyperException] = []

    def going_on(param: Any, read: Callable[..., Any], ctx: Any, value: Any) -> Any:
        try:
            return read(ctx, value)
        except typer.TyperException as error:
            if ctx.resilient_parsing:
                raise
            told: Any = error
            told.ctx, told.param = ctx, getattr(error, "param", None) or param
            found.append(error)
            return None

    def parse_args(read: Callable[..., Any], ctx: Any, args: list[str]) -> Any:
        found.clear()
        try:
            rest = read(ctx, args)
        except typer.TyperException as error:
            if not found:
                raise
            found.append(error)
        if found:
            raise _Several(list(found))
        return rest

    for param in command.params:
        param.process_value = partial(going_on, param, param.process_value)
    command.parse_args = partial(parse_args, command.parse_args)


@contextmanager
def _in_our_words() -> Iterator[None]:
    try:
        yield
    except typer.TyperException as error:
        # Nothing was given, and so the help is shown.
        if type(error).__name__ == "NoArgsIsHelpError":
            raise
        told = list(map(_sentence, error.errors if isinstance(error, _Several) else [error]))
        more = next((where for _, where in reversed(told) if where), "")
        wrong = "; ".join(what for what, _ in told)
        refuse(f"{wrong}{' ' if wrong.endswith('?') else '; '}{more}" if more else wrong)


def _sentence(error: typer.TyperException) -> tuple[str, str]:
    """What is wrong and what to write; and where to look it up, if that is not said.

    Errors are told apart by their names: most of the classes are not public.
    """
    context, param = getattr(error, "ctx", None), getattr(error, "param", None)
    option = getattr(error, "option_name", "")
    match type(error).__name__:
        case "BadParameter":
            return f"{_name(param)}: {_bad_value(error)}", ""
        case "BadOptionUsage":
            return f"{option} {'takes no' if 'does not take' in error.message else 'needs a'} value", ""
        case "MissingParameter":
            wrong = f"{_name(param)} is missing"
        case "NoSuchOption":
            wrong = _no_option(option, context)
        case _:
            wrong = _no_command(error.message)
    return wrong, f"`{context.command_path} --help` shows what there is" if context else ""


def _no_command(message: str) -> str:
    if extra := re.search(r"extra arguments?(?:\(s\))? \((.*)\)", message):
        return f"{extra[1]} is more than this command takes"
    if unknown := re.match(r"No such command '(.*?)'\.", message):
        near = re.search(r"Did you mean (.*)\?", message)
        return f"there is no command {unknown[1]}" + (f"; did you mean {_plain(near[1])}?" if near else "")
    return _plain(message)


def _no_option(option: str, context: Any) -> str:
    known = [name for each in (context.command.params if context else ()) for name in each.opts if name[:2] == "--"]
    near = get_close_matches(option, known, n=1)
    return f"there is no option {option}" + (f"; did you mean {near[0]}?" if near else "")


def _name(param: Any) -> str:
    """The option as it is typed, or the argument as the help calls it."""
    if param is None:
        return "a value"
    if param.param_type_name == "argument":
        return str(param.metavar or param.name).strip("[]").upper()
    return str(max(param.opts, key=len))


def _bad_value(error: typer.TyperException) -> str:
    cause = error.__cause__
    if not isinstance(cause, ValidationError):
        return _plain(error.message)
    first = cause.errors()[0]
    message, given = first["msg"].removeprefix("Value error, "), first["input"]
    if first["type"] != "value_error":
        return wording(first, None)
    if "does not match the formats" in message:
        day = "%H" not in message
        return (
            f"{given} is not a {'day' if day else 'moment'}; write one such as 2026-06-30{'' if day else ' 14:05:00'}"
        )
    if "is not one of" in message:
        _, *choices = _QUOTED.findall(message)
        *most, last = choices
        either = f"write {', '.join(most)} or {last}" if most else f"write {last}"
        return f"{given} is not possible here; {did_you_mean(given, choices, either)}"
    return _plain(message)


def _plain(message: str) -> str:
    """Without quotes and the full stop."""
    return _QUOTED.sub(r"\1", message).rstrip(".")
