"""What may be published and is unusual is warned of, with its place and the reason; ordinary books are not."""

from dataclasses import replace
from pathlib import Path

import pytest
from support.rulebook_texts import SMALL as REVIEW

from rules.books import Draft, load_draft, shipped_books
from rules.publishable import Requirements
from rules.unusual import warnings

REQUIRED = Requirements(rules=("NotListed",), segments=())
LOAN = """\
name: loans
version: 1
product: loan
currency: USD
valid_from: 2026-01-01
offers: [20000, 35000]
fee: 0
rules:
  - RecurringDeposits: {min_count: 2, min_amount: 30000}
"""
SAFETY = """\
name: safety
version: 1
product: float
currency: USD
valid_from: 2026-01-01
superseding: true
applies_to: {}
rules:
  - NotListed: {min_match_score: 0.92, grey_match_score: 0.75}
"""
OK = REVIEW.replace("      - NoInsolvency\n", "      - NoInsolvency\n      - NoCreditAlert\n")


def warned(tmp_path: Path, text: str) -> list[str]:
    (tmp_path / "book.yaml").write_text(text, "utf-8")
    draft = replace(load_draft(tmp_path / "book.yaml"), origin="book.yaml")
    return [warning.removeprefix("book.yaml:") for warning in warnings(draft, REQUIRED)]


def test_nothing_is_unusual_about_the_books_that_are_shipped() -> None:
    # The Czech bank has no documents of accounts.
    books = [book for book in shipped_books() if book.name != "berka"]
    assert [warning for book in books for warning in warnings(Draft(book), REQUIRED)] == []


@pytest.mark.parametrize("text", [OK, LOAN, SAFETY])
def test_nothing_is_unusual_about_an_ordinary_book(tmp_path: Path, text: str) -> None:
    assert warned(tmp_path, text) == []


@pytest.mark.parametrize(
    ("text", "old", "new", "expected"),
    [
        (SAFETY, "{}", "{flag: beta}", "9: rule NotListed: no book may lack it, and this one applies to some users"),
        (SAFETY, "0.75}", "0.75, on_fail: refer}", "9: rule NotListed: no book may lack it, and with on_fail: refer"),
        (SAFETY, "0.92", "1.0", "9: rule NotListed: property min_match_score: 1 rejects only who is listed"),
        (SAFETY, "0.75", "0.91", "9: rule NotListed: property grey_match_score: 0.91 misses most names"),
        (SAFETY, "0.75", "0.9", None),
        (OK, "      - NoCreditAlert\n", "", "10: check credit_report: without NoCreditAlert, a doubtful document"),
        (LOAN, "30000", "300", "9: rule RecurringDeposits: property min_amount: 300 is 3.00 USD, and the shipped"),
        (LOAN, "30000", "3000", None),
        (LOAN, "30000", "0", None),
        (LOAN, "30000", "3000000", "9: rule RecurringDeposits: property min_amount: 3000000 is 30,000.00 USD, and"),
        (LOAN, "USD", "JPY", None),
        (LOAN, "[20000, 35000]", "[200, 350]", "6: offers: row 1: 200 is 2.00 USD, and the shipped rulebooks have "),
        (OK, "stages:", "incomplete: {days: 30, again_days: 30, rules: [NoInsolvency]}\nstages:", None),
        (
            OK,
            "stages:",
            "incomplete: {days: 31, again_days: 30, rules: [NoInsolvency]}\nstages:",
            "9: incomplete: days: 31 days are longer than the 30 within which",
        ),
        (
            OK,
            "stages:",
            "incomplete: {days: 5, again_days: 6, rules: [NoInsolvency]}\nstages:",
            "9: incomplete: again_days: 6 days are after the last of the 5 days",
        ),
    ],
)
def test_a_warning_names_the_place_and_the_reason(
    tmp_path: Path, text: str, old: str, new: str, expected: str | None
) -> None:
    assert old in text
    found = warned(tmp_path, text.replace(old, new, 1))
    assert [line[: len(expected or "")] for line in found] == ([expected] if expected else [])


def test_what_was_probably_meant_is_said_in_the_books_unit(tmp_path: Path) -> None:
    [warning] = warned(tmp_path, LOAN.replace("30000", "300"))
    assert warning.endswith("the shipped rulebooks have 300.00 USD there; was 30000 meant?")
