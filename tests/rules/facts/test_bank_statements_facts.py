"""What six months of statements say."""

from calendar import monthrange
from datetime import date, timedelta
from statistics import fmean, stdev

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.applicants import AS_OF, PERSON, facts, monthly, one_applicant, statements
from support.examples import steady

from rules.facts import compute_facts
from underwriting.domain.documents import OngoingLoans

UNKNOWN = dict.fromkeys(
    [
        "broken_statement_line",
        "months_covered",
        "months_missing",
        "statement_age_days",
        "lowest_month_end_balance",
        "month_end_balance_cv",
        "spending_cv",
        "negative_balance_days",
        "returned_payments",
    ]
)


def bank(*bookings, as_of=AS_OF, **period):
    return facts("bank_statements", statements(*bookings, **period), as_of=as_of)


def test_a_source_without_an_answer_leaves_everything_unknown():
    assert facts("bank_statements") == UNKNOWN


def test_statements_in_another_currency_say_nothing():
    assert facts("bank_statements", statements(currency="EUR")) == UNKNOWN


LINES = [(date(2025, 1, 10), -5_000, "spending"), (date(2025, 1, 10), 2_000, "income"), (date(2025, 2, 10), 9, None)]


def edited(place, **change):
    """The statements with one line changed afterwards."""
    sound = statements(*LINES, opening=100_000)
    lines = list(sound.lines)
    lines[place] = lines[place].model_copy(update=change)
    return facts("bank_statements", sound.model_copy(update={"lines": tuple(lines)}))


def test_sound_statements_add_up():
    assert edited(0)["broken_statement_line"] == 0
    assert edited(0)["months_covered"] == 6


@pytest.mark.parametrize(
    ("place", "change", "broken"),
    [
        (0, {"balance": 120_000}, 1),
        (0, {"amount": -5_001}, 1),
        (1, {"balance": 97_001}, 2),
        (2, {"amount": 10}, 3),
        # It comes before the others now, and their balances do not follow from it.
        (2, {"booked_on": date(2024, 12, 31)}, 1),
        (0, {"booked_on": date(2024, 11, 30)}, 1),
        (0, {"booked_on": date(2025, 2, 11)}, 1),
        (1, {"line_no": 0}, 1),
    ],
)
def test_a_line_that_does_not_add_up_is_named_and_nothing_else_is_known(place, change, broken):
    assert edited(place, **change) == {**UNKNOWN, "broken_statement_line": broken}


def test_an_opening_balance_that_leads_nowhere_is_seen_at_the_first_line():
    sound = statements(*LINES, opening=100_000)
    assert facts("bank_statements", sound.model_copy(update={"opening_balance": 1}))["broken_statement_line"] == 1


@pytest.mark.parametrize(("as_of", "broken"), [(date(2025, 2, 9), 0), (date(2025, 2, 10), 3)])
def test_a_line_after_as_of_breaks_nothing(as_of, broken):
    sound = statements(*LINES, opening=100_000)
    lines = (*sound.lines[:2], sound.lines[2].model_copy(update={"balance": 0}))
    found = facts("bank_statements", sound.model_copy(update={"lines": lines}), as_of=as_of)
    assert found["broken_statement_line"] == broken


@pytest.mark.parametrize("check", ["financial_statements", "ongoing_loans"])
def test_statements_that_do_not_add_up_say_nothing_of_income(check):
    sound = statements(*monthly([100_000] * 7, "income"))
    broken = sound.model_copy(update={"opening_balance": 1})
    loans = OngoingLoans(currency="USD", loans=())
    known, unknown = (facts(check, PERSON, loans, each) for each in (sound, broken))
    assert {name for name in known if known[name] is not None} > {name for name in unknown if unknown[name] is not None}


def test_no_lines_are_knowledge():
    found = bank(opening=5_000)
    assert found["months_covered"] == 6
    assert found["lowest_month_end_balance"] == 5_000
    assert found["month_end_balance_cv"] == 0
    assert found["negative_balance_days"] == 0
    assert found["returned_payments"] == 0
    # Nothing was spent, so that there is nothing to vary.
    assert found["spending_cv"] is None


