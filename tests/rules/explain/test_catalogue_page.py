"""The page of all rules is what the code says."""

from pathlib import Path

import pytest

from rules.core.reasons import REASONS
from rules.eligibility import USER_RULES
from rules.explain.catalogue_page import catalogue_page, facts_read_by
from rules.facts import USER_FACTS, facts_of
from rules.prescreening.catalogue import RULES

PAGE = Path(__file__).parents[3] / "docs" / "rules.md"
SECTIONS = catalogue_page().split("\n#### ")[1:]


def test_the_page_is_current():
    assert PAGE.read_text("utf-8") == catalogue_page(), "run `underwriting rulebooks catalogue > docs/rules.md`"


@pytest.mark.parametrize("rule", [*RULES.values(), *USER_RULES.values()])
def test_a_rule_stands_in_it_with_claim_properties_facts_and_reasons(rule):
    (section, *_) = [
        section for section in SECTIONS
        if section.startswith(f"{rule.__name__}\n") and rule.__doc__ in section
    ]  # fmt: skip
    assert "**Passes where:** " in section
    for name in rule.model_fields.keys() - {"on_fail"}:
        assert f"- `{name}`: " in section
    for name in facts_read_by(rule):
        assert f"- Reads `{name}`: " in section
    for code in filter(None, (rule.fails_as, rule.unknown_as, rule.grey_as)):
        assert f"as `{code}`: {REASONS[code].sentence}" in section


def test_rules_about_users_read_facts_about_users_and_those_about_applications_their_check_s():
    for rule in USER_RULES.values():
        assert set(facts_read_by(rule)) <= set(USER_FACTS)
    for rule in RULES.values():
        assert set(facts_read_by(rule)) <= {fact.name for fact in facts_of(rule.check)}
    assert facts_read_by(USER_RULES["ReturnedDebits"]) == tuple(f"returned_debits_{days}d" for days in (30, 60, 90))
