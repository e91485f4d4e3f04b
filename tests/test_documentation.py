"""The documents name files, commands and make targets that exist."""

import json
import re
import shlex
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest
import typer
from support.documents import BLOCK, CODE, PAGES, ROOT, page_name

from underwriting.cli import application
from underwriting.settings import OF_COMMANDS, PAGE, Settings

LINK = re.compile(r"\]\(([^)\s]+)\)")
PATH = re.compile(r"[\w.-]+(?:/[\w.*-]+)*/?")
# Other bare file names are those of a user or of an output.
SUFFIXES = (".py", ".sql", ".toml", ".lock")
FOLDERS = {path.name for path in ROOT.iterdir() if path.is_dir()}
NAMES = {path.name for path in ROOT.rglob("*") if ".venv" not in path.parts}
TARGETS = set(re.findall(r"^([\w -]+?):(?!=)", (ROOT / "Makefile").read_text(), re.MULTILINE))


def spans(text: str) -> Iterator[str]:
    """Everything in backticks, and each line of the code blocks."""
    for block in BLOCK.findall(text):
        yield from block.splitlines()
    yield from CODE.findall(BLOCK.sub("", text))


def paths(text: str) -> Iterator[str]:
    """What looks like a path of the project, with `<placeholders>` as wildcards."""
    for span in CODE.findall(BLOCK.sub("", text)):
        path = re.sub(r"<[^>]*>|NN", "*", span)
        in_folder = "/" in path and (path.split("/")[0] in FOLDERS or Path(path).suffix in {".yaml", ".md"})
        if PATH.fullmatch(path) and (in_folder or path.endswith(SUFFIXES)):
            yield path


def commands(text: str, program: str) -> Iterator[list[str]]:
    """The command lines of a program, without comments."""
    for span in spans(text):
        line = re.sub(r"^(.*; )?(\.venv/bin/)?", "", span.strip())
        if line.startswith(f"{program} "):
            yield shlex.split(line.partition(" #")[0].replace("…", ""))[1:]


def anchors(page: Path) -> set[str]:
    headings = re.findall(r"^#+ (.+)$", page.read_text(), re.MULTILINE)
    return {re.sub(r"[^\w -]", "", heading).lower().replace(" ", "-") for heading in headings}


@cache
def loaded(name: str):
    return typer.main.get_command(application(name))


def problem(words: list[str]) -> str | None:
    """Why a line of the command line does not parse, as far as its commands and options go."""
    command, words = loaded(words[0]), list(words)
    while (subcommands := getattr(command, "commands", None)) and words and not words[0].startswith("-"):
        alternatives = words.pop(0).split("|")
        if unknown := [name for name in alternatives if name not in subcommands]:
            return f"no command {unknown[0]}"
        command = subcommands[alternatives[0]]
    known = {option for parameter in command.params for option in (*parameter.opts, *parameter.secondary_opts)}
    options = {word.strip("[]").partition("=")[0] for word in words if word.strip("[]").startswith("--")}
    return f"no option {min(options - known)}" if options - known else None


@pytest.mark.parametrize("page", PAGES, ids=page_name)
class TestPage:
    def test_links_lead_somewhere(self, page):
        for link in LINK.findall(page.read_text()):
            if "://" not in link:
                target, _, anchor = link.partition("#")
                file = page.parent / target if target else page
                assert file.exists(), link
                assert not anchor or anchor in anchors(file), link

    def test_paths_exist(self, page):
        for path in paths(page.read_text()):
            # A bare file name, and a path below `underwriting` in a table of modules, are found by their end.
            assert any(ROOT.glob(path)) or any((ROOT / "underwriting").glob(path)) or path in NAMES, path

    def test_commands_exist(self, page):
        for words in commands(page.read_text(), "underwriting"):
            assert problem(words) is None, words

    def test_make_targets_exist(self, page):
        for words in commands(page.read_text(), "make"):
            assert words[0] in {name for names in TARGETS for name in names.split()}, words


def test_a_page_with_mistakes_is_found_out():
    text = "`rules/nowhere.py` [x](gone.md) `make nothing` `underwriting limits rn --date 1`"
    assert list(paths(text)) == ["rules/nowhere.py"]
    assert list(commands(text, "make")) == [["nothing"]]
    (words,) = commands(text, "underwriting")
    assert problem(words) == "no command rn"
    assert problem(["limits", "run", "--dates", "1"]) == "no option --dates"


def as_written(value: object) -> str:
    """A default as an environment variable, empty for none."""
    match value:
        case bool():
            return str(value).lower()
        case float():
            return f"{value:g}"
        case tuple():
            return f"[{', '.join(map(as_written, value))}]"
        case dict() if value:
            return json.dumps(value)
        case frozenset() | None:
            return ""
        case _:
            return str(value)


def test_every_setting_is_listed_with_its_default() -> None:
    rows = re.findall(r"^\| `UNDERWRITING_(\w+)` \| (?:`(.+?)` )?\| \S", (ROOT / PAGE).read_text(), re.MULTILINE)
    listed = {name.lower(): default for name, default in rows}
    defaults = {
        name: as_written(field.get_default(call_default_factory=True)) for name, field in Settings.model_fields.items()
    }
    assert listed == defaults | dict.fromkeys(OF_COMMANDS, "")