@pytest.mark.parametrize(
    ("start", "end", "months"),
    [
        (date(2024, 12, 1), AS_OF, 6),
        (date(2024, 12, 31), AS_OF, 6),
        (date(2025, 1, 1), AS_OF, 5),
        (date(2020, 1, 1), AS_OF, 6),
        (date(2024, 12, 1), date(2025, 5, 31), 6),
        (date(2024, 12, 1), date(2025, 5, 30), 5),
        (date(2025, 6, 1), AS_OF, 0),
        (date(2024, 1, 1), date(2024, 12, 30), 0),
    ],
)
def test_a_month_counts_when_its_last_day_is_covered(start, end, months):
    assert bank(start=start, end=end)["months_covered"] == months


def test_the_end_of_the_month_of_as_of_is_not_over():
    assert bank(start=date(2024, 12, 1), end=date(2025, 5, 31), as_of=date(2025, 5, 31))["months_covered"] == 5


def test_the_age_is_counted_from_the_last_day_covered():
    assert bank(end=date(2025, 5, 31))["statement_age_days"] == 15
    assert bank(end=AS_OF)["statement_age_days"] == 0


def test_the_last_line_of_a_day_has_its_end_of_day_balance():
    day = date(2025, 1, 31)
    found = bank((day, -900, "spending"), (day, 500, "income"), opening=1_000)
    assert found["lowest_month_end_balance"] == 600


def test_the_order_within_a_day_is_that_of_the_line_numbers():
    day = date(2025, 1, 31)
    tables = one_applicant(statements((day, -900, "spending"), (day, 500, "income"), opening=1_000))
    tables["statement_lines"] = tables["statement_lines"].take([1, 0])
    assert compute_facts("bank_statements", tables)["lowest_month_end_balance"].item() == 600


def test_a_balance_stands_until_the_next_line():
    found = bank(*monthly([1_000, 2_000, 3_000, 4_000, 5_000, 6_000], "income"))
    balances = [1_000, 3_000, 6_000, 10_000, 15_000, 21_000]
    assert found["lowest_month_end_balance"] == 1_000
    assert found["month_end_balance_cv"] == pytest.approx(stdev(balances) / fmean(balances))


@pytest.mark.parametrize("opening", [0, -100])
def test_variation_is_unknown_unless_the_mean_is_positive(opening):
    assert bank(opening=opening)["month_end_balance_cv"] is None


def test_one_month_end_has_no_variation():
    found = bank(opening=100, start=date(2025, 5, 31))
    assert (found["months_covered"], found["month_end_balance_cv"]) == (1, None)


def test_spending_varies_over_whole_months_only():
    spent = [100, 100, 100, 100, 100, 200, 99_999]
    found = bank(*monthly([-amount for amount in spent], "spending"), opening=10_000)
    assert found["spending_cv"] == pytest.approx(stdev(spent[:6]) / fmean(spent[:6]))
    since_january = bank(
        *monthly([-amount for amount in spent], "spending")[1:], opening=10_000, start=date(2024, 12, 2)
    )
    assert since_january["spending_cv"] == pytest.approx(stdev(spent[1:6]) / fmean(spent[1:6]))


def test_a_month_without_spending_counts_as_zero():
    found = bank((date(2025, 1, 5), -600, "spending"), opening=10_000)
    assert found["spending_cv"] == pytest.approx(stdev([0, 600, 0, 0, 0, 0]) / 100)


@pytest.mark.parametrize(
    ("category", "counts"),
    [("spending", True), ("fee", True), (None, True), ("transfer", False), ("debt_service", False), ("income", False)],
)
def test_what_counts_as_spending(category, counts):
    found = bank((date(2025, 1, 5), -600, category), opening=10_000)
    assert (found["spending_cv"] is not None) == counts


def test_a_returned_payment_undoes_its_spending():
    found = bank((date(2025, 1, 5), -600, "spending"), (date(2025, 1, 7), 600, "returned"), opening=10_000)
    assert found["spending_cv"] is None


@pytest.mark.parametrize(
    ("back", "days"),
    [
        (date(2025, 1, 10), 0),
        (date(2025, 1, 11), 1),
        (date(2025, 2, 10), 31),
        (None, (AS_OF - date(2025, 1, 10)).days + 1),
    ],
)
def test_negative_days_run_until_the_balance_is_back(back, days):
    bookings = [(date(2025, 1, 10), -100, "spending")]
    if back:
        bookings.append((back, 100, "income"))
    assert bank(*bookings)["negative_balance_days"] == days


