"""Plaid's answers as feeds: its sign is the opposite of ours, its pages overlap, its newest transaction comes first."""

import json
from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from underwriting.domain.histories import TransactionFeed
from underwriting.integrations.errors import MalformedAnswer
from underwriting.sources.feed_client import parse_feed
from underwriting.sources.feeds.plaid import kind_of

AS_OF = date(2026, 3, 31)
ACCOUNT = {
    "account_id": "chk",
    "type": "depository",
    "subtype": "checking",
    "balances": {"current": 110.94, "available": 90.0, "iso_currency_code": "USD"},
}
STATUS = {"transactions": {"last_successful_update": "2026-03-31T05:00:00Z"}}


def told(amount: float, day: str = "2026-03-30", **more: object) -> dict[str, object]:
    """One of Plaid's transactions: positive is money out."""
    return {"account_id": "chk", "amount": amount, "iso_currency_code": "USD", "date": day, "name": "QZX"} | more


def read(answer: object, days: int = 365, currency: str = "USD", as_of: date = AS_OF) -> TransactionFeed:
    return parse_feed("transactions", "plaid", json.dumps(answer).encode(), currency, days, as_of).feed


def refusal(answer: object, **how: object) -> str:
    with pytest.raises(MalformedAnswer) as caught:
        read(answer, **how)
    return caught.value.why


def get(*rows: dict[str, object], **more: object) -> dict[str, object]:
    """An answer of transactions/get."""
    return {"accounts": [ACCOUNT], "transactions": rows, "total_transactions": len(rows), "status": STATUS} | more


def sync(*added: dict[str, object], **more: object) -> dict[str, object]:
    """An answer of transactions/sync."""
    return {"accounts": [ACCOUNT], "added": added, "has_more": False, "status": STATUS} | more


def amounts(feed: TransactionFeed) -> list[int]:
    return [one.amount for one in feed.transactions]


def test_plaid_s_money_out_is_our_minus():
    feed = read(get(told(72.1), told(-500)))
    assert amounts(feed) == [500_00, -72_10]
    assert feed.opening_balance == 110_94 + 72_10 - 500_00
    assert str(feed.refreshed_at) == "2026-03-31 05:00:00+00:00"


def test_the_newest_comes_first_in_get_and_last_in_sync():
    assert amounts(read(get(told(1), told(2), told(3, "2026-03-29")))) == [-300, -200, -100]
    assert amounts(read(sync(told(3, "2026-03-29"), told(2), told(1)))) == [-300, -200, -100]


def test_sync_s_changes_replace_and_its_removals_take_away():
    answer = sync(
        told(10, transaction_id="a"),
        told(20, transaction_id="b"),
        told(30, transaction_id="c"),
        modified=[told(21, transaction_id="b")],
        removed=[{"account_id": "chk", "transaction_id": "c"}],
    )
    assert sorted(amounts(read(answer))) == [-21_00, -10_00]


def test_what_is_pending_is_held_until_it_is_booked():
    pending = told(20, transaction_id="p", pending=True)
    assert (read(get(pending)).holds, amounts(read(get(pending)))) == (20_00, [])
    both = read(get(told(22, transaction_id="b", pending_transaction_id="p"), pending))
    assert (both.holds, amounts(both)) == (0, [-22_00])


def test_the_code_the_merchant_and_the_original_description_are_heard():
    rows = [
        told(50, personal_finance_category={"primary": "MEDICAL", "detailed": "MEDICAL_DENTAL_CARE"}),
        told(51, merchant_name="Walmart"),
        told(52, counterparties=[{"name": "Shell", "type": "merchant"}]),
        told(-53, name="Deposit", original_description="ACME DES:PAYROLL"),
    ]
    found = {one.amount: (one.category, one.counterparty) for one in read(get(*rows)).transactions}
    assert found == {
        -50_00: ("health", "qzx"),
        -51_00: ("groceries", "walmart"),
        -52_00: ("transport", "shell"),
        53_00: ("wages", "acme"),
    }


def test_an_asset_report_covers_the_days_that_it_says():
    account = ACCOUNT | {"days_available": 61, "transactions": [told(5, "2026-03-01", original_description="x")]}
    items = [{"institution_id": "ins_7", "date_last_updated": "2026-03-30T23:00:00Z", "accounts": [account]}]
    feed = read({"report": {"date_generated": "2026-03-31T01:00:00Z", "items": items}, "warnings": []})
    assert (feed.covered_from, feed.institution_id) == (date(2026, 1, 29), "ins_7")
    assert str(feed.refreshed_at) == "2026-03-30 23:00:00+00:00"
    assert amounts(feed) == [-5_00]


def test_without_a_status_a_feed_is_no_fresher_than_its_latest_transaction():
    feed = read(get(told(1), told(2, "2026-03-12"), status=None))
    assert str(feed.refreshed_at) == "2026-03-30 00:00:00+00:00"
    updated = ACCOUNT | {"balances": ACCOUNT["balances"] | {"last_updated_datetime": "2026-03-31T02:00:00Z"}}
    assert str(read(get(told(1), status=None, accounts=[updated])).refreshed_at) == "2026-03-31 02:00:00+00:00"


