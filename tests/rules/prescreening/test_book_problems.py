"""What is wrong with a rulebook is said with its place; a damaged text is refused or read, and nothing else happens."""

import json
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.examples import steady
from support.rulebook_texts import SMALL, changed

from rules.books import load_rulebook
from rules.facts import CHECKS
from rules.prescreening.book import RulebookError, parse_rulebook
from rules.prescreening.catalogue import RULES


def problems(text):
    with pytest.raises(RulebookError) as caught:
        parse_rulebook(text, "book.yaml")
    return list(caught.value.problems)


def read_or_refused(text):
    """The book, or None where it was refused with a place; any other error fails the test."""
    with suppress(RulebookError):
        return parse_rulebook(text, "book.yaml")
    assert all(problem.startswith("book.yaml:") for problem in problems(text))
    return None


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        ("CreditScore", "CreditScor", ["11: rule CreditScor: no such rule; did you mean CreditScore?"]),
        ("NoInsolvency", "Frobnicate", ["12: rule Frobnicate: no such rule; the schema lists them"]),
        (
            "min_score: 620",
            "min_scor: 620",
            [
                "11: rule CreditScore: property min_scor: no such property; did you mean min_score?",
                "11: rule CreditScore: property min_score: missing; give a whole number, at least 0, at most 1000",
            ],
        ),
        (
            ": {min_score: 620}",
            "",
            ["11: rule CreditScore: property min_score: missing; give a whole number, at least 0, at most 1000"],
        ),
        ("620", "-1", ["11: rule CreditScore: property min_score: -1 is too low; write 0 or more"]),
        ("620", "1001", ["11: rule CreditScore: property min_score: 1001 is too high; write 1000 or less"]),
        ("620", "62.5", ["11: rule CreditScore: property min_score: 62.5 is not a whole number; write 62 or 63"]),
        ("620", '"620"', ["11: rule CreditScore: property min_score: write 620 without quotes"]),
        (
            "620",
            "true",
            [
                "11: rule CreditScore: property min_score: true is not a number; "
                "write a whole number, at least 0, at most 1000"
            ],
        ),
        (
            "620",
            "",
            ["11: rule CreditScore: property min_score: empty; write a whole number, at least 0, at most 1000"],
        ),
        (
            "0.7",
            ".nan",
            [
                "16: rule NotListed: property grey_match_score: .nan is not a number; "
                "write a number, at least 0, at most 1"
            ],
        ),
        (
            "0.7",
            ".inf",
            [
                "16: rule NotListed: property grey_match_score: .inf is not a number; "
                "write a number, at least 0, at most 1"
            ],
        ),
        (
            "0.7",
            "0.95",
            [
                "16: rule NotListed: property grey_match_score: "
                "is above min_match_score, so that no match would be grey; lower it"
            ],
        ),
        (
            "{min_score: 620}",
            "[620]",
            ["11: rule CreditScore: write its properties as {property: value}"],
        ),
        (
            "NoInsolvency",
            "NoInsolvency: {a: 1}",
            ["12: rule NoInsolvency: property a: no such property; there is only on_fail"],
        ),
        (
            "NoInsolvency",
            "[NoInsolvency]",
            ["12: check credit_report: write a rule as Name, or as Name: {property: value}"],
        ),
        ("- NoInsolvency", "- 12", ["12: check credit_report: write a rule as Name, or as Name: {property: value}"]),
        (
            "NoInsolvency",
            "NoWriteOff",
            ["12: rule NoWriteOff: belongs to the check payment_history, not to credit_report; move it there"],
        ),
        ("NoInsolvency", "CreditScore: {min_score: 1}", ["12: rule CreditScore: appears twice; keep one"]),
        ("- fraud", "- fruad", ["13: check fruad: no such check; did you mean fraud?"]),
        (
            "- fraud",
            "- zzz",
            [f"13: check zzz: no such check; the checks are {', '.join(CHECKS)}"],
        ),
        (
            "    payment_history:\n      - NoWriteOff\n",
            "  - credit_report:\n      - NoInsolvency\n",
            ["17: check credit_report: is in an earlier stage already; a check runs once"],
        ),
        ("      - NoWriteOff\n", "", ["17: check payment_history: empty; list at least one"]),
        ("      - NoWriteOff\n", "      []\n", ["17: check payment_history: empty; list at least one"]),
        (
            "name: small",
            "name: Small Book",
            ["1: name: Small Book is not possible here; write lower-case letters, digits and hyphens"],
        ),
        ("name: small\n", "", ["1: name: missing; give text (lower-case letters, digits and hyphens)"]),
        ("product: loan\n", "", ["1: product: missing; give one of loan, float"]),
        (
            "currency: USD\n",
            "",
            ["1: currency: missing; give text such as USD (The currency of every amount in the book)"],
        ),
        (
            "valid_from: 2025-01-01\n",
            "",
            ["1: valid_from: missing; give a day such as 2026-06-30 (The first day on which it decides)"],
        ),
        ("version: 1", "version: 0", ["2: version: 0 is too low; write 1 or more"]),
        ("version: 1", "version: one", ["2: version: one is not a number; write a whole number, at least 1"]),
        ("product: loan", "product: lone", ["3: product: lone is not possible here; did you mean loan?"]),
        ("USD", "XXY", ["4: currency: 'XXY' is not an ISO 4217 currency code, such as USD"]),
        ("2025-01-01", "2025-02-30", ["5: 2025-02-30 is not a possible date or number"]),
        ("2025-01-01", "soon", ["5: valid_from: soon is not a day; write one such as 2026-06-30"]),
        ("months: 12", "months: 0", ["8: terms: months: 0 is too low; write 1 or more"]),
        (
            "  months: 12",
            "  month: 12",
            [
                "6: terms: months: missing; "
                "give a whole number, at least 1, at most 120 (Term, where the application names none)",
                "8: terms: month: no such key; did you mean months?",
            ],
        ),
        ("0.24", ".nan", ["7: terms: annual_rate: .nan is not a number; write a number, at least 0, at most 10"]),
        (
            "terms:",
            "on_unknown: approve\nterms:",
            ["6: on_unknown: approve is not possible here; write refer or reject"],
        ),
        # There is nothing that it could supersede.
        (
            "terms:",
            "superseding: true\nterms:",
            ["6: superseding: one rulebook judges an application, and there are no others to supersede; leave it out"],
        ),
        ("terms:", "on_unknwon: refer\nterms:", ["6: on_unknwon: no such key; did you mean on_unknown?"]),
        ("name: small", "name: small\nname: smaller", ["2: name appears twice, first in line 1; keep one"]),
        ("620", "&score 620", ["11: anchors are not used here; write the value out"]),
        (
            "620",
            "!!python/object:os.system x",
            ["11: the tag tag:yaml.org,2002:python/object:os.system is not used here; leave it out"],
        ),
        (
            "{min_score: 620}",
            "{min_score: 620",
            ["13: not YAML: a { is not closed, or a comma is missing; close it with }"],
        ),
        ("620", "9" * 5_000, [f"11: {'9' * 40} is not a possible date or number"]),
        (
            "NoInsolvency",
            "a: b: c",
            ["12: not YAML: a second colon, or too much indentation; write one `key: value` a line"],
        ),
        (
            "min_score",
            "1",
            [
                "11: a key has to be text; put it in quotes",
                "11: rule CreditScore: property min_score: missing; give a whole number, at least 0, at most 1000",
            ],
        ),
    ],
)
def test_a_problem_names_its_place_and_what_to_do(old, new, expected):
    assert problems(changed(old, new)) == [f"book.yaml:{line}" for line in expected]


