"""What several commands print in the same form: lines, tables, outcomes of rules, reasons."""

import re
import shutil
import sys
import textwrap
from collections.abc import Collection, Iterable, Sequence
from datetime import UTC, datetime
from io import StringIO
from typing import Annotated, Any, TypeVar

import typer
from pydantic_core import to_json
from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from rules.core.rule import Rule
from rules.core.rule_syntax import asked
from rules.facts import fact_text
from underwriting.cli.errors import PIPE_WIDTH, UNBROKEN
from underwriting.domain.decision import Outcome, Reason, Result

T = TypeVar("T")
COLOURS = {Result.PASS: "green", Result.FAIL: "red", Result.UNKNOWN: "yellow"}

# The length up to which a fact and its value stay in one line.
LONGEST_UNBROKEN = 50


class _Trimmed(StringIO):
    """Hands on what is written without the spaces that fill up lines."""

    def write(self, text: str) -> int:
        sys.stdout.write(re.sub(r" +(?=\n)", "", text))
        return len(text)


def console(*, soft_wrap: bool = False) -> Console:
    """The standard output, as wide as the terminal; in a pipe a line is as long as its content."""
    width = shutil.get_terminal_size((PIPE_WIDTH, 0)).columns
    file = None if sys.stdout.isatty() else _Trimmed()
    return Console(highlight=False, width=width, soft_wrap=soft_wrap, file=file)


def new_table(*columns: str, right: Collection[str] = (), wraps: Collection[str] = ()) -> Table:
    """An empty table. Columns in `right` are of numbers; only those in `wraps` may be broken into lines."""
    table = Table(box=box.SIMPLE_HEAD, show_edge=False, pad_edge=False)
    for name in columns:
        table.add_column(name, justify="right" if name in right else "left", no_wrap=name not in wraps, overflow="fold")
    return table


SHORTEST_NOTE = 3

# `--json` of every command that prints something.
Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]


def note_given(note: str) -> str:
    """A person's note as an option; a note that says nothing is refused, as in forms and in the API."""
    if wanted := note_wanted(note):
        raise typer.BadParameter(wanted)
    return note


def note_wanted(note: str) -> str:
    """What is wrong with a person's note, or an empty text."""
    return f"say why, in {SHORTEST_NOTE} characters or more" if len(note.strip()) < SHORTEST_NOTE else ""


# Of a command that prints JSON in any case.
AlwaysJson = Annotated[bool, typer.Option("--json", help="It is JSON in any case.")]


def print_json(value: Any) -> None:
    """Print a value as JSON, with moments in ISO 8601."""
    typer.echo(to_json(value, indent=2).decode())


def confirmed(question: str) -> bool:
    """Whether the user says yes; where nobody can be asked, no."""
    try:
        return typer.confirm(question, err=True)
    except typer.Abort:
        # What follows begins on a line of its own.
        typer.echo(err=True)
        return False


def to_decide(subject_id: str) -> str:
    """How a person decides a referral: commands that can be pasted once the note is written.

    Pasted as they are, they are refused: the note is too short, and there is no such code.
    """
    approve, reject = (f'  underwriting decide {subject_id} {word} --note "…"' for word in ("approved", "rejected"))
    return f"To decide, with your note in place of …:\n{approve}\n{reject} \\\n    --reason CODE"


def first_of(rows: Sequence[T], limit: int) -> Sequence[T]:
    """The first `limit` of rows that were read with one more; standard error says if there are more."""
    if len(rows) > limit:
        typer.echo(
            f"These are the first {limit:,}. There are more: --limit {10 * limit} lists up to so many.", err=True
        )
    return rows[:limit]


def print_lines(headline: str, lines: Iterable[str]) -> None:
    """Print the headline, and the lines below it, indented."""
    typer.echo(headline)
    for line in lines:
        typer.echo(f"  {line}")


def width_of(table: Table) -> int:
    """Columns that a table takes where nothing is broken or cut."""
    out = console()
    return out.measure(table, options=out.options.update_width(PIPE_WIDTH)).maximum


def print_table(table: Table, none: str) -> None:
    """Print a table or, where it has no rows, the sentence that says so."""
    if table.row_count:
        console().print(table)
    else:
        typer.echo(none)


def print_outcomes(out: Console, outcomes: Iterable[Outcome], rules: Iterable[Rule], currency: str) -> None:
    """Print each rule with its outcome, what it asks if it is one of `rules`, and the facts that it saw."""
    by_name = {rule.name: rule for rule in rules}
    # Results are in a column of their own.
    column = max(map(len, Result)) + 2
    for outcome in outcomes:
        text = f"{outcome.rule}: {asks_and_saw(by_name.get(outcome.rule), outcome, currency)}"
        print_hanging(out, f"{outcome.result:{column}}{text}", hang=column, colour=COLOURS[outcome.result])


def asks_and_saw(rule: Rule | None, outcome: Outcome, currency: str) -> str:
    """What the rule asks, if it is known and asks anything in particular, and the facts that it saw."""
    asks = asked(rule, currency) if rule else []
    saw = [f"{name} = {fact_text(name, value, currency)}" for name, value in outcome.observed.items()]
    texts = [
        f"{verb}{UNBROKEN}{', '.join(map(_unbroken, parts))}" for verb, parts in (("asks", asks), ("saw", saw)) if parts
    ]
    return ", ".join(texts) or "saw nothing"


def _unbroken(text: str) -> str:
    """A short text that stays in one line."""
    return text if len(text) > LONGEST_UNBROKEN else text.replace(" ", UNBROKEN)


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


def print_reasons(out: Console, reasons: Iterable[Reason]) -> None:
    """Print each reason on a line."""
    for reason in reasons:
        print_hanging(out, f"{reason.code}: {reason.sentence}")


def print_hanging(out: Console, text: str, indent: int = 2, hang: int = 2, colour: str = "") -> None:
    """Print a text that is indented, the lines that it is broken into by `hang` more; its first word is in `colour`."""
    lines = textwrap.wrap(
        text,
        out.width,
        initial_indent=" " * indent,
        subsequent_indent=" " * (indent + hang),
        break_long_words=False,
        break_on_hyphens=False,
    )
    for number, line in enumerate(lines):
        shown = Text(line.replace(UNBROKEN, " "))
        if colour and not number:
            shown.stylize(colour, indent, indent + len(text.split(maxsplit=1)[0]))
        out.print(shown)