ROW = {"date_transacted": "2026-03-29", "date_posted": "2026-03-30", "currency": "USD", "description": "QZX"}
USER = {"type": "depository", "subtype": "checking", "starting_balance": 50}


class TestCustomUser:
    def test_its_starting_balance_is_the_current_one(self):
        rows = [ROW | {"amount": -100}, ROW | {"amount": 30}]
        feed = read({"override_accounts": [USER | {"transactions": rows}]})
        assert (feed.opening_balance, amounts(feed)) == (50_00 - 100_00 + 30_00, [100_00, -30_00])

    def test_its_inflow_model_pays_on_its_day(self):
        rows = [ROW | {"amount": 1, "date_posted": day} for day in ("2026-01-15", "2026-03-15")]
        model = {
            "type": "monthly-income",
            "income_amount": 5125.25,
            "payment_day_of_month": 15,
            "transaction_name": "DIRECT DEPOSIT ACME",
        }
        feed = read({"override_accounts": [USER | {"transactions": rows, "inflow_model": model}]})
        income = [(one.booked_on.month, one.amount) for one in feed.transactions if one.category == "wages"]
        assert income == [(1, 5125_25), (2, 5125_25), (3, 5125_25)]

    def test_cards_and_loans_are_no_bank_accounts_and_are_not_read(self):
        card = {"type": "credit", "subtype": "credit card", "transactions": [ROW | {"amount": 0.00001}]}
        feed = read({"override_accounts": [USER | {"transactions": [ROW | {"amount": 1}]}, card]})
        assert (feed.linked_accounts, amounts(feed)) == (1, [-100])


@pytest.mark.parametrize(
    ("answer", "why"),
    [
        ({}, "the answer: has neither transactions, added, report nor override_accounts"),
        (get(told(1), total_transactions=2), "transactions: are not all: pages are missing"),
        (sync(told(1), has_more=True), "has_more: pages are missing"),
        (get(told("Quetzalcoatl")), "transactions.0.amount: decimal_parsing"),
        (get(told(1, "2026-02-30")), "transactions.0.date: "),
        (get(told(1), accounts=[]), "accounts: none is in the currency asked for"),
        (get(status=None), "status.transactions.last_successful_update: is missing"),
        (get(told(1, transaction_id="a"), told(2, transaction_id="a"), told(3)), "transactions: are not all"),
        (get(accounts=[ACCOUNT | {"balances": {"current": 1, "unofficial_currency_code": "BTC"}}]),
         "accounts: none is in the currency asked for"),
        (get(status={"transactions": {"last_successful_update": "2999-01-01T00:00:00Z"}}),
         "refreshed_at: is in the future"),
        (sync(told(1), modified=[told(None)]), "modified.0.amount: decimal_type"),
    ],
)  # fmt: skip
def test_a_broken_answer_is_refused_with_its_place(answer, why):
    said = refusal(answer)
    assert said.startswith(why)
    assert "Quetzalcoatl" not in said


def test_a_broker_s_account_has_finer_amounts_and_does_not_count():
    broker = {"account_id": "b", "type": "investment", "subtype": "brokerage"}
    broker |= {"balances": {"current": 1.23456, "iso_currency_code": "USD"}}
    feed = read(get(told(1), told(0.00001, account_id="b"), accounts=[ACCOUNT, broker]))
    assert (amounts(feed), feed.linked_accounts) == ([-1_00], 1)


def test_another_currency_than_the_one_asked_for_is_refused():
    assert refusal(get(told(1)), currency="EUR") == "accounts: none is in the currency asked for"


def test_yen_have_no_smaller_unit():
    yen = ACCOUNT | {"balances": {"current": 5000, "iso_currency_code": "JPY"}}
    feed = read(get(told(1200, iso_currency_code="JPY"), accounts=[yen]), currency="JPY")
    assert (amounts(feed), feed.opening_balance) == ([-1200], 6200)


@pytest.mark.parametrize(
    ("account_type", "subtype", "kind"),
    [
        ("depository", "checking", "checking"),
        ("depository", "prepaid", "checking"),
        ("depository", "savings", "savings"),
        ("depository", "cd", "other"),
        ("depository", None, "deposit"),
        ("credit", "credit card", "other"),
        ("investment", "brokerage", "other"),
    ],
)
def test_only_depository_accounts_are_lived_from(account_type, subtype, kind):
    assert kind_of(account_type, subtype) == kind


@given(st.lists(st.tuples(st.integers(-(10**7), 10**7), st.dates(date(2025, 6, 1), AS_OF))))
def test_every_cent_arrives_with_the_other_sign(rows):
    answer = get(*(told(cents / 100, day.isoformat()) for cents, day in rows))
    feed = read(answer, days=700)
    assert sorted(amounts(feed)) == sorted(-cents for cents, _ in rows)
    assert feed.opening_balance + sum(amounts(feed)) == 110_94
