"""What the files of `deployments/` for containers say."""

import re
from pathlib import Path
from typing import Any

import yaml

from underwriting.settings import EXAMPLE_SECRETS

PROJECT = Path(__file__).parents[2]
FOLDER = PROJECT / "deployments"
CONTAINERFILE = (FOLDER / "Containerfile").read_text("utf-8")
PREFIX = "UNDERWRITING_"
OWN_SECRETS = ("s3cret", "YWJjZGVmZ2hpamtsbW5vcHFyc3R1dnd4eXphYmNkZWY=")


def variables(example: Path) -> dict[str, str]:
    """The variables of an env file."""
    lines = example.read_text("utf-8").splitlines()
    return dict(line.split("=", 1) for line in lines if line and not line.startswith("#"))  # type: ignore[misc]


def compose() -> dict[str, Any]:
    """The compose file, with its merges made."""
    found: dict[str, Any] = yaml.safe_load((FOLDER / "compose.yaml").read_text("utf-8"))
    return found


def services() -> dict[str, dict[str, Any]]:
    """The services of the compose file."""
    found: dict[str, dict[str, Any]] = compose()["services"]
    return found


def ours() -> dict[str, dict[str, Any]]:
    """The services that run this project's code with its settings."""
    return {name: service for name, service in services().items() if "env/common.env" in service.get("env_file", ())}


def environment(service: str) -> dict[str, str]:
    """The variables that a service is given, out of the examples of its env files."""
    named = services()[service].get("env_file", [])
    files = [named] if isinstance(named, str) else named
    return {name: value for file in files for name, value in variables(FOLDER / f"{file}.example").items()}


def filled_in(service: str) -> dict[str, str]:
    """The same with secrets of one's own in place of the examples'."""
    found = environment(service)
    for example, own in zip(EXAMPLE_SECRETS, OWN_SECRETS, strict=True):
        found = {name: value.replace(example, own) for name, value in found.items()}
    return found


def image_environment() -> dict[str, str]:
    """The variables that the image sets."""
    (text,) = re.findall(r"^ENV ((?:.*\\\n)*.*)$", CONTAINERFILE, re.MULTILINE)
    return dict(each.split("=", 1) for each in text.replace("\\\n", " ").split())
