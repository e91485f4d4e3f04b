"""What every document of rules has: the digest of its own text, also where it was made from another."""

from datetime import date, timedelta

import pytest
from pydantic import ValidationError

from rules.core.edition import Edition
from rules.eligibility.book import shipped_eligibility_books
from rules.limits.policy import shipped_policies
from rules.prescreening.book import shipped_rulebooks

DAY = timedelta(days=1)
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


@pytest.mark.parametrize("edition", EDITIONS, ids=lambda edition: edition.name)
def test_an_edition_decides_from_its_first_to_its_last_day(edition: Edition) -> None:
    first, last = date(2027, 3, 1), date(2027, 3, 31)
    dated = edition.model_copy(update={"valid_from": first, "valid_until": last})
    days = [first - DAY, first, last, last + DAY]
    assert [dated.in_force_on(day) for day in days] == [False, True, True, False]
    assert [edition.model_copy(update={"valid_from": first}).in_force_on(day) for day in days] == [False] + 3 * [True]
    assert "valid_until" not in edition.text
    with pytest.raises(ValidationError, match="2027-02-28 is before 2027-03-01, the first day"):
        edition.model_copy(update={"valid_from": first, "valid_until": first - DAY})
