"""The text of a small book of eligibility, and why a text is refused."""

import pytest

from rules.core.problems import RulebookError
from rules.eligibility.book import parse_eligibility_book

SMALL = """\
name: small
version: 1
product: float
currency: USD
valid_from: 2026-01-01
applies_to:
  segments: [student]
  flag: small-floats
  experiment: {name: trial, arm: new, shares: {new: 0.25, old: 0.75}}
offers: [1000, 2000]
rules:
  - AgeOfAccount: {min_age: 60}
  - GoodStanding
  - ReturnedDebits: {max_count: 2, number_of_days: 30}
"""


def problems(text: str) -> list[str]:
    """The problems for which it is refused, each with its place."""
    with pytest.raises(RulebookError) as caught:
        parse_eligibility_book(text, "book.yaml")
    return list(caught.value.problems)
