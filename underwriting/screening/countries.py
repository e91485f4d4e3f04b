"""Countries as lists write them, in ISO 3166-1 alpha-2."""

from functools import cache
from importlib.resources import files

from ruamel.yaml import YAML


def country_code(name: str) -> str | None:
    """The code of a country's name; None for what is no country, or none that we know."""
    return _codes().get(name.casefold())


@cache
def _codes() -> dict[str, str]:
    names = YAML(typ="safe").load(files(__package__).joinpath("countries.yaml").read_text("utf-8"))
    return {name.casefold(): code for code, spellings in names.items() for name in spellings.split("; ")}
