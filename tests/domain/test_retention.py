"""How months are counted, and which terms a setting may ask for."""

from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as some
from pydantic import ValidationError

from underwriting.domain.retention import (
    MINIMUMS,
    Demands,
    Kind,
    Retention,
    Term,
    first_kept,
    months_after,
)

DAYS = some.dates(date(2000, 1, 1), date(2100, 1, 1))


@pytest.mark.parametrize(
    ("day", "months", "after"),
    [
        (date(2026, 3, 2), 25, date(2028, 4, 2)),
        (date(2026, 1, 31), 25, date(2028, 2, 29)),
        (date(2025, 1, 31), 25, date(2027, 2, 28)),
        (date(2024, 2, 29), 12, date(2025, 2, 28)),
        (date(2024, 2, 29), 48, date(2028, 2, 29)),
        (date(2026, 12, 31), 12, date(2027, 12, 31)),
        (date(2026, 3, 31), 1, date(2026, 4, 30)),
        (date(2026, 3, 31), 0, date(2026, 3, 31)),
        (date(9999, 12, 1), 25, date.max),
    ],
)
def test_months_end_with_the_month(day: date, months: int, after: date) -> None:
    assert months_after(day, months) == after


@given(DAYS, some.integers(1, 130))
def test_what_may_be_past_its_term_happened_before_the_first_day_that_is_kept(today: date, months: int) -> None:
    first = first_kept(today, months)
    assert months_after(first, months) >= today
    assert months_after(first - timedelta(days=1), months) < today


@given(DAYS, DAYS, some.sampled_from(Kind), some.integers(0, 200), some.integers(0, 200))
def test_no_setting_and_no_option_shortens_a_term(
    since: date, today: date, kind: Kind, lender: int, asked: int
) -> None:
    least = MINIMUMS[kind].months
    lenders = {"acme": Retention.model_construct(months={kind: lender}, holds=frozenset())}
    term = Demands(today, lenders, asked).term("acme", "ada", kind, since)
    assert term.until == months_after(since, max(least, lender, asked))


def test_a_hold_keeps_one_person_or_all() -> None:
    demands = Demands(date(2100, 1, 1), {"acme": Retention(holds={"ada"}), "umbrella": Retention(holds={"*"})})
    held = [
        demands.term(tenant, person, Kind.EVENTS, date(2000, 1, 1)).until is None
        for tenant, person in (("acme", "ada"), ("acme", "bob"), ("umbrella", "bob"), ("other", "ada"))
    ]
    assert held == [True, False, True, False]


@pytest.mark.parametrize("kind", list(Kind))
def test_a_setting_below_the_minimum_is_refused(kind: Kind) -> None:
    least = MINIMUMS[kind].months
    assert Retention(months={kind: least}).months == {kind: least}
    with pytest.raises(ValidationError, match=f"{least - 1} months are too few: keep {kind} {least} months after"):
        Retention(months={kind: least - 1})


def test_the_longer_term_wins_and_one_without_end_is_the_longest() -> None:
    short, long, endless = Term(date(2026, 1, 1), "a"), Term(date(2027, 1, 1), "b"), Term(None, "c")
    assert short.or_later(long) == long.or_later(short) == long
    assert short.or_later(endless) == endless.or_later(short) == endless
    assert not endless.is_over(date.max)
    assert not short.is_over(date(2026, 1, 1))
    assert short.is_over(date(2026, 1, 2))
