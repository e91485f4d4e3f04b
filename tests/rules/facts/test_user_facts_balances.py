"""Balances at the ends of days, out of an opening balance and amounts."""

from collections.abc import Iterable
from datetime import UTC, datetime, time, timedelta
from random import Random

import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.examples import steady
from support.slow_facts import slow_facts
from support.users import AS_OF, JUDGED_AT, ago, feed, user_facts_of

from rules.facts import compute_facts, tables_of, users_as_of
from underwriting.domain.histories import TransactionFeed

NAMES = ["balance_days_60d", "average_balance", "negative_days_30d", "overdraft_days_60d", "healthy_days_60d"]


def balance_facts(account: TransactionFeed) -> dict[str, int | None]:
    """The facts of balances by the slow calculator."""
    rows = {"feeds": [account.model_dump()], "transactions": [line.model_dump() for line in account.transactions]}
    rows["feeds"][0]["refreshed_at"] = account.refreshed_at.replace(tzinfo=None)
    found = slow_facts(rows, AS_OF, JUDGED_AT.replace(tzinfo=None), "USD")
    return {name: found.get(name) for name in [*NAMES, "current_balance"]}


def balances(*amounts, **account):
    """Of amounts (days ago, amount)."""
    bookings = [(ago(day), amount, "spending") for day, amount in amounts]
    return user_facts_of("transactions", feed(*bookings, **account))


def test_the_balance_is_the_opening_one_and_all_that_was_booked():
    found = balances((399, 1_000), (10, -300), (0, 50), (-1, 7_777), opening=100)
    assert (found["current_balance"], found["available_balance"]) == (850, 850)
    assert balances((0, -100), opening=-5, holds=20)["available_balance"] == -125


@pytest.mark.parametrize(("days_ago", "negative"), [(0, 1), (28, 29), (29, 30), (30, 30), (59, 30), (60, 30)])
def test_negative_days_of_30_count_as_of_and_the_window_only(days_ago, negative):
    found = balances((days_ago, -1))
    assert found["negative_days_30d"] == negative
    assert found["overdraft_days_60d"] == min(days_ago + 1, 60)


@pytest.mark.parametrize(("back", "negative"), [(20, 0), (19, 1), (11, 9), (0, 20)])
def test_a_day_counts_by_the_balance_at_its_end(back, negative):
    assert balances((20, -100), (back, 100))["negative_days_30d"] == negative


@pytest.mark.parametrize(("opening", "negative", "healthy"), [(-1, 60, 0), (0, 0, 0), (49_99, 0, 0), (50_00, 0, 60)])
def test_below_zero_and_healthy(opening, negative, healthy):
    found = balances(opening=opening)
    assert (found["overdraft_days_60d"], found["healthy_days_60d"]) == (negative, healthy)


@pytest.mark.parametrize(("opening", "healthy"), [(499_99, 0), (500_00, 60)])
def test_healthy_is_by_the_currency(opening, healthy):
    found = user_facts_of("transactions", feed(opening=opening, currency="CZK"), currency="CZK")
    assert found["healthy_days_60d"] == healthy


def test_the_average_is_over_the_days_and_rounded_down():
    assert balances((29, 1))["average_balance"] == 0
    assert balances((0, -1))["average_balance"] == -1
    assert balances((29, 100), opening=1)["average_balance"] == 51


def test_the_mean_of_the_last_pay_cycle_is_the_same_before_and_after_a_payday():
    """A pay of 1,400 every 14 days, of which 100 are spent each day."""

    def mean(days_since_pay: int) -> object:
        paydays = range(days_since_pay, 84, 14)
        spent = [(ago(day), -100_00, "spending") for day in range(84)]
        wages = [(ago(day), 1_400_00, "wages", "Acme") for day in paydays]
        # What of the first pay has been spent before the first day.
        found = user_facts_of(
            "transactions", feed(*spent, *wages, opening=(84 - paydays[-1]) * 100_00, start=ago(84), holds=14)
        )
        assert found["pay_period_days"] == 14
        return found["cycle_available_balance"]

    assert {mean(since) for since in range(1, 14)} == {750_00 - 1}


@pytest.mark.parametrize(("start", "known"), [(28, None), (29, 500), (30, 500)])
def test_without_a_stream_the_cycle_has_30_days_and_all_have_to_be_known(start, known):
    assert balances(opening=500, start=ago(start))["cycle_available_balance"] == known


@pytest.mark.parametrize(("amount", "holds", "mean"), [(-30, 0, -1), (-31, 0, -2), (0, 1, -1), (60, 30, 1)])
def test_the_mean_of_a_cycle_is_rounded_down_and_holds_count_on_the_last_day(amount, holds, mean):
    assert balances((0, amount), holds=holds)["cycle_available_balance"] == mean


