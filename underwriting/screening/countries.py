"""The ISO 3166-1 alpha-2 codes of countries as lists write them."""

from functools import cache
from importlib.resources import files

from ruamel.yaml import YAML


def country_code(name: str) -> str | None:
    """The code of a country's name; None if unknown."""
    return _codes().get(name.casefold())


@cache
def _codes() -> dict[str, str]:
    names = YAML(typ="safe").load(files(__package__).joinpath("countries.yaml").read_text("utf-8"))
    return {name.casefold(): code for code, spellings in names.items() for name in spellings.split("; ")}
