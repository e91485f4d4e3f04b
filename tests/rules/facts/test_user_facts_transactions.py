"""What the bank feed says: windows, kinds of transactions, and what it cannot say."""

from datetime import UTC, date, datetime, timedelta

import pytest
from support.users import AS_OF, JUDGED_AT, ago, feed, pay, user_facts_of

from rules.facts import compute_facts, facts_of, input_schema, tables_of, users_as_of
from rules.facts.queries import FactsError

NAMES = [fact.name for fact in facts_of("transactions")]
UNKNOWN = dict.fromkeys(NAMES)


def of_feed(*bookings, judged=None, **account):
    return user_facts_of("transactions", feed(*bookings, **account), **judged or {})


def test_without_a_feed_everything_is_unknown():
    assert user_facts_of("transactions") == UNKNOWN


def test_a_feed_in_another_currency_says_nothing():
    assert of_feed((ago(1), 100, "wages"), currency="EUR", institution_id="b") == UNKNOWN
    assert of_feed(currency="EUR", judged={"currency": "EUR"})["current_balance"] == 0


def test_a_feed_that_begins_after_as_of_says_nothing():
    assert of_feed(start=ago(-1), opening=5, institution_id="b") == UNKNOWN
    assert of_feed(start=AS_OF, opening=5)["current_balance"] == 5


def test_a_feed_without_transactions_is_knowledge():
    found = of_feed(opening=7_000, institution_id="first", linked_accounts=2)
    unknown = {name for name, value in found.items() if value is None}
    # There is no latest transaction, no stream to describe, and no income to divide by.
    assert unknown == {
        "days_since_transaction",
        "recurring_deposit_amount",
        "recurring_income_cv",
        "pay_period_days",
        "days_since_pay",
        "essential_spend_per_pay",
        "debt_service_per_pay",
        "transfer_ratio",
        "spend_to_income",
        "gambling_share",
    }
    balances = dict.fromkeys(
        ["current_balance", "available_balance", "cycle_available_balance", "average_balance"], 7_000
    )
    days = {"balance_days_60d": 60, "healthy_days_60d": 60}
    account = {"institution_id": "first", "linked_accounts": 2, "feed_complete": True, "feed_connected": True}
    zero = dict.fromkeys(set(NAMES) - unknown, 0)
    assert {name: found[name] for name in zero} == {**zero, **balances, **days, **account}


# Of each window: the kind of transaction that counts, its amount, and the days it reaches back.
COUNTS = [
    ("essential_transactions", "groceries", -100, 30),
    ("competitor_advances_30d", "advance", 100, 30),
    ("competitor_advances_60d", "advance", 100, 60),
    ("competitor_advances_90d", "advance", 100, 90),
    ("competitor_repayments_30d", "advance", -100, 30),
    ("competitor_repayments_60d", "advance", -100, 60),
    ("competitor_repayments_90d", "advance", -100, 90),
    ("overdraft_fees_30d", "overdraft_fee", -100, 30),
    ("returned_debits_30d", "returned", 100, 30),
    ("returned_debits_60d", "returned", 100, 60),
    ("returned_debits_90d", "returned", 100, 90),
]
SUMS = [
    ("competitor_borrowed_90d", "advance", 100, 90),
    ("competitor_repaid_90d", "advance", -100, 90),
    ("competitor_advances_due", "advance", 100, 90),
    ("income_90d", "gig", 100, 90),
    ("gambling_spend_90d", "gambling", -100, 90),
    ("loans_received_90d", "loan", 100, 90),
    ("unclassified_received_90d", None, 100, 90),
]
# Sums of history, of which 60 days are enough.
OF_HISTORY = {
    "competitor_advances_due",
    "income_90d",
    "gambling_spend_90d",
    "loans_received_90d",
    "unclassified_received_90d",
}


@pytest.mark.parametrize(("name", "category", "amount", "window"), COUNTS)
def test_counts_take_in_the_first_day_of_the_window_and_as_of(name, category, amount, window):
    days = [ago(window), ago(window - 1), AS_OF, ago(-1)]
    assert of_feed(*((day, amount, category) for day in days))[name] == 2


@pytest.mark.parametrize(("name", "category", "amount", "window"), SUMS)
def test_sums_take_in_the_first_day_of_the_window_and_as_of(name, category, amount, window):
    days = [ago(window), ago(window - 1), AS_OF, ago(-1)]
    assert of_feed(*((day, amount, category) for day in days))[name] == 200


