"""One odd row spoils itself and what depends on it. The rest of the feed is used, and what is left out is counted."""

import json
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

import pytest
from support.feeds import AS_OF, CHECKING, SAVINGS, reading, row
from support.users import user_tables

from rules.core.columns import Columns
from rules.facts import compute_facts
from underwriting.domain.decision import FactValue
from underwriting.integrations.errors import MalformedAnswer
from underwriting.sources.feed_client import parse_feed
from underwriting.sources.feeds.missing_data import FeedReading
from underwriting.sources.feeds.raw import AccountKind

NOW = datetime(2026, 3, 31, 12, tzinfo=UTC)
STATUS = {"transactions": {"last_successful_update": "2026-03-31T05:00:00Z"}}
BALANCE_FACTS = ("current_balance", "available_balance", "average_balance", "negative_days_30d")


def account(account_id: str = "chk", subtype: str | None = "checking", **balances: object) -> dict[str, object]:
    told = {"current": 20_000, "available": 20_000, "iso_currency_code": "USD"} | balances
    return {"account_id": account_id, "type": "depository", "subtype": subtype, "balances": told}


def told(amount: float, day: date, name: str = "POS KROGER", **more: object) -> dict[str, object]:
    """One of Plaid's transactions: positive is money out."""
    row = {"account_id": "chk", "amount": amount, "iso_currency_code": "USD", "date": day.isoformat(), "name": name}
    return {**row, **more}


def days_ago(days: int) -> date:
    return AS_OF - timedelta(days=days)


PAYS = [told(-1200, days_ago(days), "ACME CORP DES:PAYROLL") for days in range(3, 365, 14)]
SPENDING = [told(40, days_ago(days)) for days in range(1, 365, 4)]


def control(*more: dict[str, object], **changes: object) -> FeedReading:
    """The control user in Plaid's JSON, with more rows, read."""
    answer = {"accounts": [account()], "added": [*PAYS, *SPENDING, *more], "has_more": False, "status": STATUS}
    return parse_feed("transactions", "plaid", json.dumps(answer | changes).encode(), "USD", 400, AS_OF)


def facts(read: FeedReading) -> dict[str, FactValue]:
    columns = Columns(compute_facts("transactions", user_tables(read.feed, as_of=AS_OF, judged_at=NOW)))
    return {name: columns.value(name, 0) for name in columns if columns[name][0] is not None}


SOUND = facts(control())
BOTH = {"accounts": [account(), account("sav", "savings")]}


def changed(read: FeedReading) -> set[str]:
    """The facts that are not as of the control user."""
    now = facts(read)
    return {name for name in now if repr(now[name]) != repr(SOUND[name])}


def test_the_control_user_has_a_pay_and_no_gaps():
    assert control().missing is None
    assert (SOUND["recurring_deposits"], SOUND["recurring_deposit_amount"]) == (6, 1_200_00)


@pytest.mark.parametrize(
    ("more", "changes", "gaps"),
    [
        ([told(5, days_ago(9), iso_currency_code="EUR", account_id="sav")], BOTH,
         "transactions left out: 1 in another currency than their account"),
        ([told(5, days_ago(9), account_id="gone"), told(5, days_ago(8), account_id="gone")], {},
         "transactions left out: 2 of accounts that are not listed"),
        ([told(9, AS_OF + timedelta(days=9), pending=True)], {}, "transactions left out: 1 planned for later"),
        ([told(0.001, days_ago(9), account_id="sav")], BOTH,
         "transactions left out: 1 with amounts that the currency does not have"),
    ],
)  # fmt: skip
def test_a_row_that_the_judged_account_does_not_rest_on_is_counted_and_changes_nothing(more, changes, gaps):
    read = control(*more, **changes)
    assert read.missing == gaps
    assert changed(read) <= {"linked_accounts"}


@pytest.mark.parametrize("ahead", [1, 2, 4])
def test_a_booking_with_the_next_banking_day_s_date_is_booked(ahead):
    """On a Saturday the bank shows it with Monday's date, and its current balance has it."""
    read = control(told(300, AS_OF + timedelta(days=ahead)))
    assert read.missing is None
    assert read.feed.transactions[-1].booked_on == AS_OF
    assert facts(read)["current_balance"] == 20_000_00
    assert facts(read)["negative_days_30d"] == 0


def test_a_booking_that_is_dated_further_ahead_leaves_earlier_balances_open():
    read = control(told(300, AS_OF + timedelta(days=5)))
    assert read.missing == "transactions left out: 1 dated after the refresh"
    assert read.feed.unread_on == AS_OF
    found = facts(read)
    assert (found["current_balance"], found["negative_days_30d"]) == (20_000_00, None)
    assert found["recurring_deposits"] == 6


def test_a_pending_row_of_the_next_banking_day_is_held():
    assert control(told(300, AS_OF + timedelta(days=2), pending=True)).feed.holds == 300_00


