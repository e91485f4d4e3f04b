"""Recurring income: which deposits make a stream, which stream is the main one, and when nobody can tell."""

from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.examples import steady
from support.slow_facts import slow_facts
from support.users import AS_OF, JUDGED_AT, ago, feed, pay, user_facts_of

from underwriting.domain.histories import INCOME

FORTNIGHTLY = [3, 17, 31, 45, 59, 73]


def income(*bookings, judged=None, **account):
    return user_facts_of("transactions", feed(*bookings, **account), **judged or {})


def pays(*days_ago, **deposit):
    return income(*pay(days_ago, **deposit))


def test_a_fortnightly_wage():
    found = income(*pay(FORTNIGHTLY[:3], 52_000), *pay(FORTNIGHTLY[3:], 50_000))
    assert found["recurring_deposits"] == 6
    assert found["recurring_deposit_amount"] == 50_000
    assert found["recurring_income_cv"] == pytest.approx((6 / 5) ** 0.5 * 1_000 / 51_000)
    assert (found["pay_period_days"], found["days_since_pay"], found["income_streams"]) == (14, 3, 1)


@pytest.mark.parametrize("category", sorted(INCOME))
def test_public_assistance_counts_like_wages(category):
    assert pays(*FORTNIGHTLY, category=category) == pays(*FORTNIGHTLY)


@pytest.mark.parametrize("category", ["transfer", "refund", "own_float", "advance", "loan", "interest", "returned"])
def test_other_money_in_is_no_income(category):
    assert pays(*FORTNIGHTLY, category=category)["recurring_deposits"] == 0


def test_the_latest_six_deposits_count():
    found = income(*pay(FORTNIGHTLY, 50_000), *pay([87, 101], 20_000))
    assert (found["recurring_deposits"], found["recurring_deposit_amount"]) == (6, 50_000)


@pytest.mark.parametrize(
    ("amounts", "percentile"),
    [
        ([5, 4], 4),
        ([5, 4, 6], 4),
        ([5, 4, 6, 7], 4),
        ([5, 4, 6, 7, 3], 4),
        ([5, 4, 6, 7, 3, 8], 4),
        ([5, 4, 6, 7, 3, 3], 3),
    ],
)
def test_the_income_per_pay_is_the_lower_quartile(amounts, percentile):
    days = FORTNIGHTLY[: len(amounts)]
    bookings = [booking for day, amount in zip(days, amounts, strict=True) for booking in pay([day], amount * 10_000)]
    assert income(*bookings)["recurring_deposit_amount"] == percentile * 10_000


@pytest.mark.parametrize(("amount", "period"), [(149_99, None), (150_00, 14)])
def test_pays_of_150_or_more_recur(amount, period):
    """Smaller ones are income without a rhythm, of which the sums of 30 days count."""
    assert pays(*FORTNIGHTLY, amount=amount)["pay_period_days"] == period
    assert pays(*FORTNIGHTLY, 87, amount=amount)["pay_period_days"] == (period or 30)


@pytest.mark.parametrize(
    ("currency", "amount", "period"),
    [
        ("CZK", 1_499_99, None),
        ("CZK", 1_500_00, 14),
        ("CZK", 200_00, None),
        ("EUR", 100_00, 14),
        ("SEK", 9_000_00, None),
    ],
)
def test_the_threshold_is_that_of_the_currency(currency, amount, period):
    """200 korunas are no pay; without numbers for a currency nothing is known of the income."""
    found = income(*pay(FORTNIGHTLY[:5], amount), currency=currency, judged={"currency": currency})
    assert found["pay_period_days"] == period
    if currency == "SEK":
        assert (found["recurring_deposits"], found["income_streams"], found["healthy_days_60d"]) == (None, None, None)