@pytest.mark.parametrize(("name", "category", "amount", "window"), COUNTS + SUMS)
def test_the_sign_and_the_category_have_to_be_right(name, category, amount, window):
    others = [(ago(5), -amount, category), (ago(5), amount, "transfer"), (ago(5), amount, "own_float")]
    # A reversal takes income back.
    assert of_feed(*others)[name] == (-100 if name == "income_90d" else 0)


@pytest.mark.parametrize(("name", "category", "amount", "window"), COUNTS + SUMS)
def test_a_window_that_the_feed_does_not_cover_is_unknown(name, category, amount, window):
    booking = (ago(3), amount, category)
    window = 60 if name in OF_HISTORY else window
    assert of_feed(booking, start=ago(window - 1))[name] == (
        100 if (name, category, amount) in [each[:3] for each in SUMS] else 1
    )
    assert of_feed(booking, start=ago(window - 2))[name] is None


@pytest.mark.parametrize(("name", "category", "amount", "window"), COUNTS + SUMS)
def test_a_feed_stands_for_three_days_more_and_no_longer(name, category, amount, window):
    booking = (ago(10), amount, category)
    assert of_feed(booking, refreshed=ago(3))[name] is not None
    assert of_feed(booking, refreshed=ago(4))[name] is None


def test_of_a_stale_feed_only_what_does_not_hang_on_today_is_known():
    found = of_feed(*pay(range(10, 80, 14)), refreshed=ago(4), opening=100, institution_id="first", linked_accounts=1)
    assert {name: value for name, value in found.items() if value is not None} == {
        "feed_complete": True,
        "feed_connected": True,
        "history_days": 66,
        "feed_age_hours": 96,
        "balance_days_60d": 56,
        "average_balance": found["average_balance"],
        "institution_id": "first",
        "linked_accounts": 1,
    }


@pytest.mark.parametrize("name", ["overdraft_fees_30d", "transfer_ratio", "gambling_spend_90d", "gambling_share"])
def test_money_out_that_nobody_could_classify_may_be_held_against_the_user(name):
    window = 30 if name == "overdraft_fees_30d" else 90
    income = (ago(5), 1_000, "wages")
    assert of_feed(income, (ago(window - 1), -1, None))[name] is None
    assert of_feed(income, (ago(window), -1, None))[name] == 0
    assert of_feed(income, (ago(window - 1), 1, None))[name] == 0


@pytest.mark.parametrize(
    ("name", "window"),
    [
        ("returned_debits_30d", 30),
        ("returned_debits_60d", 60),
        ("returned_debits_90d", 90),
        ("competitor_advances_due", 35),
        ("competitor_advance_providers", 35),
    ],
)
def test_money_in_that_nobody_could_classify_may_be_held_against_the_user(name, window):
    assert of_feed((ago(window - 1), 1, None))[name] is None
    assert of_feed((ago(window), 1, None))[name] == 0
    assert of_feed((ago(window - 1), -1, None))[name] == 0


@pytest.mark.parametrize(
    "name",
    ["essential_transactions", "competitor_advances_90d", "competitor_repayments_90d", "income_90d", "monthly_income"],
)
def test_what_nobody_could_classify_speaks_for_nobody(name):
    assert of_feed((ago(1), 99_999, None), (ago(1), -99_999, None))[name] == 0


def test_history_begins_with_the_oldest_transaction():
    assert of_feed((ago(365), 1, None), (ago(2), 1, None))["history_days"] == 365
    assert of_feed((ago(365), 1, None), (ago(2), 1, None))["days_since_transaction"] == 2
    # 2024 was a leap year.
    leap = of_feed((date(2024, 2, 29), 1, None), start=date(2024, 2, 1), judged={"as_of": date(2024, 3, 1)})
    assert leap["history_days"] == 1


def test_lines_outside_the_period_of_the_feed_are_not_believed():
    inside = (ago(20), 500, "wages", "Acme")
    strange = [(ago(41), -900, "overdraft_fee"), (ago(1), -900, "overdraft_fee")]
    period = {"start": ago(40), "refreshed": ago(2), "opening": 1_000}
    assert of_feed(strange[0], inside, strange[1], **period) == of_feed(inside, **period)


