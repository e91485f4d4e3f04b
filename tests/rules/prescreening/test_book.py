"""Rulebooks: what the shipped ones and a small one mean, their canonical text, its digest, and the schema."""

import json
from datetime import date
from decimal import Decimal
from pathlib import Path

import pytest
from jsonschema import Draft202012Validator
from ruamel.yaml import YAML
from support.rulebook_texts import SMALL, changed

from rules.facts import CHECKS
from rules.prescreening.book import parse_rulebook, rulebook_schema, shipped_rulebooks
from rules.prescreening.catalogue import RULES
from underwriting.domain.decision import OnUnknown

SHIPPED = Path(__file__).parents[3] / "rules" / "rulebooks"
TEXT = (SHIPPED / "prescreening.yaml").read_text("utf-8")


def test_the_shipped_books():
    books = shipped_rulebooks()
    default = books["prescreening"]
    assert (default.version, default.on_unknown, default.currency) == (3, OnUnknown.REFER, "USD")
    assert {rule.name for rule in default.rules} == set(RULES)
    assert default.checks == CHECKS
    assert [list(stage) for stage in default.stages] == [
        *[[check] for check in CHECKS[:6]],
        ["ongoing_loans", "payment_history"],
    ]
    strict = books["prescreening-strict"]
    assert strict.on_unknown is OnUnknown.REJECT
    assert {rule.name for rule in strict.rules} == set(RULES)


def test_every_threshold_of_the_default_book_names_its_source():
    lines = TEXT.splitlines()
    for number, line in enumerate(lines):
        if "{" in line and ":" in line and "#" not in line:
            above = [each.strip() for each in lines[:number]]
            # The comment stands above the rule or above the group of rules that it speaks of.
            while above and above[-1].startswith("- ") and not above[-1].endswith(":"):
                above.pop()
            assert above[-1].startswith("#"), line


def test_a_small_book():
    book = parse_rulebook(SMALL)
    assert [rule.name for rule in book.rules] == ["CreditScore", "NoInsolvency", "NotListed", "NoWriteOff"]
    assert book.rules_of("credit_report")[0].min_score == 620
    assert book.checks == ("credit_report", "fraud", "payment_history")
    assert (book.valid_from, book.terms.annual_rate, book.terms.months) == (date(2025, 1, 1), Decimal("0.24"), 12)
    assert (book.on_unknown, book.priority, book.superseding) == (OnUnknown.REFER, 100, False)
    assert str(book.ref) == "small v1"


@pytest.mark.parametrize("text", [SMALL, TEXT, (SHIPPED / "prescreening-strict.yaml").read_text("utf-8")])
def test_the_canonical_text_reads_back_to_the_same_book(text):
    book = parse_rulebook(text)
    again = parse_rulebook(book.text)
    assert again == book
    assert (again.ref, again.text) == (book.ref, book.text)
    assert [rule.name for rule in again.rules] == [rule.name for rule in book.rules]


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("stages:", "# a comment\n\nstages:"),
        ("{min_score: 620}", "\n          min_score: 620"),
        ("0.24", "0.240"),
        ("0.24", '"0.24"'),
        ("0.24", '"0.240"'),
        ("2025-01-01", '"2025-01-01"'),
        ("terms:", "on_unknown: refer\nterms:"),
        (
            "  - fraud:\n      - NotListed:\n          min_match_score: 0.9\n          grey_match_score: 0.7\n"
            "    payment_history:\n      - NoWriteOff\n",
            "  - payment_history:\n      - NoWriteOff\n"
            "    fraud:\n      - NotListed: {grey_match_score: 0.7, min_match_score: 0.90}\n",
        ),
    ],
)
def test_the_digest_is_of_the_meaning(old, new):
    assert parse_rulebook(changed(old, new)).ref == parse_rulebook(SMALL).ref


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("620", "621"),
        ("name: small", "name: smaller"),
        ("version: 1", "version: 2"),
        ("USD", "EUR"),
        ("terms:", "on_unknown: reject\nterms:"),
        ("      - NoInsolvency\n", ""),
        ("months: 12", "months: 24"),
    ],
)
def test_another_meaning_has_another_digest(old, new):
    assert parse_rulebook(changed(old, new)).ref.digest != parse_rulebook(SMALL).ref.digest


def test_the_schema_accepts_the_shipped_books_and_refuses_what_the_reader_refuses():
    schema = rulebook_schema()
    Draft202012Validator.check_schema(schema)
    validator = Draft202012Validator(schema)
    assert validator.is_valid(json.loads(shipped_rulebooks()["prescreening"].text))
    plain = YAML(typ="safe").load(SMALL.replace("2025-01-01", '"2025-01-01"'))
    assert validator.is_valid(plain)
    for wrong in (
        {"stages": [{"credit_report": [{"CreditScore": {"min_score": -1}}]}]},
        {"stages": [{"credit_report": ["CreditScore"]}]},
        {"stages": [{"credit_report": ["NoWriteOff"]}]},
        {"stages": [{"fruad": ["IdentityConsistent"]}]},
        {"stages": []},
        {"on_unknown": "approve"},
        {"unknown": 1},
    ):
        assert not validator.is_valid({**plain, **wrong}), wrong


def test_the_schema_has_every_rule_with_its_properties():
    checks = rulebook_schema()["properties"]["stages"]["items"]["properties"]
    assert list(checks) == list(CHECKS)
    written = json.dumps(checks)
    for name, rule in RULES.items():
        assert f'"{name}"' in written
        assert all(f'"{field}"' in written for field in rule.model_fields)


def test_a_text_is_read_once():
    assert parse_rulebook(SMALL) is parse_rulebook(SMALL)
    assert shipped_rulebooks() is shipped_rulebooks()
    with pytest.raises(TypeError):
        shipped_rulebooks()["mine"] = parse_rulebook(SMALL)