@pytest.mark.parametrize(("refreshed", "known"), [(3, 500), (4, None)])
def test_the_mean_of_a_cycle_needs_a_fresh_feed(refreshed, known):
    assert balances(opening=500, refreshed=ago(refreshed))["cycle_available_balance"] == known


def test_the_mean_of_a_cycle_needs_the_holds_of_then():
    later = datetime.combine(AS_OF, time(23), UTC) + timedelta(days=1)
    assert balances(opening=500, refreshed=later)["cycle_available_balance"] is None


@pytest.mark.parametrize(
    ("start", "known", "negative", "overdraft"),
    [
        (60, 60, 30, 60),
        (59, 60, 30, 60),
        (58, 59, 30, None),
        (29, 30, 30, None),
        (28, 29, None, None),
        (0, 1, None, None),
    ],
)
def test_days_before_the_feed_are_not_known(start, known, negative, overdraft):
    found = balances(opening=-600, start=ago(start))
    assert (found["balance_days_60d"], found["average_balance"]) == (known, -600)
    assert (found["negative_days_30d"], found["overdraft_days_60d"]) == (negative, overdraft)
    assert found["healthy_days_60d"] == (0 if overdraft else None)


@pytest.mark.parametrize(("refreshed", "known", "current"), [(3, 60, 500), (4, 56, None), (59, 1, None), (60, 0, None)])
def test_the_last_balance_stands_for_three_days(refreshed, known, current):
    found = balances(opening=500, refreshed=ago(refreshed))
    assert (found["balance_days_60d"], found["current_balance"]) == (known, current)
    assert found["average_balance"] == (500 if known else None)


def test_the_largest_amounts_are_added_without_loss():
    found = balances((5, 10**12), (4, 10**12), (3, -1), opening=10**12)
    assert found["current_balance"] == 3 * 10**12 - 1


@steady(150)
@given(
    amounts=st.lists(st.tuples(st.integers(-3, 120), st.integers(-9_999, 9_999)), max_size=25),
    opening=st.integers(-9_999, 9_999),
    covered=st.integers(0, 120),
    late=st.integers(-2, 70),
)
def test_every_balance_agrees_with_counting_days(amounts, opening, covered, late):
    bookings = [(ago(day), amount, None) for day, amount in amounts]
    account = feed(*bookings, opening=opening, start=ago(max(covered, late)), refreshed=ago(late))
    expected = balance_facts(account)
    found = user_facts_of("transactions", account)
    assert {name: found[name] for name in expected} == expected


def facts_of_all(feeds: dict[str, TransactionFeed], unknown: Iterable[str] = ()) -> pd.DataFrame:
    """The facts of many users at once, their rows in no order; of some nobody knows the opening balance."""
    each = [tables_of(user, [account]) for user, account in feeds.items()]
    rows = {name: pa.concat_tables([tables[name] for tables in each if name in tables]) for name in each[0]}
    opening = pc.if_else(
        pc.is_in(rows["feeds"]["subject_id"], pa.array(unknown, pa.string())), None, rows["feeds"]["opening_balance"]
    )
    rows["feeds"] = rows["feeds"].set_column(
        rows["feeds"].column_names.index("opening_balance"), "opening_balance", opening
    )
    shuffled = {name: table.take(Random(7).sample(range(len(table)), len(table))) for name, table in rows.items()}
    return compute_facts("transactions", {**users_as_of(list(feeds), AS_OF, JUDGED_AT, "USD"), **shuffled})


def test_among_two_thousand_users_each_has_the_own_balances():
    random = Random(11)
    feeds = {
        f"u{number:04}": feed(
            *(
                (ago(random.randint(-1, 150)), random.randint(-9_999, 9_999), None)
                for _ in range(random.randint(0, 50))
            ),
            opening=random.randint(-9_999, 9_999),
            start=ago(random.randint(20, 150)),
            refreshed=ago(random.choice([0, 0, 0, 2, 5])),
        )
        for number in range(2_000)
    }
    expected = pd.DataFrame({user: balance_facts(account) for user, account in feeds.items()}).T
    found = facts_of_all(feeds)[list(expected)]
    pd.testing.assert_frame_equal(
        found.astype("Int64"), expected.astype("Int64"), check_names=False, check_index_type=False
    )


def test_an_opening_balance_that_is_not_known_is_nobody_elses_concern():
    feeds = {f"u{number}": feed((ago(40), 100 * number, "spending"), opening=number) for number in range(9)}
    unknown = ["u0", "u4", "u8"]
    found, whole = facts_of_all(feeds, unknown), facts_of_all(feeds)
    pd.testing.assert_frame_equal(found.drop(unknown), whole.drop(unknown))
    assert found.loc[unknown, ["current_balance", "average_balance", "healthy_days_60d"]].isna().all(axis=None)