@pytest.mark.parametrize(
    ("refreshed", "hours"),
    [
        (JUDGED_AT, 0),
        (JUDGED_AT - timedelta(hours=72), 72),
        (JUDGED_AT - timedelta(minutes=90), 1.5),
        # Whoever looks back judges a feed that is complete for that moment.
        (JUDGED_AT + timedelta(hours=9), 0),
    ],
)
def test_the_age_of_the_feed(refreshed, hours):
    assert of_feed(refreshed=refreshed)["feed_age_hours"] == hours


def test_the_age_of_the_feed_is_unknown_without_a_moment_of_judgement():
    assert of_feed(judged={"judged_at": None})["feed_age_hours"] is None


def test_the_day_of_the_refresh_is_that_of_utc():
    late_evening = datetime.fromisoformat("2025-06-13T21:00:00-05:00")
    found = of_feed((ago(1), 5, "refund"), (ago(0), 7, "refund"), refreshed=late_evening)
    assert found["current_balance"] == 5


@pytest.mark.parametrize(
    ("refreshed", "judged_at", "available"),
    [
        (JUDGED_AT, JUDGED_AT, 70),
        # The nightly run judges a day that is over.
        (datetime(2025, 6, 16, 1, tzinfo=UTC), datetime(2025, 6, 16, 2, tzinfo=UTC), 70),
        (datetime(2025, 6, 16, 3, tzinfo=UTC), datetime(2025, 6, 16, 2, tzinfo=UTC), None),
        (datetime(2025, 6, 16, 3, tzinfo=UTC), None, None),
        (JUDGED_AT, None, 70),
    ],
)
def test_holds_count_where_they_were_known(refreshed, judged_at, available):
    found = of_feed(opening=100, holds=30, refreshed=refreshed, judged={"judged_at": judged_at})
    assert (found["current_balance"], found["available_balance"]) == (100, available)


def test_advances_due_are_what_was_not_repaid():
    advances = [(ago(34), 10_000, "advance"), (ago(20), -4_000, "advance")]
    assert of_feed(*advances)["competitor_advances_due"] == 6_000
    assert of_feed(*advances, (ago(1), -7_000, "advance"))["competitor_advances_due"] == 0


def test_transactions_a_month_are_a_third_of_a_quarter():
    assert of_feed(*((ago(day), 1, None) for day in (0, 50, 89, 90)))["transactions_per_month"] == 1


@pytest.mark.parametrize("category", ["wages", "benefits", "gig", "other_income"])
def test_what_counts_as_income(category):
    found = of_feed((ago(1), 10_001, category), (ago(2), 5_000, "transfer"), (ago(3), 5_000, "interest"))
    assert (found["income_90d"], found["monthly_income"]) == (10_001, 3_333)


def test_income_taken_back_is_rounded_down_too():
    found = of_feed((ago(1), -1, "wages"))
    assert (found["income_90d"], found["monthly_income"], found["spend_to_income"]) == (-1, -1, None)


@pytest.mark.parametrize("name", ["transfer_ratio", "spend_to_income"])
def test_a_share_of_no_income_is_unknown(name):
    bookings = [(ago(1), -500, "transfer"), (ago(1), -500, "spending")]
    assert of_feed(*bookings)[name] is None
    assert of_feed(*bookings, (ago(2), 1_000, "gig"))[name] == 0.5


@pytest.mark.parametrize(
    ("category", "counts"),
    [
        *dict.fromkeys(
            ["housing", "utilities", "groceries", "transport", "health", "insurance", "family"], True
        ).items(),
        *dict.fromkeys(["spending", "cash", "loan", None], True).items(),
        *dict.fromkeys(["transfer", "advance", "own_float", "returned", "interest"], False).items(),
    ],
)
def test_what_counts_as_spending(category, counts):
    found = of_feed((ago(1), 1_000, "wages"), (ago(1), -250, category), (ago(1), 40, category))
    assert found["spend_to_income"] == (0.25 if counts else 0)


@pytest.mark.parametrize("category", ["fee", "overdraft_fee"])
def test_a_fee_given_back_undoes_spending(category):
    found = of_feed((ago(1), 1_000, "wages"), (ago(1), -250, category), (ago(1), 40, category))
    assert found["spend_to_income"] == 0.21


