"""The documents of the project, and the commands in them."""

import re
import shlex
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parents[2]
# docs/rules.md is generated, and has a test of its own.
PAGES = [
    *(page for page in sorted(ROOT.glob("*.md"))),
    *(page for page in sorted(ROOT.glob("docs/*.md")) if page.name != "rules.md"),
    ROOT / "benchmarks" / "README.md",
]
CODE = re.compile(r"`([^`\n]+)`")
BLOCK = re.compile(r"^```\w*\n(.*?)^```", re.MULTILINE | re.DOTALL)
_SHELL = re.compile(r"^```sh\n(.*?)^```", re.MULTILINE | re.DOTALL)
_COMMAND = re.compile(r"(\.venv/bin/)?(underwriting|prefect|pytest|make|docker|curl) \S")


def sql_queries(page: str, heading: str) -> list[str]:
    """The statements in the SQL of one section of a page of `docs`."""
    text = (ROOT / "docs" / page).read_text("utf-8")
    (section,) = re.findall(rf"^## {re.escape(heading)}\n(.*?)(?=^## |\Z)", text, re.MULTILINE | re.DOTALL)
    blocks = re.findall(r"^ *```sql\n(.*?)^ *```", section, re.MULTILINE | re.DOTALL)
    return [query.strip() for block in blocks for query in block.split(";") if query.strip()]


def page_name(page: Path) -> str:
    """A page's path in the project."""
    return str(page.relative_to(ROOT))


def shell_commands(text: str) -> Iterator[str]:
    """The commands of the shell blocks, without comments, and then those within sentences."""
    for block in _SHELL.findall(text):
        yield from _joined(block.splitlines())
    for span in CODE.findall(BLOCK.sub("", text)):
        if _COMMAND.match(span):
            yield span


def _joined(lines: list[str]) -> Iterator[str]:
    """Commands over several lines, each as one; comments are left out."""
    begun = ""
    for line in lines:
        begun += line
        if line.endswith("\\") or not _is_whole(begun):
            begun += "\n"
        else:
            if command := re.sub(r"\s+#.*$", "", begun).strip():
                yield command
            begun = ""


def _is_whole(command: str) -> bool:
    try:
        shlex.split(command, comments=True)
    except ValueError:
        return False
    return True
