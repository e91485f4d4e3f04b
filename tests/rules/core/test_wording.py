"""Errors name the value and what to write instead, in the terms of the person who writes the book."""

import json
import re
from collections.abc import Iterator
from typing import Any

import pytest
from support.rulebook_texts import changed

from rules.core.edition import Edition, read_book
from rules.core.problems import RulebookError
from rules.eligibility.book import EligibilityBook, shipped_eligibility_books
from rules.limits.policy import LimitPolicy, shipped_policies
from rules.prescreening.book import Rulebook, shipped_rulebooks

OF_PYTHON = re.compile(
    r"\b(pydantic|tuple|dict|dictionary|None|NoneType|True|False|str|int|integer|float|valid|instance|Input|input|"
    r"Decimal|datetime|mapping|object|JSON|pattern|regex|validation|attribute|unpack)\b|[<^\\]|\* "
)
# What these names mean here.
NOT_OF_PYTHON = re.compile(r"(product|kind): [^;]*; .*|float-[a-z-]+|[a-z_]+float[a-z_]*|Float[A-Za-z]*")
WRONG: list[Any] = [
    None, True, "", "x", "0,43", "43%", "2026-13-45", [], ["x"], [1], {"x": 1}, 1.5, -1, 10**15, float("nan"),
]  # fmt: skip
DOCUMENTS: list[tuple[type[Edition], str]] = [
    (Rulebook, shipped_rulebooks()["prescreening"].text),
    (EligibilityBook, shipped_eligibility_books()["float-standard"].text),
    (EligibilityBook, shipped_eligibility_books()["loan-standard"].text),
    (LimitPolicy, shipped_policies()["cfi"].text),
]


def problems(kind: type[Edition], text: str) -> list[str]:
    try:
        read_book(kind, text, "book.yaml")
    except RulebookError as error:
        return list(error.problems)
    return []


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        ("min_match_score: 0.9\n", "min_match_score: 0,9\n", "property min_match_score: 0,9: write 0.9"),
        ("min_match_score: 0.9\n", "min_match_score: 90%\n", "property min_match_score: 90%: write 0.9"),
        ("min_match_score: 0.9\n", 'min_match_score: "0.9"\n', "property min_match_score: write 0.9 without quotes"),
        ("{min_score: 620}", "{min_score: 6,20}", "6,20 has a comma; write 6.20"),
        ("min_score: 620", "min_score: 1.620", "property min_score: 1.62 is not a whole number; write 1 or 2"),
        ("{min_score: 620}", "{min_score: }", "empty; write a whole number, at least 0, at most 1000"),
        ("annual_rate: 0.24", "annual_rate: 0,24", "terms: annual_rate: 0,24: write 0.24"),
        ("annual_rate: 0.24", "annual_rate: twenty", "twenty is not a number; write a number, at least 0, at most 10"),
        (
            "credit_report:\n      - CreditScore: {min_score: 620}\n      - NoInsolvency",
            "customer_information:\n      - ResidenceServed: {countries: US}",
            "rule ResidenceServed: property countries: write a list: [US]",
        ),
        (
            "credit_report:\n      - CreditScore: {min_score: 620}\n      - NoInsolvency",
            "customer_information:\n      - ResidenceServed: {countries: [usa]}",
            "property countries: usa is not possible here; write two capital letters of ISO 3166-1, such as US",
        ),
        ("version: 1", "version: 1,000", "version: 1,000: write 1000"),
        ("currency: USD", "currency: usd", "currency: usd is not possible here; write one such as USD"),
        (
            "terms:\n  annual_rate: 0.24\n  months: 12",
            "terms: 0.24",
            "terms: write properties, {name: value}, not 0.24",
        ),
        ("2025-01-01", "01.01.2025", "valid_from: 01.01.2025 is not a day; write one such as 2026-06-30"),
    ],
)
def test_a_mistake_is_told_with_what_to_write(old: str, new: str, expected: str) -> None:
    [problem, *_] = problems(Rulebook, changed(old, new))
    assert expected in problem


@pytest.mark.parametrize(("kind", "text"), DOCUMENTS, ids=lambda each: each.__name__ if isinstance(each, type) else "")
def test_no_wording_of_python_reaches_the_reader(kind: type[Edition], text: str) -> None:
    """Every value of a shipped book or policy is replaced by each of many wrong ones."""
    found: set[str] = set()
    for changed_document in _with_wrong_values(json.loads(text)):
        found |= set(problems(kind, json.dumps(changed_document)))
    assert len(found) > 100
    messages = {problem.removeprefix("book.yaml:") for problem in found}
    assert {each for each in messages if OF_PYTHON.search(NOT_OF_PYTHON.sub("", each))} == set()


def _with_wrong_values(document: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """The document with one value replaced by some of the wrong ones, in turns; of lists, only the first item."""
    for turn, place in enumerate(_places(document)):
        for wrong in WRONG[turn % 3 :: 3]:
            changed_document = json.loads(json.dumps(document))
            part = changed_document
            for key in place[:-1]:
                part = part[key]
            part[place[-1]] = wrong
            yield changed_document


def _places(value: object, place: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    if place:
        yield place
    if isinstance(value, dict):
        for key, each in value.items():
            yield from _places(each, (*place, key))
    elif isinstance(value, list):
        for index, each in enumerate(value[:1]):
            yield from _places(each, (*place, index))


@pytest.mark.parametrize("kind", [Rulebook, EligibilityBook, LimitPolicy])
def test_where_a_pattern_decides_an_example_or_the_description_says_what_to_write(kind: type[Edition]) -> None:
    def patterned(part: Any) -> Iterator[dict[str, Any]]:
        if isinstance(part, dict):
            if "pattern" in part:
                yield part
            part = list(part.values())
        if isinstance(part, list):
            for each in part:
                yield from patterned(each)

    found = list(patterned(kind.model_json_schema()))
    assert found
    for part in found:
        # A sentence that begins with a capital says what the field is for.
        assert "examples" in part or part["description"][0].islower(), part
