"""Users whose right decision is known: the shipped books approve the good ones and none of the others."""

import pytest

from benchmarks.persona_users import KINDS, users
from benchmarks.personas import Decided, decided

# Other users than those of the benchmark's published table.
FOUND = 6, 7


@pytest.fixture(scope="module")
def found() -> list[Decided]:
    per_kind, seed = FOUND
    return [decided(user) for user in users(per_kind, seed)]


@pytest.mark.parametrize("kind", KINDS)
def test_nobody_is_approved_who_should_not_be(found: list[Decided], kind: str) -> None:
    wrong = [one for one in found if one.user.kind == kind and not one.user.good and not one.right]
    assert [(one.user.variant, one.eligibility.approved_amounts) for one in wrong] == []


@pytest.mark.parametrize("kind", KINDS)
def test_everybody_is_approved_who_should_be(found: list[Decided], kind: str) -> None:
    missed = [one for one in found if one.user.kind == kind and one.user.good and not one.right]
    assert [(one.user.variant, one.eligibility.verdict, one.codes) for one in missed] == []