def test_every_problem_is_told_at_once():
    text = changed("620", "-1").replace("- NoWriteOff", "- NoWriteoff").replace("months: 12", "months: x")
    assert [problem.split(": ")[0] for problem in problems(text)] == ["book.yaml:8", "book.yaml:11", "book.yaml:18"]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", "book.yaml:1: not a rulebook; it has the keys name, version, product"),
        ("# nothing\n", "book.yaml:1: not a rulebook"),
        ("- a\n", "book.yaml:1: not a rulebook"),
        ("just text", "book.yaml:1: not a rulebook"),
        ("a: [", "book.yaml:1: not YAML: expected the node content"),
        ("\x00", "book.yaml:1: not YAML"),
        ("a: 1\n---\nb: 2\n", "book.yaml:2: not YAML: a second document after ---; keep one"),
        ("a: *b\n", "book.yaml:1: not YAML: a text that begins with *; put it in quotes"),
        ("&a [*a]\n", "book.yaml:1: anchors are not used here"),
        ("[" * 600, "book.yaml:1: nested too deeply"),
        ("a" * 100_001, "book.yaml:1: more than 100,000 characters"),
        ("<<: {a: 1}", "book.yaml:1: the tag tag:yaml.org,2002:merge is not used here"),
    ],
)
def test_what_is_no_rulebook_at_all(text, expected):
    assert problems(text)[0].startswith(expected)