def test_a_refund_undoes_spending():
    bookings = [(ago(1), 1_000, "wages"), (ago(1), -250, "spending"), (ago(1), 50, "refund")]
    assert of_feed(*bookings)["spend_to_income"] == 0.2


def test_two_feeds_of_one_user_are_refused():
    tables = {**users_as_of(["u"], AS_OF, JUDGED_AT, "USD"), **tables_of("u", [feed(), feed()])}
    with pytest.raises(FactsError, match="transactions: a subject appears twice"):
        compute_facts("transactions", tables)


def test_moments_are_utc_without_a_zone():
    assert str(input_schema("feeds").field("refreshed_at").type) == "timestamp[us]"
    [moment] = users_as_of(["u"], AS_OF, datetime.fromisoformat("2025-06-15T01:00:00+02:00"), "USD")["subjects"][
        "judged_at"
    ].to_pylist()
    assert moment == datetime(2025, 6, 14, 23)  # noqa: DTZ001  # The column's moments carry no zone.


def test_fees_that_are_given_back_are_no_fees():
    """Four fees, each given back on the next day."""
    fees = [(ago(day), -35_00, "overdraft_fee") for day in (4, 8, 12, 16)]
    back = [(ago(day - 1), 35_00, "overdraft_fee") for day in (4, 8, 12, 16)]
    assert [of_feed(*fees, *back[:count])["overdraft_fees_30d"] for count in range(5)] == [4, 3, 2, 1, 0]
    assert of_feed((ago(9), 1_000_00, "wages"), *fees, *back)["spend_to_income"] == 0


@pytest.mark.parametrize(("fee", "back", "fees"), [(29, 0, 0), (20, 20, 0), (20, 21, 1), (75, 15, 0), (75, 14, 0)])
def test_a_fee_given_back_within_sixty_days_is_no_fee(fee, back, fees):
    found = of_feed((ago(fee), -35_00, "overdraft_fee"), (ago(back), 35_00, "overdraft_fee"))
    assert found["overdraft_fees_30d"] == fees


def test_what_is_given_back_undoes_one_fee_of_its_amount():
    fees = [(ago(5), -35_00, "overdraft_fee"), (ago(5), -35_00, "overdraft_fee"), (ago(5), -20_00, "overdraft_fee")]
    assert of_feed(*fees, (ago(4), 35_00, "overdraft_fee"))["overdraft_fees_30d"] == 2
    assert of_feed(*fees, (ago(4), 20_00, "overdraft_fee"))["overdraft_fees_30d"] == 2
    assert of_feed(*fees, (ago(4), 25_00, "overdraft_fee"))["overdraft_fees_30d"] == 3


def test_a_returned_debit_taken_back_is_none():
    found = of_feed((ago(5), 80_00, "returned"), (ago(3), -80_00, "returned"), (ago(40), 80_00, "returned"))
    assert [found[f"returned_debits_{days}d"] for days in (30, 60, 90)] == [0, 1, 1]


def advances(*lines):
    """The open principal, and the providers in use, of lines (days ago, amount, provider)."""
    found = of_feed(*((ago(day), amount, "advance", provider) for day, amount, provider in lines))
    return found["competitor_advances_due"], found["competitor_advance_providers"]


def test_the_last_of_many_advances_is_open_whatever_their_fees_came_to():
    """Borrowed 200 every 14 days, repaid 209 each time but the last."""
    lines = [(day, amount, "Paydash") for day in range(2, 200, 14) for amount in (200_00, -209_00)]
    assert advances((2, 200_00, "Paydash"), *lines[2:]) == (200_00, 1)
    assert advances(*lines[2:]) == (0, 1)