def test_what_one_payer_pays_on_one_day_is_one_deposit():
    halves = [*pay(FORTNIGHTLY, 20_000), *pay(FORTNIGHTLY, 5_000)]
    assert income(*halves)["recurring_deposit_amount"] == 25_000
    # Apart they would be below the threshold.
    assert income(*pay(FORTNIGHTLY, 10_000), *pay(FORTNIGHTLY, 6_000))["recurring_deposits"] == 6


@pytest.mark.parametrize(
    ("gap", "recurs"),
    [
        (5, True),
        (9, True),
        (10, True),
        (13, True),
        (19, True),
        (20, False),
        (24, False),
        (25, True),
        (36, True),
        (37, False),
    ],
)
def test_two_pays_at_a_cadences_distance_recur(gap, recurs):
    """Others may have a rhythm that two do not show."""
    found = pays(2, 2 + gap)
    assert found["recurring_deposits"] == (2 if recurs else None)
    assert found["pay_period_days"] == (gap if recurs else None)


def test_days_less_than_five_apart_are_one_pay():
    halves = pays(*FORTNIGHTLY, *(day + 4 for day in FORTNIGHTLY))
    assert (halves["recurring_deposits"], halves["recurring_deposit_amount"]) == (6, 100_000)
    assert (halves["pay_period_days"], halves["days_since_pay"]) == (14, 3)


def test_a_pay_in_two_parts_is_one_pay_of_their_sum():
    found = income(*pay(FORTNIGHTLY, 20_000), *pay((day + 1 for day in FORTNIGHTLY), 100_000))
    assert (found["recurring_deposits"], found["recurring_deposit_amount"]) == (6, 120_000)
    assert (found["recurring_income_cv"], found["pay_period_days"], found["days_since_pay"]) == (0, 14, 3)
    two = income(*pay(FORTNIGHTLY[:2], 20_000), *pay((day + 1 for day in FORTNIGHTLY[:2]), 100_000))
    assert two["recurring_deposits"] == 2


@pytest.mark.parametrize(
    ("days", "amount", "period"),
    [
        ([day for day in range(180) if ago(day).weekday() < 5], 80_000, 7),
        (range(180), 112_000, 7),
        ([day for day in range(180) if ago(day).weekday() in (1, 4)], 32_000, 7),
        (range(3, 180, 7), 16_000, 7),
        (range(3, 180, 10), 16_000, 10),
        (range(3, 180, 14), 16_000, 14),
        (range(3, 180, 15), 16_000, 15),
        (range(3, 180, 28), 16_000, 28),
        (range(3, 180, 30), 16_000, 30),
    ],
    ids=[
        "weekdays",
        "daily",
        "twice a week",
        "weekly",
        "ten days",
        "fortnightly",
        "twice a month",
        "four weeks",
        "monthly",
    ],
)
def test_every_rhythm_in_which_people_are_paid_recurs(days, amount, period):
    """What comes more often than every five days is added up to weeks."""
    found = pays(*days, amount=16_000, category="gig")
    assert (found["recurring_deposits"], found["recurring_deposit_amount"]) == (6, amount)
    assert (found["pay_period_days"], found["recurring_income_cv"]) == (period, 0)


WITHOUT_RHYTHM = [2, 23, 40, 62, 83, 104]


def test_income_without_a_rhythm_is_added_up_by_thirty_days():
    found = pays(*WITHOUT_RHYTHM, amount=40_000, category="gig")
    assert (found["recurring_deposits"], found["recurring_deposit_amount"]) == (4, 40_000)
    assert (found["pay_period_days"], found["days_since_pay"], found["income_streams"]) == (30, 2, 1)


@pytest.mark.parametrize(("start", "deposits"), [(88, None), (89, 3)])
def test_windows_of_income_without_a_rhythm_have_to_be_covered(start, deposits):
    assert income(*pay(WITHOUT_RHYTHM, 40_000), start=ago(start))["recurring_deposits"] == deposits


