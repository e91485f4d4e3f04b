"""What `deployments/terraform` says, as plain values. Expressions stay text, `${…}`."""

import re
from functools import cache
from pathlib import Path
from typing import Any

import hcl2

FOLDER = Path(__file__).parents[2] / "deployments" / "terraform"


def plain(value: Any) -> Any:
    """Without the parser's quotes and notes."""
    match value:
        case str():
            return value[1:-1].replace('\\"', '"') if value[:1] == '"' == value[-1:] else value
        case list():
            return [plain(each) for each in value]
        case dict():
            return {plain(name): plain(each) for name, each in value.items() if not name.startswith("__")}
    return value


@cache
def file(name: str) -> dict[str, Any]:
    """The blocks of one file."""
    with (FOLDER / name).open(encoding="utf-8") as text:
        found: dict[str, Any] = plain(hcl2.load(text))
    return found


def files() -> list[str]:
    """The files of the configuration."""
    return sorted(path.name for path in FOLDER.glob("*.tf"))


@cache
def blocks(kind: str) -> dict[str, Any]:
    """All blocks of a kind: variables and outputs by name, resources and data by `type.name`, locals in one."""
    found: dict[str, Any] = {}
    for name in files():
        for block in file(name).get(kind, []):
            for first, body in block.items():
                if kind in {"resource", "data", "ephemeral"}:
                    found |= {f"{first}.{second}": inside for second, inside in body.items()}
                else:
                    found[first] = body
    return found


def services() -> dict[str, Any]:
    """The services that run, and the set-up."""
    found: dict[str, Any] = blocks("locals")["services"]
    return found


def environment(service: str) -> dict[str, Any]:
    """The variables of a service that are no secrets."""
    groups = blocks("locals")["settings"]
    shared = {name: value for group in services()[service]["settings"] for name, value in groups[group].items()}
    return shared | services()[service]["environment"]


def secrets(service: str) -> set[str]:
    """The variables of a service that are secrets."""
    return _names(services()[service]["secrets"])


def _names(value: Any) -> set[str]:
    """A list of names, or an expression that puts lists together."""
    if isinstance(value, list):
        return set(value)
    shared = re.findall(r"local\.(\w+)", value)
    return set(re.findall(r'"(\w+)"', value)).union(*(_names(blocks("locals")[name]) for name in shared))


def text(name: str) -> str:
    """A file as it is written, in one space."""
    return re.sub(r"\s+", " ", (FOLDER / name).read_text("utf-8"))