@pytest.mark.parametrize(
    ("lines", "due"),
    [
        # The fee of one advance repays nothing of another, and one provider nothing of another's.
        ([(20, 100_00, "A"), (15, 100_00, "A"), (5, -109_00, "A")], 100_00),
        ([(20, 100_00, "A"), (15, 100_00, "A"), (5, -218_00, "A")], 0),
        ([(20, 100_00, "A"), (15, 100_00, "B"), (5, -209_00, "A")], 100_00),
        # Up to 30% are a fee; what is repaid beyond that counts against what else is open.
        ([(20, 100_00, "A"), (15, 50_00, "A"), (5, -130_00, "A")], 50_00),
        ([(20, 100_00, "A"), (15, 50_00, "A"), (5, -130_01, "A")], 19_99),
        # In parts; before it was lent; on one day; of nobody knows whom.
        ([(20, 100_00, "A"), (10, -50_00, "A"), (5, -30_00, "A")], 20_00),
        ([(20, -100_00, "A"), (5, 100_00, "A")], 100_00),
        ([(20, 100_00, "A"), (5, -109_00, "A"), (5, 100_00, "A")], 100_00),
        ([(5, 100_00, "A"), (5, -100_00, "A")], 0),
        ([(20, 100_00, "A"), (5, -109_00, None)], 100_00),
        ([(20, 100_00, None), (5, -109_00, None)], 0),
        # A payment of up to 30% of what is open only rolls it over, however often; more than that is a part.
        ([(48, 100_00, "A"), (34, -15_00, "A"), (20, -15_00, "A"), (6, -15_00, "A")], 100_00),
        ([(20, 100_00, "A"), (5, -30_00, "A")], 100_00),
        ([(20, 100_00, "A"), (5, -30_01, "A")], 69_99),
        ([(20, 100_00, "A"), (15, 100_00, "A"), (5, -30_00, "A")], 200_00),
        ([(20, 100_00, "A"), (10, -50_00, "A"), (5, -15_00, "A")], 50_00),
        ([(20, 100_00, "A"), (10, -50_00, "A"), (5, -15_01, "A")], 34_99),
        ([(20, 100_00, "A"), (5, -30_00, "B")], 100_00),
        # Unless it pays back a small advance of the last 35 days.
        ([(40, 20_00, "A"), (39, 100_00, "A"), (5, -25_00, "A")], 100_00),
        ([(40, 20_00, "A"), (39, 100_00, "A"), (4, -25_00, "A")], 120_00),
        # An advance counts for 90 days; what was repaid of an older one repays none of these.
        ([(89, 100_00, "A")], 100_00),
        ([(90, 100_00, "A"), (80, -109_00, "A"), (20, 40_00, "A")], 40_00),
    ],
)
def test_repayments_count_against_the_advances_of_their_provider(lines, due):
    assert advances(*lines)[0] == due


@pytest.mark.parametrize(("day", "providers"), [(34, 3), (35, 2)])
def test_providers_in_use_are_those_of_the_last_35_days_and_of_open_advances(day, providers):
    lines = [(day, 50_00, "A"), (day - 7, -55_00, "A"), (80, 50_00, "B"), (10, 50_00, "C"), (3, -55_00, "C")]
    assert advances(*lines)[1] == providers


@pytest.mark.parametrize(("start", "known"), [(58, False), (59, True), (74, True), (120, True)])
def test_means_are_over_the_days_of_history(start, known):
    """60 at the least and 90 at the most; here a wage of 20.00 on each day."""
    days = range(min(start + 1, 100))
    found = of_feed(*((ago(day), 20_00, "wages", "Acme") for day in days), start=ago(start))
    means = (found["monthly_income"], found["transactions_per_month"], found["income_90d"])
    assert means == ((600_00, 30, 20_00 * min(start + 1, 90)) if known else (None, None, None))


def test_a_loan_paid_out_is_received_whatever_is_repaid_and_may_hide_among_unclassified_money():
    lines = [(ago(3), 1_500_00, "loan"), (ago(2), -200_00, "loan"), (ago(1), 70_00, None), (ago(1), -30_00, None)]
    found = of_feed(*lines)
    assert (found["loans_received_90d"], found["unclassified_received_90d"]) == (1_500_00, 70_00)
    unread = of_feed(*lines, unread_on=ago(89))
    assert (unread["loans_received_90d"], unread["unclassified_received_90d"]) == (1_500_00, None)
    assert of_feed(*lines, unread_on=ago(90))["unclassified_received_90d"] == 70_00


def test_stakes_are_gambling_and_winnings_are_not_deducted():
    found = of_feed((ago(3), 1_000_00, "wages"), (ago(2), -250_00, "gambling"), (ago(1), 900_00, "gambling"))
    assert (found["gambling_spend_90d"], found["gambling_share"], found["spend_to_income"]) == (250_00, 0.25, 0.25)
    assert of_feed((ago(2), -250_00, "gambling"))["gambling_share"] is None
