"""From several accounts to the feed of the main one: which it is, what its balances were, what only moved between."""

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.feeds import AS_OF, CHECKING, SAVINGS, feed, row

from underwriting.sources.feeds.assemble import transaction_feed
from underwriting.sources.feeds.raw import AccountKind, FeedError, RawFeed, minor_units

OTHER = replace(CHECKING, place="accounts.2", account_id="other", balance=7_00)
CARD = replace(CHECKING, place="accounts.3", account_id="card", kind=AccountKind.OTHER)
BOTH = (CHECKING, SAVINGS)


def days_ago(days: int) -> date:
    return AS_OF - timedelta(days=days)


def test_balances_are_walked_back_from_the_current_one():
    found = feed(row(-30_00, on=days_ago(1)), row(50_00, on=days_ago(9)), row(-5_00, on=days_ago(400)))
    assert (found.covered_from, found.opening_balance) == (days_ago(364), 80_00)
    assert [one.amount for one in found.transactions] == [50_00, -30_00]


def test_the_order_within_a_day_is_the_provider_s():
    found = feed(row(1), row(2, on=days_ago(1)), row(3), row(4, on=days_ago(1)))
    assert [(one.line_no, one.amount) for one in found.transactions] == [(0, 2), (1, 4), (2, 1), (3, 3)]


@pytest.mark.parametrize(("days", "amounts"), [(1, [1]), (2, [2, 1]), (3, [4, 2, 1]), (30, [4, 2, 1])])
def test_the_window_ends_with_the_day_asked_for(days, amounts):
    rows = [row(1), row(2, on=days_ago(1)), row(4, on=days_ago(2))]
    found = feed(*rows, days=days)
    assert [one.amount for one in found.transactions] == amounts
    assert found.opening_balance + sum(amounts) == 100_00


def test_what_was_booked_after_the_day_asked_for_is_not_told_and_is_in_no_balance():
    found = feed(row(-10_00), row(-1_00, on=days_ago(5)), as_of=days_ago(4))
    assert [one.amount for one in found.transactions] == [-1_00]
    assert found.opening_balance == 111_00


def test_a_feed_begins_where_the_bank_says_or_else_with_its_oldest_transaction():
    assert feed(row(1, on=days_ago(20))).covered_from == days_ago(20)
    known = replace(CHECKING, covered_from=days_ago(90))
    assert feed(row(1, on=days_ago(20)), accounts=[known]).covered_from == days_ago(90)
    assert feed(refreshed_on=days_ago(2)).covered_from == days_ago(2)


def test_a_pending_debit_is_a_hold_and_a_pending_deposit_is_nothing():
    found = feed(row(-30_00, pending=True), row(-4_50, pending=True), row(99_00, pending=True), row(-1_00))
    assert (found.holds, found.opening_balance) == (34_50, 101_00)
    assert [one.amount for one in found.transactions] == [-1_00]


def test_a_transaction_told_twice_counts_once_by_its_last_telling():
    found = feed(row(-30_00, transaction_id="a"), row(-5_00), row(-5_00), row(-31_00, transaction_id="a"))
    assert [one.amount for one in found.transactions] == [-5_00, -5_00, -31_00]


class TestMainAccount:
    def test_it_is_the_checking_account_with_the_most_income(self):
        rows = [
            row(900_00, "ACME PAYROLL", account="other"),
            row(800_00, "OTHER CO PAYROLL"),
            row(5000_00, "OTHER CO PAYROLL", account="savings"),
            row(5000_00, "ZELLE FROM A FRIEND"),
        ]
        found = feed(*rows, accounts=[CHECKING, OTHER, SAVINGS])
        assert [one.counterparty for one in found.transactions] == ["acme"]
        assert found.linked_accounts == 3

    def test_without_income_it_is_the_one_that_is_used(self):
        rows = [row(-1, account="other"), row(-2, account="other"), row(-500_00)]
        assert [one.amount for one in feed(*rows, accounts=[CHECKING, OTHER]).transactions] == [-1, -2]

    def test_a_savings_account_serves_where_there_is_no_checking_account(self):
        found = feed(row(900_00, "ACME PAYROLL", account="savings"), accounts=[SAVINGS, CARD])
        assert [one.amount for one in found.transactions] == [900_00]

    def test_accounts_in_other_currencies_do_not_count(self):
        euros = replace(OTHER, currency="EUR")
        rows = [row(900_00, "ACME PAYROLL", account="other"), row(-1_00)]
        assert [one.amount for one in feed(*rows, accounts=[CHECKING, euros]).transactions] == [-1_00]

    @pytest.mark.parametrize(
        ("accounts", "why"),
        [
            ([], "accounts: none is in the currency"),
            ([replace(CHECKING, currency="EUR")], "accounts: none is in the currency"),
            ([CARD], "accounts: none is a checking or a savings account"),
            ([replace(CHECKING, covered_from=AS_OF + timedelta(days=1))], r"accounts\.0: begins after the day"),
        ],
    )
    def test_without_any_the_feed_is_refused(self, accounts, why):
        with pytest.raises(FeedError, match=why):
            feed(accounts=accounts)


