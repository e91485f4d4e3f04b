"""Differences between two decisions, or between their facts."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import pandas as pd

from rules.facts import CATALOGUE, fact_text
from underwriting.domain.decision import FactValue


@dataclass(frozen=True)
class Difference:
    """One place where two answers differ: `verdict`, or `standard-float v3: MinimumIncome`."""

    place: str
    then: str
    now: str


def differences_between(then: Mapping[str, str], now: Mapping[str, str]) -> list[Difference]:
    """Where two answers differ, in the order of the first; none where they agree."""
    both = [Difference(each, then.get(each, "not asked"), now.get(each, "not asked")) for each in {**then, **now}]
    return [each for each in both if each.then != each.now]


def fact_differences(then: Mapping[str, FactValue], now: Mapping[str, FactValue], currency: str) -> list[Difference]:
    """The facts that are not what they were, by name; amounts are in minor units of the currency."""
    return [
        Difference(name, _fact_in_words(name, then.get(name), currency), _fact_in_words(name, now.get(name), currency))
        for name in sorted({*then, *now})
        if then.get(name) != now.get(name)
    ]


def named(differences: Iterable[Difference], then: str = "then", now: str = "now") -> list[str]:
    """Differences in words; `then` and `now` say of which answer each is."""
    return [f"{each.place}: {each.then} {then}, {each.now} {now}" for each in differences]


def _fact_in_words(name: str, value: FactValue, currency: str) -> str:
    """An amount with its currency; other values with every digit, since it may be the last that differs."""
    is_amount = name in CATALOGUE and CATALOGUE[name].is_amount
    return fact_text(name, value, currency) if is_amount else in_words(value)


def in_words(value: object) -> str:
    """A value in words; of reasons their codes."""
    match value:
        case None:
            return "unknown"
        case tuple():
            return ", ".join(getattr(each, "code", str(each)) for each in value) or "none"
        case _:
            return str(value)


def frame_of(*rows: Mapping[str, FactValue]) -> pd.DataFrame:
    """Facts as a frame, a row for each subject; names that are no facts any more are left out."""
    names = dict.fromkeys(name for row in rows for name in row if name in CATALOGUE)
    columns = {
        name: pd.Series([pd.NA if row[name] is None else row[name] for row in rows], dtype=CATALOGUE[name].dtype)
        for name in names
    }
    return pd.DataFrame(columns, index=range(len(rows)))