@pytest.mark.parametrize(
    "code", [{"iso_currency_code": None, "unofficial_currency_code": "USDT"}, {"iso_currency_code": "EUR"}]
)
def test_an_amount_in_another_currency_is_no_amount_of_the_account(code):
    rows = [told(-5000, days_ago(days), "ACME CORP DES:PAYROLL", **code) for days in (20, 6)]
    read = control(*rows)
    assert read.missing == "transactions left out: 2 in another currency than their account"
    assert 5000_00 not in [one.amount for one in read.feed.transactions]
    assert read.feed.unread_on == days_ago(6)
    found = facts(read)
    assert (found["monthly_income"], found["current_balance"]) == (SOUND["monthly_income"], 20_000_00)
    assert [found[name] for name in ("returned_debits_30d", "negative_days_30d", "spend_to_income")] == [None] * 3


def test_a_pending_amount_in_another_currency_leaves_the_holds_open():
    row = told(5, days_ago(1), iso_currency_code="EUR", pending=True)
    read = control(row, accounts=[account(available=None)])
    assert read.missing == (
        "the pending debits are not known; transactions left out: 1 in another currency than their account"
    )
    assert changed(read) == {"available_balance", "cycle_available_balance"}
    assert facts(control(row))["available_balance"] == 20_000_00


@pytest.mark.parametrize("member", ["modified", "removed"])
def test_without_the_changes_only_dates_and_today_s_balance_are_known(member):
    read = control(**{member: None})
    assert read.missing == "the provider does not say which transactions the bank has changed or taken back"
    found = facts(read)
    kept = ("history_days", "days_since_transaction", "current_balance", "available_balance", "linked_accounts")
    assert {name: found[name] for name in kept} == {name: SOUND[name] for name in kept}
    lost = ("recurring_deposits", "monthly_income", "returned_debits_30d", "negative_days_30d", "average_balance")
    assert [found[name] for name in lost] == [None] * len(lost)
    assert control(**{member: []}).missing is None


def test_an_available_balance_stands_without_a_current_one():
    read = control(accounts=[account(current=None)])
    assert read.missing == "the current balance is not known"
    found = facts(read)
    assert (found["available_balance"], found["recurring_deposits"]) == (20_000_00, 6)
    assert [found[name] for name in ("current_balance", "average_balance", "negative_days_30d")] == [None] * 3
    overdraft = control(accounts=[account(current=None, limit=500)])
    assert facts(overdraft)["available_balance"] == 19_500_00


@pytest.mark.parametrize("balances", [{"current": None, "available": None}, {"current": 1.001, "available": None}])
def test_without_a_balance_the_rest_is_known(balances):
    found = facts(control(accounts=[account(**balances)]))
    assert [found[name] for name in BALANCE_FACTS] == [None] * len(BALANCE_FACTS)
    assert found["monthly_income"] == SOUND["monthly_income"]


def test_an_odd_balance_of_another_account_changes_nothing():
    assert changed(control(accounts=[account(), account("sav", "savings", current=1.0001)])) == {"linked_accounts"}


def test_an_account_without_a_subtype_serves_where_there_is_no_checking_account():
    assert changed(control(accounts=[account(subtype=None)])) == set()
    unnamed = replace(CHECKING, account_id="unnamed", kind=AccountKind.DEPOSIT)
    rows = [row(-1, account="checking"), row(-2, account="unnamed"), row(-3, account="savings")]
    for accounts, amount in (([CHECKING, unnamed, SAVINGS], -1), ([unnamed, SAVINGS], -2), ([SAVINGS], -3)):
        known = {one.account_id for one in accounts}
        read = reading(*(one for one in rows if one.account_id in known), accounts=accounts)
        assert [one.amount for one in read.feed.transactions] == [amount]


class TestStillReading:
    @pytest.mark.parametrize("status", ["NOT_READY", "INITIAL_UPDATE_COMPLETE", "TRANSACTIONS_UPDATE_STATUS_UNKNOWN"])
    def test_the_history_before_the_pull_is_not_known(self, status):
        recent = [one for one in (*PAYS, *SPENDING) if one["date"] >= days_ago(30).isoformat()]
        read = control(added=recent, transactions_update_status=status)
        assert read.missing == "the provider is still reading older transactions"
        found = facts(read)
        lost = ("history_days", "recurring_deposits", "monthly_income", "transactions_per_month")
        assert (found["feed_complete"], [found[name] for name in lost]) == (False, [None] * len(lost))
        assert found["current_balance"] == 20_000_00

    def test_a_history_that_is_complete_is_known(self):
        assert changed(control(transactions_update_status="HISTORICAL_UPDATE_COMPLETE")) == set()

    @pytest.mark.parametrize(
        "answer",
        [
            {"accounts": [], "added": [], "transactions_update_status": "NOT_READY"},
            {"error_type": "ITEM_ERROR", "error_code": "PRODUCT_NOT_READY"},
            {"accounts": [account()], "added": [], "transactions_update_status": "NOT_READY"},
        ],
    )
    def test_a_bank_that_was_not_read_yet_is_no_account_without_transactions(self, answer):
        read = parse_feed("transactions", "plaid", json.dumps(answer).encode(), "USD", 400, AS_OF)
        found = facts(read)
        lost = ("history_days", "recurring_deposits", "feed_age_hours", "days_since_transaction")
        assert (found["feed_complete"], [found[name] for name in lost]) == (False, [None] * len(lost))


