"""What every document of rules has: the digest of its own text, also where it was made from another."""

import pytest
from pydantic import ValidationError

from rules.book import Edition
from rules.eligibility.book import shipped_eligibility_books
from rules.limits.policy import shipped_policies
from rules.rulebook import shipped_rulebooks

EDITIONS = [*shipped_rulebooks().values(), *shipped_eligibility_books().values(), *shipped_policies().values()]


@pytest.mark.parametrize("edition", EDITIONS, ids=lambda edition: edition.name)
def test_a_copy_is_known_by_its_own_text(edition: Edition) -> None:
    before = edition.ref
    copy = edition.model_copy(update={"version": edition.version + 1})
    assert copy.ref.version == before.version + 1
    assert copy.ref.digest != before.digest
    assert edition.ref == before
    assert edition.model_copy().ref == before


@pytest.mark.parametrize("edition", EDITIONS, ids=lambda edition: edition.name)
@pytest.mark.parametrize("changes", [{"version": 0}, {"currency": "XXX"}, {"colour": "blue"}], ids=str)
def test_a_copy_has_to_be_such_a_document(edition: Edition, changes: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        edition.model_copy(update=changes)