def test_negative_days_begin_with_the_window_and_end_with_the_statements():
    found = bank(opening=-1, start=date(2024, 1, 1), end=date(2024, 12, 10))
    assert found["negative_balance_days"] == 10


def test_statements_that_end_before_the_window_do_not_tell_of_it():
    found = bank(opening=-1, start=date(2024, 1, 1), end=date(2024, 11, 30))
    assert found["negative_balance_days"] is None
    assert found["returned_payments"] is None
    assert found["months_covered"] == 0


def test_returned_payments_are_counted_in_the_window():
    days = [date(2024, 11, 30), date(2024, 12, 1), AS_OF]
    assert bank(*((day, 5, "returned") for day in days), start=date(2024, 1, 1))["returned_payments"] == 2


def test_an_unclassified_line_may_be_a_returned_payment():
    assert bank((AS_OF, 5, "returned"), (AS_OF, 5, None))["returned_payments"] is None


def test_lines_outside_the_period_are_not_believed():
    inside = (date(2025, 3, 1), 500, "income")
    strange = (date(2024, 12, 1), -900, "spending")
    period = {"opening": 100, "start": date(2025, 1, 1)}
    assert bank(inside, strange, **period) == {**UNKNOWN, "broken_statement_line": 1}


def reference(opening, start, end, bookings, as_of):
    """The same facts, day by day."""
    last = min(end, as_of)
    balance, closing, entries = opening, {}, []
    for day, amount, category in bookings:
        balance += amount
        entries.append((day, balance, amount, category))
    day, standing = start, opening
    while day <= last:
        standing = next((after for booked, after, *_ in reversed(entries) if booked == day), standing)
        closing[day] = standing
        day += timedelta(days=1)
    firsts = [as_of.replace(day=1)]
    for _ in range(6):
        firsts.append((firsts[-1] - timedelta(days=1)).replace(day=1))
    ends = [first.replace(day=monthrange(first.year, first.month)[1]) for first in firsts[1:]]
    balances = [closing[end_] for end_ in ends if end_ in closing]
    whole = [first for first, end_ in zip(firsts[1:], ends, strict=True) if first in closing and end_ in closing]
    spent = [
        -sum(
            amount
            for day, _, amount, category in entries
            if day.replace(day=1) == first
            and (category in {"spending", "fee", "returned"} or (category is None and amount < 0))
        )
        for first in whole
    ]
    window = [day for day in closing if day >= firsts[-1]]
    seen = [category for day, _, _, category in entries if firsts[-1] <= day <= last]
    return {
        "broken_statement_line": 0,
        "months_covered": len(balances),
        "months_missing": ", ".join(f"{end_:%Y-%m}" for end_ in reversed(ends) if end_ not in closing) or None,
        "statement_age_days": (as_of - last).days,
        "lowest_month_end_balance": min(balances, default=None),
        "month_end_balance_cv": variation(balances),
        "spending_cv": variation(spent),
        "negative_balance_days": sum(closing[day] < 0 for day in window) if window else None,
        "returned_payments": seen.count("returned") if window and None not in seen else None,
    }


def variation(values):
    return stdev(values) / fmean(values) if len(values) > 1 and fmean(values) > 0 else None


START = date(2024, 10, 1)


@steady(100)
@given(
    opening=st.integers(-1_000, 1_000),
    starts=st.integers(0, 120),
    lasts=st.integers(0, 300),
    days=st.lists(st.integers(0, 300), max_size=25),
    data=st.data(),
)
def test_every_fact_agrees_with_counting_days(opening, starts, lasts, days, data):
    start = START + timedelta(days=starts)
    end = start + timedelta(days=lasts)
    kinds = st.sampled_from(["income", "spending", "fee", "returned", "transfer", "debt_service", None])
    bookings = [
        (min(start + timedelta(days=day), end), data.draw(st.integers(-900, 900)), data.draw(kinds))
        for day in sorted(days)
    ]
    found = bank(*bookings, opening=opening, start=start, end=end)
    assert found == pytest.approx(reference(opening, start, end, bookings, AS_OF), nan_ok=False)
