"""Birth date and country raise a score or lower it; what is missing does neither."""

from datetime import date
from typing import Any

import pytest

from underwriting.screening.entries import BirthDate, Entry, Subject, document_number
from underwriting.screening.evidence import Finding, weigh
from underwriting.screening.names import Kind

BORN = date(1961, 3, 14)
DAY = BirthDate(earliest=BORN, latest=BORN)
YEAR = BirthDate(earliest=date(1974, 1, 1), latest=date(1974, 12, 31))


def weighed(
    score: float, *listed: BirthDate, born: date | None = None, country: str | None = None, countries: str = ""
) -> tuple[float, tuple[Finding, ...]]:
    entry = Entry(id="1", name="any", birth_dates=listed, countries=frozenset(countries.split()))
    found = weigh(score, Subject("any", Kind.INDIVIDUAL, born, country), entry)
    return found.score, found.findings


@pytest.mark.parametrize(
    ("born", "finding", "effect"),
    [
        (BORN, Finding.SAME_DAY, 0.92),
        (date(1961, 3, 15), Finding.SLIP, 0.8),
        (date(1962, 3, 14), Finding.SLIP, 0.8),
        (date(1961, 11, 14), Finding.SLIP, 0.8),
        (date(1961, 12, 25), Finding.APART, 0.8),
        (date(1963, 3, 15), Finding.APART, 0.8 * 0.95),
        (date(1971, 3, 14), Finding.APART, 0.8 * 0.7),
        (date(2001, 3, 14), Finding.APART, 0.8 * 0.7),
    ],
)
def test_an_exact_birth_date(born: date, finding: Finding, effect: float) -> None:
    score, findings = weighed(0.8, DAY, born=born)
    assert findings == (finding,)
    assert score == pytest.approx(effect, abs=0.001)


def test_day_and_month_exchanged_is_a_slip() -> None:
    listed = BirthDate(earliest=date(1961, 4, 3), latest=date(1961, 4, 3))
    assert weighed(0.8, listed, born=date(1961, 3, 4)) == (0.8, (Finding.SLIP,))


@pytest.mark.parametrize(
    ("born", "finding"),
    [
        (date(1974, 1, 1), Finding.WITHIN_SPAN),
        (date(1974, 12, 31), Finding.WITHIN_SPAN),
        (date(1973, 12, 31), Finding.APART),
        (date(1975, 1, 1), Finding.APART),
    ],
)
def test_a_span_includes_its_ends(born: date, finding: Finding) -> None:
    assert weighed(0.8, YEAR, born=born)[1] == (finding,)


def test_agreement_within_a_span_says_less_than_the_very_day() -> None:
    assert 0.8 < weighed(0.8, YEAR, born=date(1974, 5, 5))[0] < weighed(0.8, DAY, born=BORN)[0]


def test_the_alternative_that_fits_best_counts() -> None:
    assert weighed(0.8, YEAR, DAY, born=BORN) == weighed(0.8, DAY, born=BORN)


def test_a_country_says_little() -> None:
    assert weighed(0.8, country="AL", countries="AT AL") == (pytest.approx(0.82), (Finding.SAME_COUNTRY,))
    assert weighed(0.8, country="US", countries="AT AL") == (pytest.approx(0.776), (Finding.OTHER_COUNTRY,))


def test_another_country_says_nothing_against_the_very_day_of_birth() -> None:
    assert weighed(0.8, DAY, born=BORN, country="US", countries="AL") == weighed(0.8, DAY, born=BORN)


@pytest.mark.parametrize(
    "known", [{}, {"born": BORN}, {"country": "AL"}, {"countries": "AL"}, {"born": BORN, "countries": "AL"}]
)
def test_what_is_missing_on_either_side_changes_nothing(known: dict[str, object]) -> None:
    assert weighed(0.8, **known) == (0.8, ())
    assert weighed(0.8, DAY) == (0.8, ())


@pytest.mark.parametrize("score", [0.0, 0.5, 1.0])
@pytest.mark.parametrize("born", [BORN, date(1961, 3, 15), date(1999, 9, 9)])
def test_a_score_stays_between_nought_and_one(score: float, born: date) -> None:
    assert 0 <= weighed(score, DAY, born=born, country="AL", countries="AL")[0] <= 1


@pytest.mark.parametrize(
    ("known", "confirmed"),
    [
        ({}, False),
        ({"country": "AL"}, False),
        ({"birth_date": date(1974, 8, 1)}, False),
        ({"birth_date": date(1974, 8, 1), "country": "AL"}, False),
        ({"birth_date": date(1961, 3, 15)}, False),
        ({"birth_date": BORN}, True),
        ({"document": "ab-123 456"}, True),
        ({"document": "AB123457"}, False),
    ],
)
def test_only_a_detail_that_next_to_nobody_shares_confirms(known: dict[str, Any], confirmed: bool) -> None:
    entry = Entry(
        id="1", name="any", birth_dates=(DAY, YEAR), countries=frozenset({"AL"}), documents=frozenset({"AB123456"})
    )
    assert weigh(1.0, Subject("any", Kind.INDIVIDUAL, **known), entry).confirmed is confirmed


def test_the_first_of_january_stands_for_a_year() -> None:
    new_year = date(1970, 1, 1)
    entry = Entry(id="1", name="any", birth_dates=(BirthDate(earliest=new_year, latest=new_year),))
    found = weigh(0.8, Subject("any", Kind.INDIVIDUAL, new_year), entry)
    assert (found.findings, found.confirmed) == ((Finding.WITHIN_SPAN,), False)


@pytest.mark.parametrize(("text", "number"), [("ab-123 4", "AB1234"), ("A 123", ""), ("1234", ""), ("12345", "12345")])
def test_a_document_has_one_spelling_and_is_long_enough_to_tell_apart(text: str, number: str) -> None:
    assert document_number(text) == number