class TestOwnTransfers:
    @pytest.mark.parametrize(("apart", "category"), [(-5, "transfer"), (0, "transfer"), (5, "transfer"), (6, None)])
    def test_money_that_leaves_one_account_and_comes_to_another_is_a_transfer(self, apart, category):
        rows = [row(-250_00, "CHECK 0042", on=days_ago(10))]
        rows += [row(250_00, "Deposit", on=days_ago(10 - apart), account="savings")]
        assert [one.category for one in feed(*rows, accounts=BOTH).transactions] == [category]

    def test_it_arrives_once(self):
        rows = [row(-250_00, "CHECK 1"), row(-250_00, "CHECK 2"), row(250_00, "Deposit", account="savings")]
        assert [one.category for one in feed(*rows, accounts=BOTH).transactions] == ["transfer", None]

    def test_an_income_that_is_known_is_none(self):
        rows = [row(900_00, "ACME PAYROLL"), row(-900_00, "CHECK 7", account="savings")]
        assert [one.category for one in feed(*rows, accounts=BOTH).transactions] == ["wages"]

    def test_within_one_account_nothing_is_transferred(self):
        rows = [row(-250_00, "CHECK 1"), row(250_00, "Deposit")]
        assert [one.category for one in feed(*rows, accounts=BOTH).transactions] == [None, None]


class TestImplausible:
    def test_a_refresh_in_the_future(self):
        raw = RawFeed(datetime.now(UTC) + timedelta(minutes=6), [CHECKING], [])
        with pytest.raises(FeedError, match=r"^refreshed_at: is in the future$"):
            transaction_feed(raw, "USD", 30, AS_OF)
        soon = replace(raw, refreshed_at=datetime.now(UTC) + timedelta(minutes=4))
        assert transaction_feed(soon, "USD", 30, soon.refreshed_at.date()).feed.transactions == ()

    def test_more_than_a_balance_can_be(self):
        rows = [row(-(10**12)), row(-(10**12))]
        with pytest.raises(FeedError, match=r"^accounts\.0 as a feed, opening_balance: less_than_equal$"):
            feed(*rows)


ROWS = st.lists(
    st.tuples(st.integers(-2000_00, 2000_00), st.integers(0, 500), st.sampled_from(["checking", "savings"]))
)


@given(ROWS, st.integers(1, 600), st.integers(0, 300))
def test_the_running_balance_ends_at_the_bank_s(rows, days, ago):
    as_of = days_ago(ago)
    told = [row(amount, on=days_ago(days), account=account) for amount, days, account in rows]
    covered = replace(CHECKING, covered_from=days_ago(600))
    found = feed(*told, accounts=[covered, SAVINGS], days=days, as_of=as_of)
    later = sum(one.amount for one in told if one.account_id == "checking" and one.booked_on > as_of)
    assert found.opening_balance + sum(one.amount for one in found.transactions) == 100_00 - later
    assert all(found.covered_from <= one.booked_on <= as_of for one in found.transactions)
    assert all(one.booked_on <= other.booked_on for one, other in pairwise(found.transactions))


@given(ROWS)
def test_reading_the_same_pages_twice_changes_nothing(rows):
    told = [
        row(amount, on=days_ago(days), account=account, transaction_id=str(number))
        for number, (amount, days, account) in enumerate(rows)
    ]
    assert feed(*told, *told, accounts=BOTH) == feed(*told, accounts=BOTH)


@pytest.mark.parametrize(
    ("amount", "currency", "minor"),
    [
        ("12.34", "USD", 1234),
        ("-0.01", "USD", -1),
        ("1000", "JPY", 1000),
        ("1.234", "KWD", 1234),
        # The noise of a binary fraction.
        ("110.940000001", "USD", 110_94),
    ],
)
def test_amounts_become_minor_units(amount, currency, minor):
    assert minor_units("here", Decimal(amount), currency) == minor


@pytest.mark.parametrize(("amount", "currency"), [("0.001", "USD"), ("0.5", "JPY"), ("1e13", "USD"), ("NaN", "USD")])
def test_amounts_that_are_none_are_refused_with_their_place(amount, currency):
    with pytest.raises(FeedError, match=r"^here: is "):
        minor_units("here", Decimal(amount), currency)
