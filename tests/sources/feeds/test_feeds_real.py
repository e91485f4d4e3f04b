"""On the files of Plaid's sandbox users: the incomes that each is meant to have are found, and little is untold."""

import re
from datetime import date, timedelta

import pytest
from support.feeds import PLAID, needs_plaid, of_account, real_feed
from support.users import user_facts_of

from underwriting.domain.histories import INCOME, TransactionFeed
from underwriting.sources.feeds.assemble import transaction_feed
from underwriting.sources.feeds.categoriser import categorise
from underwriting.sources.feeds.raw import FeedError

pytestmark = needs_plaid


def latest_pay(name: str, account: int) -> date:
    """The day of the account's latest deposit of an income category: incomes of these users end at various times."""
    rows = of_account(real_feed(name), account).transactions
    judged = zip(rows, categorise(rows, "USD"), strict=True)
    return max(row.booked_on for row, one in judged if one.category in INCOME)


def account_feed(name: str, account: int, as_of: date) -> TransactionFeed:
    return transaction_feed(of_account(real_feed(name), account), "USD", 730, as_of).feed


@pytest.mark.parametrize(
    ("name", "account", "before", "streams", "payer", "amount", "period"),
    [
        # file, account, days before the latest pay, streams, main payer, its amount, days between its payments
        ("bank_income_basic", 0, 0, 1, "plaid", 5000_00, (30, 31)),
        ("welderTestUser", 0, 0, 1, "excelsior welding", 4166_66, (30, 31)),
        ("transactions+inflow_custom_user", 0, 0, 1, "plaid", 5125_25, (31, 31)),
        ("SSAuser", 0, 0, 2, "Social Security", 2500_00, (30, 31)),
        ("bank_income_custom_user_5_income_sources", 0, 0, 2, "Social Security", 2500_00, (30, 31)),
        ("bank_income_custom_user_5_income_sources", 1, 0, 2, "Lyft", 1200_00, (7, 7)),
        ("bank_income_custom_user_6+_employers_in_90_days", 0, 0, 3, "Social Security", 2500_00, (30, 31)),
        ("bank_income_custom_user_6+_employers_in_90_days", 1, 0, 2, "Lyft", 1200_00, (7, 7)),
        # Two payments half a month apart are all that is regular in it; "plaid" pays after 21 and 46 days.
        ("bank_income_custom_user_random_income_over_90_days", 0, 11, 1, "Social Security", 2500_00, (15, 15)),
        # A business of one's own, and before it two platforms, which have ended by then.
        ("selfEmployedGiguser", 0, 0, 1, "self payout business", 1600_00, (15, 16)),
        ("selfEmployedGiguser", 0, 89, 2, "Lyft", 1200_00, (7, 7)),
    ],
)
def test_the_intended_incomes_are_found(name, account, before, streams, payer, amount, period):
    file = f"income/{name}.json"
    as_of = latest_pay(file, account) - timedelta(days=before)
    feed = account_feed(file, account, as_of)
    facts = user_facts_of("transactions", feed, as_of=as_of, judged_at=None)
    assert facts["income_streams"] == streams
    assert facts["recurring_deposit_amount"] == amount
    assert period[0] <= facts["pay_period_days"] <= period[1]
    assert facts["recurring_income_cv"] <= 0.06
    paid = {one.counterparty for one in feed.transactions if one.amount == amount and one.category in INCOME}
    assert paid == {payer}


def test_a_user_of_several_accounts_is_judged_on_the_checking_account():
    raw = real_feed("income/bank_income_custom_user_5_income_sources.json")
    feed = transaction_feed(raw, "USD", 730, date(2026, 8, 22)).feed
    assert feed.linked_accounts == 2
    assert {one.counterparty for one in feed.transactions if one.category in INCOME} == {"plaid", "Social Security"}