@pytest.mark.parametrize(("amount", "deposits"), [(149_99, None), (150_00, 4)])
def test_each_window_of_income_without_a_rhythm_has_to_reach_the_threshold(amount, deposits):
    """All but the one of 30 to 59 days ago do, so that nobody can say whether the income recurs."""
    others = pay([day for day in WITHOUT_RHYTHM if day != 40], 40_000)
    assert income(*others, *pay([40], amount))["recurring_deposits"] == deposits


@pytest.mark.parametrize(("days", "deposits"), [([5], 0), ([5, 28], None), ([5, 89], None), ([5, 90], 0)])
def test_that_nothing_recurs_is_not_known_where_income_came_twice_in_90_days(days, deposits):
    assert pays(*days)["recurring_deposits"] == deposits


def test_a_pay_booked_twice_and_taken_back_once_is_one_pay():
    again, back = pay([3], 120_000), [(ago(2), -120_000, "wages", "Reversal Acme")]
    found = income(*pay(FORTNIGHTLY, 120_000), *again, *back)
    once, of_income = income(*pay(FORTNIGHTLY, 120_000)), ("recurring", "pay_", "income_", "monthly_", "days_since_pay")
    assert {name for name, value in found.items() if once[name] != value and name.startswith(of_income)} == set()
    assert (found["recurring_deposits"], found["days_since_pay"], found["recurring_income_cv"]) == (6, 3, 0)


@pytest.mark.parametrize(("after", "deposits"), [(20, 5), (59, 5), (60, 5), (61, 6)])
def test_a_reversal_undoes_a_pay_of_the_sixty_days_before(after, deposits):
    back = (ago(64 - after), -60_000, "wages", "Acme")
    found = income(*pay([8, 22, 36, 50, 78]), *pay([64], 60_000), back)
    assert found["income_90d"] == 250_000
    assert found["recurring_deposits"] == deposits


def test_part_of_a_pay_taken_back_is_deducted_from_it():
    backs = [(ago(day - 1), -20_000, "wages", "Acme") for day in FORTNIGHTLY]
    assert income(*pay(FORTNIGHTLY), *backs)["recurring_deposit_amount"] == 30_000


def test_one_deposit_does_not_recur():
    assert pays(2)["recurring_deposits"] == 0


def month_ends(count):
    """The last working day of each month up to May 2025."""
    first, ends = date(2025, 6, 1), []
    for _ in range(count):
        end = first - timedelta(days=1)
        first = end.replace(day=1)
        ends.append(end - timedelta(days=max(0, end.weekday() - 4)))
    return ends


def test_the_last_working_day_of_the_month():
    found = income(*((day, 90_000, "wages", "Acme") for day in month_ends(8)))
    assert (found["recurring_deposits"], found["pay_period_days"], found["days_since_pay"]) == (6, 30, 16)


def test_the_15th_and_the_last_working_day():
    mid = [date(2025, month, 15) for month in range(1, 6)]
    days = [day - timedelta(days=max(0, day.weekday() - 4)) for day in mid] + month_ends(5)
    found = income(*((day, 90_000, "wages", "Acme") for day in days))
    assert (found["recurring_deposits"], found["pay_period_days"]) == (6, 15)


def test_february_of_a_leap_year():
    days = [date(2024, 2, 29), date(2024, 1, 31), date(2023, 12, 29)]
    bookings = [(day, 90_000, "wages", "Acme") for day in days]
    found = income(*bookings, start=date(2023, 10, 1), judged={"as_of": date(2024, 3, 1)})
    assert (found["recurring_deposits"], found["pay_period_days"], found["days_since_pay"]) == (3, 31, 1)


@pytest.mark.parametrize("bonus", range(74))
def test_one_bonus_never_hides_a_wage(bonus):
    found = income(*pay(FORTNIGHTLY, 50_000), *pay({bonus} - set(FORTNIGHTLY), 300_000))
    assert found["recurring_deposits"] == 6
    assert (found["recurring_deposit_amount"], found["pay_period_days"]) == (50_000, 14)


