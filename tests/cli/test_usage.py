"""Wrong options and arguments: one sentence in the reader's terms, without words of Python, pydantic or click."""

import re
from collections.abc import Iterator
from typing import Any

import pytest
import typer
from typer.testing import CliRunner

from underwriting.cli import application
from underwriting.cli.errors import complain

FOREIGN = (
    "Input should",
    "Value error",
    "%Y",
    "Invalid value",
    "Traceback",
    "argument(s)",
    "No such",
    "'",
    "│",
    "parse",
)


def told(*arguments: str) -> str:
    """What the command line says of arguments that it refuses."""
    result = CliRunner().invoke(application(arguments[0]), list(arguments))
    assert (result.exit_code, result.stdout) == (2, ""), result.output
    return result.stderr


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["review"], "CUSTOMER_ID is missing; "),
        (["review", "good"], "--amount is missing; "),
        (["review", "good", "--amount"], "--amount needs a value"),
        (
            ["review", "good", "--amount", "5", "--as-of", "yesterday"],
            "--as-of: yesterday is not a day; write one such as",
        ),
        (
            ["review", "good", "--amount", "5", "--term-months", "500"],
            "--term-months: 500 is too high; write 120 or less",
        ),
        (["review", "good", "--amount", "5", "--term-months", "x"], "--term-months: x is not a number; write a whole"),
        (
            ["review", "good", "--amount", "5", "--product", "house"],
            "--product: house is not possible here; write loan or",
        ),
        (
            ["review", "good", "--amount", "5", "--curency", "x"],
            "there is no option --curency; did you mean --currency? ",
        ),
        (["review", "good", "bad", "--amount", "5"], "bad is more than this command takes"),
        (["review", "good", "--amount", "5", "--consent=1"], "--consent takes no value"),
        (["review", "good", "--amount", "5", "--currency", "usd"], "--currency: usd is no currency; write the three"),
        (["review", "good", "--amount", "0"], "--amount: 0 is not more than zero"),
        (["review", "good", "--amount", "5", "--as-of", "2999-01-01"], "--as-of: 2999-01-01 is in the future"),
        (
            ["review", "good", "--amount", "5", "--rulebook", "nowhere.yaml"],
            "--rulebook: file nowhere.yaml does not exist",
        ),
        (["revew"], "there is no command revew; did you mean review? "),
        (["limits", "rn"], "there is no command rn; did you mean run? "),
        (["--bogus"], "there is no option --bogus; "),
        (["answer", "app_1", "maybe"], "REPLY: maybe is not possible here; write supplied, accepted or declined"),
        (["notices", "sent", "app_1", "--how", "x", "--at", "soon"], "--at: soon is not a moment; write one such as"),
        (["lists", "search", "x", "--least", "3"], "--least: 3 is too high; write 1 or less"),
        (["lists", "search", "x", "--country", "zzz"], "--country: zzz is no code of a country; write two letters"),
        (["lists", "search", " "], "NAME is empty; "),
        (["deploy", "nowhere.yaml"], "FILE: file nowhere.yaml does not exist"),
    ],
    ids=lambda given: " ".join(given) if isinstance(given, list) else "",
)
def test_what_is_wrong_is_said_in_one_sentence(arguments: list[str], sentence: str) -> None:
    said = told(*arguments)
    assert said.startswith(f"underwriting: {sentence}")
    assert not [words for words in FOREIGN if words in said]
    assert said.count("\n") == 1


def _commands(command: Any, path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], Any]]:
    below = getattr(command, "commands", None)
    if below is None:
        yield path, command
        return
    for name, each in below.items():
        yield from _commands(each, (*path, name))


def test_no_command_answers_an_unknown_option_or_a_wrong_value_in_foreign_words() -> None:
    for path, command in _commands(typer.main.get_command(application())):
        assert told(*path, "--bogus").startswith("underwriting: there is no option --bogus; ")
        for option in (each for each in command.params if each.param_type_name == "option" and not each.is_flag):
            name = max(option.opts, key=len)
            assert told(*path, name).startswith(f"underwriting: {name} needs a value")


def test_without_a_command_the_help_is_shown() -> None:
    result = CliRunner().invoke(application("limits"), ["limits"])
    assert "Usage: " in result.output
    assert "rollback" in result.output


def test_every_help_names_what_to_write_and_fits_the_terminal() -> None:
    for path, command in _commands(typer.main.get_command(application())):
        result = CliRunner().invoke(application(path[0]), [*path, "--help"], env={"COLUMNS": "80"})
        assert result.exit_code == 0
        lines = result.output.splitlines()
        assert max(map(len, lines)) <= 80, path
        assert not re.search(r"%Y|<(str|bool|int|float|path|file|directory|list\[\w+\])( range)?>", result.output), path
        assert all(param.help for param in command.params if param.name != "help"), path


def test_the_help_says_what_an_option_is_not_only_that_it_is_text() -> None:
    told = CliRunner().invoke(application("review"), ["review", "--help"], env={"COLUMNS": "80"}).output
    written = dict(re.findall(r"(--[a-z-]+) +([A-Z|-]+) ", told))
    assert written.items() >= {"--rulebook": "FILE", "--tenant": "TENANT", "--timeout": "SECONDS"}.items()
    assert "<loan|float>" in told, "choices are listed"


def test_a_paragraph_of_help_is_as_wide_as_the_terminal() -> None:
    told = CliRunner().invoke(application("review"), ["review", "--help"], env={"COLUMNS": "80"}).output
    assert "in force would. The sources are asked anew, and nothing is stored. With" in told
    assert "{CUSTOMER_ID}" in told


def test_every_error_fits_the_terminal_without_an_empty_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    for path, command in _commands(typer.main.get_command(application())):
        wrong = [(*path, "--bogus"), (*path, *["surplus-argument"] * 9)]
        wrong += [
            (*path, max(each.opts, key=len))
            for each in command.params
            if each.param_type_name == "option" and not each.is_flag
        ]
        for arguments in wrong:
            result = CliRunner().invoke(application(path[0]), [*arguments])
            if result.exit_code != 2:
                continue
            lines = result.stderr.splitlines()
            assert all(lines), arguments
            assert max(map(len, lines)) <= 80 or "`" in result.stderr, (arguments, result.stderr)


def test_a_command_in_a_sentence_is_not_broken(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("COLUMNS", "40")
    complain("no policy is called mine; `underwriting limits policies show cfi` shows one that is")
    assert capsys.readouterr().err.splitlines() == [
        "underwriting: no policy is called mine;",
        "`underwriting limits policies show cfi`",
        "shows one that is",
    ]


def test_everything_that_is_wrong_with_the_arguments_is_said_at_once() -> None:
    said = told("review", "good", "--term-months", "x", "--as-of", "soon", "--product", "house")
    for option in ("--term-months: x is", "--as-of: soon is no", "--product: house is", "--amount is missing"):
        assert option in said
    assert said.count("--help`") == 1
