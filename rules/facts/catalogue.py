"""The catalogue of facts: every name that a rule may use, with its type, unit and meaning."""

from collections.abc import Iterable, Iterator
from importlib.resources import files
from typing import Literal

import pandas as pd
from pandas.api.extensions import ExtensionDtype
from pydantic import BaseModel, ConfigDict
from ruamel.yaml import YAML

from underwriting.domain.decision import FactValue, shown
from underwriting.domain.money import amount_text

# Nullable dtypes, so that unknown values are NA and stay NA through comparisons, and, or and not.
DTYPES: dict[str, ExtensionDtype] = {
    "boolean": pd.BooleanDtype(),
    "integer": pd.Int64Dtype(),
    "number": pd.Float64Dtype(),
    "text": pd.StringDtype(na_value=pd.NA),
}


class Fact(BaseModel):
    """One entry of catalogue.yaml or histories.yaml; `check` is the query that computes it."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str
    check: str
    type: Literal["boolean", "integer", "number", "text"]
    unit: str | None = None
    meaning: str
    # Whether it depends on the requested amount or term.
    by_request: bool = False
    # Whether time can only raise it, since it counts what is past: nobody can have a lower value any more.
    never_falls: bool = False

    @property
    def is_amount(self) -> bool:
        """Whether it is an amount of money, in minor units."""
        return self.unit == "minor units"

    @property
    def dtype(self) -> ExtensionDtype:
        """The pandas dtype of the fact's column."""
        return DTYPES[self.type]


def _entries(file: str) -> Iterator[Fact]:
    queries = YAML(typ="safe").load(files(__package__).joinpath(file).read_text("utf-8"))
    for query, facts in queries.items():
        for name, entry in facts.items():
            yield Fact(name=name, check=query, **entry)


def _by_name(facts: Iterable[Fact]) -> dict[str, Fact]:
    named: dict[str, Fact] = {}
    for fact in facts:
        if fact.name in named:
            raise ValueError(f"the fact {fact.name} is in {named[fact.name].check} and in {fact.check}: rename one")
        named[fact.name] = fact
    return named


_PRESCREENING = tuple(_entries("catalogue.yaml"))
_HISTORIES = tuple(_entries("histories.yaml"))

CATALOGUE: dict[str, Fact] = _by_name((*_PRESCREENING, *_HISTORIES))
# Every check of the pre-screening, in the order of the catalogue.
CHECKS: tuple[str, ...] = tuple(dict.fromkeys(fact.check for fact in _PRESCREENING))
# The queries over the histories of users of floats.
HISTORIES_QUERIES: tuple[str, ...] = tuple(dict.fromkeys(fact.check for fact in _HISTORIES))
# The query of the facts about the match on our lists, which are also facts about users.
SCREENING = CATALOGUE["list_match_score"].check
_LISTS = (fact for fact in _PRESCREENING if fact.name.startswith("list_"))
# The facts for rules and policies about users: their histories, and the match on our lists.
USER_FACTS: dict[str, Fact] = _by_name((*_HISTORIES, *_LISTS))
_QUERIES = (*CHECKS, *HISTORIES_QUERIES)


def fact_text(name: str, value: FactValue, currency: str) -> str:
    """A fact's value as people read it: amounts with their currency, yes or no, ratios with four digits, "unknown"."""
    fact = CATALOGUE.get(name)
    if fact is not None and fact.is_amount and isinstance(value, int):
        return amount_text(value, currency)
    return shown(value)


def facts_of(query: str) -> tuple[Fact, ...]:
    """The facts that a check or another query computes; KeyError where there is no such query."""
    if query not in _QUERIES:
        raise KeyError(f"no check is called {query}; there are {', '.join(_QUERIES)}")
    return tuple(fact for fact in CATALOGUE.values() if fact.check == query)
