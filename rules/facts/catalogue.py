"""The catalogue of facts: every name that a rule may speak of, with its type, unit and meaning."""

from importlib.resources import files
from typing import Literal

import pandas as pd
from pandas.api.extensions import ExtensionDtype
from pydantic import BaseModel, ConfigDict
from ruamel.yaml import YAML

# Nullable dtypes, so that what is not known is NA and stays so through comparisons and and/or/not.
DTYPES: dict[str, ExtensionDtype] = {
    "boolean": pd.BooleanDtype(),
    "integer": pd.Int64Dtype(),
    "number": pd.Float64Dtype(),
    "text": pd.StringDtype(na_value=pd.NA),
}


class Fact(BaseModel):
    """One entry of catalogue.yaml."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str
    check: str
    type: Literal["boolean", "integer", "number", "text"]
    unit: str | None = None
    meaning: str

    @property
    def dtype(self) -> ExtensionDtype:
        """The pandas dtype of the fact's column."""
        return DTYPES[self.type]


def _catalogue() -> dict[str, Fact]:
    checks = YAML(typ="safe").load(files(__package__).joinpath("catalogue.yaml").read_text("utf-8"))
    return {
        name: Fact(name=name, check=check, **entry) for check, facts in checks.items() for name, entry in facts.items()
    }


CATALOGUE: dict[str, Fact] = _catalogue()
# Every check, in the order of the catalogue.
CHECKS: tuple[str, ...] = tuple(dict.fromkeys(fact.check for fact in CATALOGUE.values()))


def facts_of(check: str) -> tuple[Fact, ...]:
    """The facts that `check` computes; KeyError where there is no such check."""
    if check not in CHECKS:
        raise KeyError(f"no check is called {check}; there are {', '.join(CHECKS)}")
    return tuple(fact for fact in CATALOGUE.values() if fact.check == check)