def test_two_benefits_of_one_payer_a_few_days_apart_are_one_pay_in_parts():
    for phase in range(30):
        days = [phase + 30 * month + part for month in range(3) for part in (0, 3)]
        found = pays(*days, category="benefits")
        assert (found["recurring_deposits"], found["pay_period_days"]) == (3, 30)
        assert found["recurring_deposit_amount"] == 100_000


def test_one_missed_pay_is_forgiven():
    assert pays(3, 17, 45, 59, 73)["recurring_deposits"] == 5
    assert pays(3, 10, 24, 31, 38)["pay_period_days"] == 7


@pytest.mark.parametrize(("gap", "deposits"), [(38, 4), (39, 2)])
def test_two_missed_pays_begin_another_stream(gap, deposits):
    assert pays(3, 17, 17 + gap, 31 + gap)["recurring_deposits"] == deposits


def test_a_payer_who_begins_again_has_to_pay_twice():
    assert pays(3, 60, 74, 88)["recurring_deposits"] == 0
    assert pays(3, 17, 74, 88)["recurring_deposits"] == 2


@pytest.mark.parametrize(("days", "deposits"), [(28, 3), (29, 0)])
def test_a_stream_runs_for_two_pay_periods(days, deposits):
    found = pays(days, days + 14, days + 28)
    assert (found["recurring_deposits"], found["income_streams"]) == (deposits, int(deposits > 0))
    assert found["days_since_pay"] == (days if deposits else None)


def test_the_main_stream_has_the_largest_income_a_day():
    weekly = pay(range(2, 60, 7), 20_000, payer="Weekly")
    monthly = pay(range(5, 200, 30), 80_000, payer="Monthly", category="benefits")
    stopped = pay(range(60, 200, 7), 99_000, payer="Stopped")
    found = income(*weekly, *monthly, *stopped)
    assert (found["pay_period_days"], found["income_streams"]) == (7, 2)
    assert income(*weekly, *pay(range(5, 200, 30), 90_000, payer="Monthly"))["pay_period_days"] == 30


def test_of_two_streams_of_the_same_income_the_one_paid_last_is_the_main_one():
    for first, second in (("A", "B"), ("B", "A")):
        found = income(*pay([9, 23, 37], payer=first), *pay([2, 16, 30], payer=second))
        assert (found["days_since_pay"], found["income_streams"]) == (2, 2)


def test_deposits_of_nobody_are_no_stream_and_leave_it_open_whether_there_is_one():
    for payer in (None, ""):
        found = pays(*FORTNIGHTLY, payer=payer)
        assert (found["recurring_deposits"], found["income_streams"], found["days_since_pay"]) == (None, None, None)
        # They are income all the same.
        assert found["income_90d"] == 300_000


def test_a_deposit_that_nobody_could_classify_leaves_it_open_whether_there_is_a_stream():
    assert pays(1, category=None)["recurring_deposits"] is None
    assert pays(1, category=None, amount=149_99)["recurring_deposits"] == 0
    assert pays(299, category=None)["recurring_deposits"] is None
    assert pays(300, category=None)["recurring_deposits"] == 0


@pytest.mark.parametrize(("last", "doubtful", "days"), [(14, 1, 14), (15, 14, None), (15, 15, 15), (15, 16, 15)])
def test_an_overdue_pay_may_be_a_deposit_that_nobody_could_tell(last, doubtful, days):
    wages = pay([last, last + 14, last + 28])
    assert income(*wages, (ago(doubtful), 50_000, None, "Acme"))["days_since_pay"] == days
    assert income(*wages, (ago(doubtful), 50_000, "wages"))["days_since_pay"] == days


@pytest.mark.parametrize(("start", "deposits"), [(60, 0), (59, 0), (58, None)])
def test_that_nothing_recurs_takes_60_days_to_know(start, deposits):
    assert income(*pay([5]), start=ago(start))["recurring_deposits"] == deposits


