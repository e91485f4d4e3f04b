"""The numbers in the facts: versioned, known by a digest of their meaning, refused where they mean nothing."""

from importlib.resources import files
from typing import Any

import pytest
from pydantic import ValidationError
from ruamel.yaml import YAML

from rules.facts.terms import FactTerms, fact_terms
from underwriting.sources.feeds.category_rules import category_rules

WRITTEN = YAML(typ="safe").load(files("rules").joinpath("policies", "fact_terms.yaml").read_text("utf-8"))


def changed(part: str, **numbers: Any) -> FactTerms:
    return FactTerms.model_validate(WRITTEN | {part: WRITTEN[part] | numbers})


def test_the_terms_are_known_by_what_they_mean():
    ref = fact_terms().ref
    assert (ref.name, ref.version) == ("fact-terms", WRITTEN["version"])
    assert FactTerms.model_validate(dict(reversed(WRITTEN.items()))).ref == ref
    assert FactTerms.model_validate(WRITTEN | {"reversal_days": 11}).ref.digest != ref.digest
    assert changed("income", part_days=4).ref.digest != ref.digest


def test_feeds_look_for_a_reversal_as_far_back_as_the_facts():
    assert category_rules().reversal_days == fact_terms().reversal_days


def test_the_currencies_with_numbers():
    assert set(fact_terms().currencies) == {"USD", "CZK", "EUR", "GBP", "CAD"}
    assert fact_terms().currencies["USD"].min_deposit == 150_00


@pytest.mark.parametrize(
    ("part", "numbers"),
    [
        ("income", {"cadences": []}),
        ("income", {"window_days": 361}),
        ("income", {"part_days": 0}),
        ("advances", {"max_fee_share": "1.01"}),
        ("advances", {"max_fee_share": "0.001"}),
        ("currencies", {"USD": {"min_deposit": -1, "healthy_balance": 1}}),
        ("currencies", {"dollars": {"min_deposit": 1, "healthy_balance": 1}}),
        ("income", {"nonsense": 1}),
    ],
)
def test_numbers_that_mean_nothing_are_refused(part, numbers):
    with pytest.raises(ValidationError):
        changed(part, **numbers)
