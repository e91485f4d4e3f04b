"""Any text is read as a book of eligibility or refused with a place; the schema for editors does the same."""

import json
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st
from jsonschema import Draft202012Validator
from support.eligibility_texts import SMALL, problems
from support.examples import steady

from rules.core.problems import RulebookError
from rules.eligibility import USER_RULES
from rules.eligibility.book import (
    EligibilityBook,
    eligibility_schema,
    parse_eligibility_book,
    shipped_eligibility_books,
)

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=6,
)


def read_or_refused(document):
    """The book, or None where it was refused with a place; any other error fails the test."""
    text = json.dumps(document)
    with suppress(RulebookError):
        return parse_eligibility_book(text, "book.yaml")
    assert all(problem.startswith("book.yaml:") for problem in problems(text))
    return None


@steady(80)
@given(st.sampled_from([*EligibilityBook.model_fields, "stages"]), JSON)
def test_a_strange_value_is_refused_or_read_and_nothing_else(key, value):
    read_or_refused({**json.loads(parse_eligibility_book(SMALL).text), key: value})


@steady(80)
@given(st.sampled_from(["segments", "flag", "experiment"]), st.sampled_from([None, "name", "arm", "shares"]), JSON)
def test_a_strange_applicability_is_refused_or_read_and_nothing_else(key, part, value):
    document = json.loads(parse_eligibility_book(SMALL).text)
    if key == "experiment" and part:
        document["applies_to"][key][part] = value
    else:
        document["applies_to"][key] = value
    if book := read_or_refused(document):
        assert parse_eligibility_book(book.text) == book


@steady(100)
@given(st.sampled_from(sorted(USER_RULES)), JSON)
def test_strange_properties_are_refused_or_read_and_nothing_else(rule, value):
    read_or_refused({**json.loads(parse_eligibility_book(SMALL).text), "rules": [{rule: value}]})


def test_the_schema_accepts_the_shipped_books_and_refuses_what_the_reader_refuses():
    schema = eligibility_schema()
    Draft202012Validator.check_schema(schema)
    validator = Draft202012Validator(schema)
    for book in shipped_eligibility_books().values():
        assert validator.is_valid(json.loads(book.text)), book.name
    document = json.loads(parse_eligibility_book(SMALL).text)
    for wrong in (
        {"rules": []},
        {"rules": ["AgeOfAccount"]},
        {"rules": [{"AgeOfAccount": {"min_age": -1}}]},
        {"rules": ["NoInsolvency"]},
        {"offers": [0]},
        {"on_unknown": "approve"},
        {"applies_to": {"segments": []}},
        {"applies_to": {"share": 1}},
        {"stages": []},
    ):
        assert not validator.is_valid({**document, **wrong}), wrong


def test_the_schema_has_every_rule_with_its_properties():
    rules = json.dumps(eligibility_schema()["properties"]["rules"])
    for name, rule in USER_RULES.items():
        assert f'"{name}"' in rules
        assert all(f'"{field}"' in rules for field in rule.model_fields)


@pytest.mark.parametrize("code", [0x7F, 0x80, 0x85, 0x9F, 0x2028, 0x2029, 0xFEFF, 0xD800, 0xFFFE])
def test_a_text_that_could_not_be_read_back_is_refused(code):
    document = json.loads(parse_eligibility_book(SMALL).text)
    document["applies_to"] = {"segments": [f"new{chr(code)}users"]}
    assert problems(json.dumps(document)) == [
        f"book.yaml:1: the character U+{code:04X} is not allowed in a text here; leave it out"
    ]


@pytest.mark.parametrize("text", ["\x00", "\t", "\n", "~", "\xa0", "é", "\u2027", "\ufffd", "\U0001f600"])
def test_every_other_text_is_read_back_as_it_was(text):
    document = json.loads(parse_eligibility_book(SMALL).text)
    document["applies_to"] = {"segments": [f"new{text}users"]}
    book = read_or_refused(document)
    assert book is None or parse_eligibility_book(book.text) == book