@pytest.mark.parametrize(
    ("name", "least"),
    [
        # Single lines of many banks, masked, each another case.
        ("assets/assets_credit_categories.json", 0.90),
        ("assets/assets_custom_user.json", 1.0),
        ("assets/assets_custom_user2.json", 0.95),
        ("income/SSAuser.json", 0.95),
        ("income/bank_income_basic.json", 0.95),
        ("income/bank_income_custom_user_5_income_sources.json", 1.0),
        ("income/bank_income_custom_user_6+_employers_in_90_days.json", 1.0),
        ("income/bank_income_custom_user_random_income_over_90_days.json", 1.0),
        ("income/selfEmployedGiguser.json", 0.95),
        ("income/transactions+inflow_custom_user.json", 1.0),
        ("income/welderTestUser.json", 0.95),
        # A company's suppliers are nobody's living.
        ("income/SMBCustomUser.json", 0.25),
        ("transactions/business_account.json", 0.85),
        ("transactions/transactions_checking+savings_custom_user.json", 1.0),
        ("transactions_sync__example-1.json", 1.0),
    ],
)
def test_the_share_that_is_told(name, least):
    rows = real_feed(name).transactions
    told = sum(one.category is not None for one in categorise(rows, "USD"))
    assert told / len(rows) >= least


def test_every_file_with_transactions_is_read():
    read = set[str]()
    for path in PLAID.rglob("*.json"):
        name = str(path.relative_to(PLAID))
        try:
            read.add(name if real_feed(name).transactions else "")
        except FeedError:
            assert name.startswith(("income/document_income/", "income/payroll", "transactions_recurring"))
    assert len(read - {""}) == 15


def test_balances_reconcile_in_every_file():
    for name in ("income/welderTestUser.json", "income/SSAuser.json", "transactions/business_account.json"):
        raw = real_feed(name)
        feed = transaction_feed(raw, "USD", 730, max(row.booked_on for row in raw.transactions)).feed
        assert feed.opening_balance + sum(one.amount for one in feed.transactions) == raw.accounts[0].balance


# What the groups of the file of credit categories are meant to be, by words of each group's lines.
@pytest.mark.parametrize(
    ("words", "money_in", "categories"),
    [
        (("NSF", "OVERDRAFT FEE", "Insufficient Funds", "Courtesy Pay"), False, {"overdraft_fee"}),
        (("ATM FEE", "MONTHLY FEE", "Service Fee"), False, {"fee"}),
        (("SSA TREAS", "UEMPLOYMEN", "UI DD", "VACP TREAS"), True, {"benefits"}),
        (("PAYROLL", "DIRECT DEP"), True, {"wages"}),
        (("Earnin", "Brigit", "KLOVER", "Instacash", "Dave Inc"), True, {"advance"}),
        (("PAYMENTRET",), False, {"advance"}),
        (("MORTGAGE", "MTG"), False, {"loan"}),
        (("NAVIENT", "MONEYKEY", "AFTERPAY", "STUDENT LN"), False, {"loan"}),
        (("ZELLE", "ONLINE TRANSFER", "WIRE", "FEDWIRE"), True, {"transfer"}),
        (("[A-Z]+TAXRFD",), True, {"transfer"}),
        (("IRS", "TAX PYMT"), False, {"spending"}),
        (("INSURANCE", "GEICO", "FARMERS INS", "STATE FARM"), False, {"insurance"}),
    ],
)
def test_the_groups_of_the_credit_categories(words, money_in, categories):
    rows = real_feed("assets/assets_credit_categories.json").transactions
    named = re.compile(rf"\b(?:{'|'.join(words)})\b", re.IGNORECASE)
    found = {
        one.category
        for row, one in zip(rows, categorise(rows, "USD"), strict=True)
        if (row.amount > 0) == money_in and named.search(row.description) and abs(row.amount) > 1_00
    }
    assert found == categories


def test_the_sync_example_has_one_purchase_and_one_hold():
    raw = real_feed("transactions_sync__example-1.json")
    feed = transaction_feed(raw, "USD", 30, date(2023, 9, 28)).feed
    assert [(one.amount, one.category, one.counterparty) for one in feed.transactions] == [
        (-72_10, "groceries", "walmart")
    ]
    assert (feed.opening_balance, feed.holds) == (110_94 + 72_10, 28_34)