def test_of_thousands_of_problems_fifty_are_told():
    with pytest.raises(RulebookError) as raised:
        parse_rulebook(SMALL + "".join(f"key_{number}: 1\n" for number in range(5_000)), "book.yaml")
    lines = str(raised.value).splitlines()
    assert len(lines) == 51
    assert lines[-1] == "and 4,950 more"


def test_files_that_cannot_be_read(tmp_path):
    with pytest.raises(RulebookError, match=r"absent\.yaml: No such file or directory"):
        load_rulebook(tmp_path / "absent.yaml")
    with pytest.raises(RulebookError, match="Is a directory"):
        load_rulebook(tmp_path)
    latin = tmp_path / "latin.yaml"
    latin.write_bytes("name: caf\xe9".encode("latin-1"))
    with pytest.raises(RulebookError, match=r"latin\.yaml: not UTF-8 at byte 9; save it as UTF-8"):
        load_rulebook(latin)
    good = tmp_path / "good.yaml"
    good.write_text(SMALL, "utf-8")
    assert load_rulebook(good) == parse_rulebook(SMALL)


PIECES = st.sampled_from(
    [
        "",
        " ",
        "\n",
        "  ",
        "-",
        ": ",
        "{",
        "}",
        "[",
        "]",
        "#",
        "&a",
        "*a",
        "!!int",
        ".nan",
        "1e999",
        "\t",
        "'",
        '"',
        "~",
        "? ",
        "|",
        "é",
        "\x07",
    ]
)


@steady(150)
@given(st.integers(0, len(SMALL)), st.integers(0, 30), PIECES | st.text(max_size=8))
def test_a_damaged_book_is_refused_or_read_and_nothing_else(place, length, piece):
    text = SMALL[:place] + piece + SMALL[place + length :]
    if book := read_or_refused(text):
        assert parse_rulebook(book.text) == book


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=6,
)


@steady(80)
@given(
    st.sampled_from(
        ["name", "version", "product", "currency", "valid_from", "on_unknown", "terms", "stages", "priority"]
    ),
    JSON,
)
def test_a_strange_value_is_refused_or_read_and_nothing_else(key, value):
    document = {**json.loads(parse_rulebook(SMALL).text), key: value}
    read_or_refused(json.dumps(document))


@steady(80)
@given(st.sampled_from(sorted(RULES)), JSON)
def test_strange_properties_are_refused_or_read_and_nothing_else(rule, value):
    document = json.loads(parse_rulebook(SMALL).text)
    document["stages"] = [{RULES[rule].check: [{rule: value}]}]
    read_or_refused(json.dumps(document))


@pytest.mark.parametrize("value", ['!!int ""', "!!int _", '!!float ""', "!!bool maybe", "2026-13-45", "-_"])
def test_a_value_that_is_not_what_it_says_is_refused(value):
    (problem,) = problems(SMALL.replace("version: 1", f"version: {value}"))
    assert problem.startswith("book.yaml:2: ")
    assert problem.endswith("is not a possible date or number")