class TestLoginRequired:
    def test_it_is_told_beside_an_old_answer(self):
        read = control(item={"institution_id": "ins_3", "error": {"error_code": "ITEM_LOGIN_REQUIRED"}})
        assert read.missing == "the bank asks the user to log in again"
        assert changed(read) == {"feed_connected", "institution_id"}

    def test_it_is_told_in_place_of_an_answer(self):
        body = json.dumps({"error_type": "ITEM_ERROR", "error_code": "ITEM_LOGIN_REQUIRED"}).encode()
        found = facts(parse_feed("transactions", "plaid", body, "USD", 400, AS_OF))
        assert (found["feed_connected"], found["feed_complete"], found["history_days"]) == (False, True, None)

    def test_another_error_of_the_item_is_none_of_the_user_s(self):
        assert changed(control(item={"error": {"error_code": "INSTITUTION_DOWN"}})) == set()

    def test_another_error_in_place_of_an_answer_is_refused(self):
        with pytest.raises(MalformedAnswer, match="has neither transactions"):
            parse_feed("transactions", "plaid", b'{"error_code": "INTERNAL_SERVER_ERROR"}', "USD", 400, AS_OF)


class TestFreshness:
    def at(self, moment: str, **more: object) -> dict[str, object]:
        return account(last_updated_datetime=moment, **more)

    @pytest.mark.parametrize("status", [None, STATUS])
    def test_a_feed_is_as_fresh_as_the_oldest_account_that_the_user_may_live_from(self, status):
        old = self.at("2026-03-24T02:00:00Z") | {"account_id": "sav", "subtype": "savings"}
        read = control(accounts=[self.at("2026-03-31T02:00:00Z"), old], status=status)
        assert read.feed.refreshed_at == datetime(2026, 3, 24, 2, tzinfo=UTC)
        card = old | {"type": "credit", "subtype": "credit card"}
        read = control(accounts=[self.at("2026-03-31T02:00:00Z"), card], status=status)
        assert read.feed.refreshed_at == datetime(2026, 3, 31, 2, tzinfo=UTC)

    def test_of_several_banks_of_a_report_too(self):
        new = {
            "accounts": [account() | {"transactions": [told(5, days_ago(1))]}],
            "date_last_updated": "2026-03-31T00:00:00Z",
        }
        old = {"accounts": [account("sav", "savings")], "date_last_updated": "2026-03-20T00:00:00Z"}
        cards = {
            "accounts": [account("crd") | {"type": "credit", "subtype": "credit card"}],
            "date_last_updated": "2026-01-01T00:00:00Z",
        }
        report = {"date_generated": "2026-03-31T01:00:00Z", "items": [new, old, cards]}
        read = parse_feed("transactions", "plaid", json.dumps({"report": report}).encode(), "USD", 400, AS_OF)
        assert read.feed.refreshed_at == datetime(2026, 3, 20, tzinfo=UTC)

    def test_a_date_ahead_of_today_says_nothing_of_the_refresh(self):
        rows = [told(5, days_ago(1)), told(6, datetime.now(UTC).date() + timedelta(days=2))]
        assert control(added=rows, status=None).feed.refreshed_at == datetime(2026, 3, 30, tzinfo=UTC)

    def test_a_result_page_that_shifted_is_not_complete(self):
        rows = [told(number, days_ago(2), transaction_id=str(number)) for number in range(1, 20)]
        answer = {
            "accounts": [account()],
            "transactions": [*rows, rows[-1]],
            "total_transactions": 20,
            "status": STATUS,
        }
        with pytest.raises(MalformedAnswer, match="transactions: are not all: pages are missing"):
            parse_feed("transactions", "plaid", json.dumps(answer).encode(), "USD", 400, AS_OF)
        whole = answer | {"total_transactions": 19}
        assert (
            len(parse_feed("transactions", "plaid", json.dumps(whole).encode(), "USD", 400, AS_OF).feed.transactions)
            == 19
        )


def test_our_own_format_says_the_same():
    answer = {
        "refreshed_at": "2026-03-31T05:00:00Z",
        "still_reading": True,
        "login_required": True,
        "accounts": [
            {"account_id": "a", "kind": "checking", "currency": "USD", "balance": None, "available": 70_00},
            {
                "account_id": "b",
                "kind": "deposit",
                "currency": "USD",
                "balance": 0,
                "refreshed_at": "2026-03-29T05:00:00Z",
            },
        ],
        "transactions": [
            {"account_id": "a", "booked_on": day, "amount": -5_00} for day in ("2026-03-20", "2026-03-30")
        ],
    }
    read = parse_feed("transactions", "native", json.dumps(answer).encode(), "USD", 400, AS_OF)
    assert read.missing == (
        "the provider is still reading older transactions; the bank asks the user to log in again; "
        "the current balance is not known"
    )
    assert read.feed.refreshed_at == datetime(2026, 3, 29, 5, tzinfo=UTC)
    assert facts(read)["available_balance"] == 70_00
