"""The default limit policy as text, changed here and there."""

from pathlib import Path

import pytest

from rules.core.problems import RulebookError
from rules.limits.policy import LimitPolicy, parse_policy

SHIPPED = Path(__file__).parents[2] / "rules" / "policies"
TEXT = (SHIPPED / "cfi.yaml").read_text("utf-8")
TABLE = TEXT[TEXT.index("  - {tier") : TEXT.index("\naffordability:")]


def problems(text: str) -> list[str]:
    """What is wrong with a policy."""
    with pytest.raises(RulebookError) as caught:
        parse_policy(text, "policy.yaml")
    return list(caught.value.problems)


def changed(old: str, new: str) -> str:
    """The text with its first `old` replaced."""
    assert old in TEXT
    return TEXT.replace(old, new, 1)


def policy_with(*changes: tuple[str, str]) -> LimitPolicy:
    """The default policy with these changes of its text."""
    text = TEXT
    for old, new in changes:
        assert old in text
        text = text.replace(old, new, 1)
    return parse_policy(text)


def line(of: str) -> int:
    """The line in which `of` stands, counted from 1."""
    return TEXT[: TEXT.index(of)].count("\n") + 1