def test_a_stream_that_is_seen_is_known_however_short_the_feed():
    found = income(*pay([5, 12]), start=ago(12))
    assert (found["recurring_deposits"], found["income_90d"]) == (2, None)


def test_essential_spending_is_the_mean_of_a_pay_period_over_the_last_90_days():
    wages = pay(FORTNIGHTLY)
    # Rent on one day of each month, and something before the 90 days.
    rent = [(ago(day), -90_000, "housing") for day in (4, 34, 65)] + [(ago(90), -5_000, "housing")]
    assert income(*wages, *rent, start=ago(200))["essential_spend_per_pay"] == 3 * 90_000 * 14 // 90
    # Where the month began a fortnight ago, it is the same.
    earlier = [(day - timedelta(days=14), *rest) for day, *rest in rent[:-1]]
    assert income(*wages, *earlier, start=ago(200))["essential_spend_per_pay"] == 3 * 90_000 * 14 // 90
    assert income(*wages, (ago(89), -100, "housing"))["essential_spend_per_pay"] == 16, "15.56, rounded up"
    assert income(*wages, (ago(90), -100, "housing"))["essential_spend_per_pay"] == 0


@pytest.mark.parametrize(
    ("start", "refreshed", "spent"), [(58, 0, None), (59, 0, 117), (69, 0, 100), (72, 3, 100), (99, 0, 78)]
)
def test_spending_of_a_short_feed_is_that_of_its_days(start, refreshed, spent):
    """Of 60 days at the least, and of 90 at the most; rounded up."""
    bills = [(ago(5), -1_000, "groceries"), (ago(6), -1_000, "loan")]
    found = income(*pay([4, 11]), *bills, start=ago(start), refreshed=ago(refreshed))
    assert (found["essential_spend_per_pay"], found["debt_service_per_pay"]) == (spent, spent)
    assert found["pay_period_days"] == 7


def test_money_out_that_nobody_could_classify_may_be_essential():
    wages = pay(FORTNIGHTLY)
    spent = [(ago(day), -100, None) for day in range(0, 90, 9)]
    assert income(*wages, *spent)["essential_spend_per_pay"] == 1_000 * 14 // 90 + 1
    assert income(*wages, *((day, -amount, None) for day, amount, _ in spent))["essential_spend_per_pay"] == 0


@st.composite
def payrolls(draw):
    """Deposits of a few payers, each more or less regular, with spending between them."""
    bookings = []
    for payer in draw(st.lists(st.sampled_from("ABC"), min_size=1, unique=True)):
        period, day = draw(st.sampled_from([3, 7, 10, 14, 15, 22, 30, 35])), draw(st.integers(0, 40))
        for _ in range(draw(st.integers(0, 9))):
            amount = draw(st.sampled_from([149_99, 150_00, 50_000, 70_001]))
            bookings.append((ago(day), amount, draw(st.sampled_from(sorted(INCOME))), payer))
            day += draw(st.sampled_from([0, 3, period, period, period, period + 2, period - 2, 2 * period]))
    for day in draw(st.lists(st.integers(-3, 250), max_size=12)):
        kind = draw(st.sampled_from(["housing", "groceries", "spending", None]))
        bookings.append((ago(day), draw(st.integers(-9_999, 9_999)), kind, None))
    return draw(st.permutations(bookings))


@steady(150)
@given(payrolls(), st.integers(90, 400), st.integers(0, 3))
def test_every_fact_of_income_agrees_with_a_slow_reckoning(bookings, covered, late):
    account = feed(*bookings, start=ago(covered), refreshed=ago(late))
    rows = {"feeds": [account.model_dump()], "transactions": [line.model_dump() for line in account.transactions]}
    rows["feeds"][0]["refreshed_at"] = account.refreshed_at.replace(tzinfo=None)
    expected = slow_facts(rows, AS_OF, JUDGED_AT.replace(tzinfo=None), "USD")
    found = user_facts_of("transactions", account)
    assert found == pytest.approx({name: expected.get(name) for name in found})
