"""Users of floats stay what they are on any date: the feed and the histories tell what the table says."""

import json
from datetime import UTC, date, datetime, time
from functools import cache
from itertools import pairwise

import pandas as pd
import pyarrow as pa
import pytest
from support.eligibility import profile_of

from rules.eligibility.book import shipped_eligibility_books
from rules.eligibility.decide import decide
from rules.eligibility.user import results_for
from rules.facts import HISTORIES_QUERIES, compute_facts, tables_of, users_as_of
from rules.facts.catalogue import USER_FACTS
from rules.limits.affordability import affordability_caps
from rules.limits.policy import shipped_policies
from underwriting.domain.application import Product
from underwriting.domain.decision import Verdict
from underwriting.domain.documents import Document, Person
from underwriting.domain.histories import INCOME, TransactionFeed
from underwriting.domain.service import Service
from underwriting.playground.sandbox.account_bookings import RecurringBooking
from underwriting.playground.sandbox.personas import PERSONAS
from underwriting.playground.sandbox.source_request import SourceRequest
from underwriting.playground.sandbox.user_records import USER_RECORDS
from underwriting.playground.sandbox.users import TABLE, USERS, find_user
from underwriting.sources.answers import parse_document
from underwriting.sources.feed_client import parse_feed

DATES = [date(2024, 2, 29), date(2025, 3, 1), date(2025, 8, 14), date(2025, 12, 31), date(2026, 1, 2)]
# The heavy user has a test of its own: fifty times the work of another.
KINDS = [f"{name}{variant}" for name in USERS if name != "heavy-user" for variant in ("", "-00017")]
DAYS = 400
# Users whose feed says something special and is a feed all the same.
ODD_FEEDS = ("still-reading", "login-required")


def record(service: Service, user_id: str, as_of: date, part: str = "", **asked: object):
    return USER_RECORDS[service, part](find_user(user_id), SourceRequest(user_id, as_of, days=DAYS, **asked))


@cache
def feed(user_id: str, as_of: date, currency: str = "USD") -> TransactionFeed:
    told = record(Service.TRANSACTIONS, user_id, as_of, currency=currency).model_dump(mode="json")
    odd = find_user(user_id).wrong_fields[Service.TRANSACTIONS] if user_id.startswith(ODD_FEEDS) else {}
    body = json.dumps(told | dict(odd)).encode()
    return parse_feed("transactions", "native", body, currency, DAYS, as_of).feed


def documents(user_id: str, as_of: date) -> list[Document]:
    """Everything that a client would take of this user's services; what they fail to say is left out."""
    who = find_user(user_id)
    silent = {who.down, who.slow, *who.wrong_fields} - (
        {Service.TRANSACTIONS} if user_id.startswith(ODD_FEEDS) else set()
    )
    told = [
        record(service, user_id, as_of, part)
        for service, part in USER_RECORDS
        if service not in {*silent, Service.TRANSACTIONS}
    ]
    return told if Service.TRANSACTIONS in silent else [*told, feed(user_id, as_of)]


@cache
def facts(as_of: date) -> pd.DataFrame:
    """The facts of every kind and a variant of each, in one batch."""
    parts = [tables_of(user_id, documents(user_id, as_of)) for user_id in KINDS]
    names = {name for part in parts for name in part}
    tables = {name: pa.concat_tables(part[name] for part in parts if name in part) for name in names}
    noon = datetime.combine(as_of, time(12), UTC)
    tables |= users_as_of(KINDS, as_of, noon, "USD")
    return pd.concat([compute_facts(query, tables) for query in HISTORIES_QUERIES], axis="columns")


@pytest.mark.parametrize("as_of", DATES, ids=str)
def test_the_intended_income_is_the_main_stream(as_of):
    for user_id in KINDS:
        who, found = find_user(user_id), facts(as_of).loc[user_id]
        if who.income is None:
            assert pd.isna(found.recurring_deposit_amount), user_id
            continue
        assert found.income_streams == who.streams, user_id
        assert who.income.days[0] <= found.pay_period_days <= who.income.days[1], user_id
        lowest, highest = 0.94 * (1 - who.income.spread), 1.06 * (1 + who.income.spread)
        assert lowest <= found.recurring_deposit_amount / (100 * who.income.amount) <= highest, user_id
        payers = {one.counterparty for one in feed(user_id, as_of).transactions if one.category in INCOME}
        assert who.income.payer in payers


@pytest.mark.parametrize("as_of", DATES, ids=str)
def test_what_is_special_shows_in_the_facts(as_of):
    found = facts(as_of)
    unknown = found.isna()
    for user_id in (name for name in KINDS if name.startswith(("dead-feed", "broken-feed", "newcomer"))):
        assert unknown.loc[user_id, "recurring_deposits"]
    for variant in ("", "-00017"):
        of = {name: found.loc[f"{name}{variant}"] for name in USERS if name != "heavy-user"}
        assert of["steady-pay"].negative_days_30d == 0
        assert of["steady-pay"].float_rank == of["steady-pay"].subscription_rank == 8
        assert of["steady-pay"].spend_to_income < 1
        assert 4 <= of["below-zero"].negative_days_30d < 30
        assert of["below-zero"].overdraft_fees_30d >= 2
        assert of["bounced"].returned_debits_30d >= 3
        assert of["stacker"].competitor_advances_30d >= 8
        assert of["stacker"].competitor_advances_due >= 500_00
        assert of["stacker"].competitor_repayments_30d == 0
        assert of["laid-off"].income_streams == of["laid-off"].recurring_deposits == 0
        assert of["stale-feed"].feed_age_hours == 6 * 24 + 12
        assert not of["still-reading"].feed_complete
        assert not of["login-required"].feed_connected
        assert of["steady-pay"].feed_complete
        assert of["steady-pay"].feed_connected
        assert (of["pays-late"].late_floats, of["pays-late"].on_time_streak) == (1, 0)
        assert of["pays-late"].collection_error_ratio > 0.3
        assert (of["still-owes"].outstanding_floats, of["still-owes"].late_floats) == (1, 0)
        assert (of["unsubscribed"].renewals_paid, of["steady-pay"].renewals_paid) == (0, 12)
        assert of["newcomer"].history_days <= 12
        assert of["newcomer"].float_count == 0
        assert of["fraudster"].fraud_hit
        assert not of["blocked"].good_standing
        assert unknown.loc[[f"unscored{variant}", f"slow-scores{variant}"], "payback_prediction"].all()
        assert unknown.loc[f"broken-floats{variant}", "float_count"]


@pytest.mark.parametrize("as_of", DATES, ids=str)
def test_the_shipped_books_decide_as_the_table_says(as_of):
    listed = [float(user_id.startswith("listed-user")) for user_id in KINDS]
    found = facts(as_of).assign(list_match_score=listed, list_confirmed_score=listed, list_age_days=0)
    caps = affordability_caps(shipped_policies()["cfi"].affordability, found)
    books = [book for book in shipped_eligibility_books().values() if book.product is Product.FLOAT]
    for user_id in KINDS:
        results = results_for(books, user_id, found.loc[[user_id]], {})
        cap = None if pd.isna(caps[user_id]) else int(caps[user_id])
        made = decide(Product.FLOAT, books, results, profile_of(), cap, {}, datetime.now(UTC))
        who = find_user(user_id)
        assert made.verdict is who.verdict, user_id
        # A variant may be in another arm of the experiment, whose book gives another reason first.
        if user_id in USERS:
            assert next((one.code for one in made.reasons), "") == who.reason, user_id


@pytest.mark.parametrize("as_of", DATES, ids=str)
def test_every_document_is_one_that_a_client_takes(as_of):
    for user_id in KINDS:
        for (service, part), told in USER_RECORDS.items():
            document = told(find_user(user_id), SourceRequest(user_id, as_of, days=DAYS))
            if isinstance(document, Document):
                assert parse_document(service, type(document), document.model_dump_json().encode()) == document, part


@pytest.mark.parametrize("as_of", DATES, ids=str)
def test_the_feed_adds_up_to_the_bank_s_balance_and_says_nothing_of_later_days(as_of):
    for user_id in KINDS:
        told, found = record(Service.TRANSACTIONS, user_id, as_of), feed(user_id, as_of)
        assert found.opening_balance + sum(one.amount for one in found.transactions) == told.accounts[0].balance
        assert all(one.booked_on <= found.refreshed_at.date() <= as_of for one in found.transactions)
        assert all(one.category is not None for one in found.transactions), user_id
        floats = record(Service.FLOATS, user_id, as_of).floats
        assert all(one.taken_on <= as_of and (one.repaid_on or as_of) <= as_of for one in floats)


def test_two_dates_see_one_past():
    early, late = (feed("two-jobs", day) for day in (date(2025, 8, 14), date(2025, 10, 2)))
    # Its oldest float is forgotten as a new one comes, and savings make up for the difference.
    moving = {"own_float", "transfer"}
    both = [one for one in late.transactions if one.booked_on <= date(2025, 8, 14) and one.category not in moving]
    known = [one for one in early.transactions if one.booked_on >= late.covered_from and one.category not in moving]
    assert [(one.booked_on, one.amount) for one in both] == [(one.booked_on, one.amount) for one in known]
    assert len(both) > 200


def test_own_floats_stand_in_the_feed():
    as_of = DATES[2]
    floats = {one.taken_on: one.amount for one in record(Service.FLOATS, "steady-pay", as_of).floats}
    own = [one for one in feed("steady-pay", as_of).transactions if one.category == "own_float"]
    booked = {one.booked_on: one.amount for one in own}
    assert floats.items() <= booked.items()
    assert len(booked) == 2 * len(floats)


def test_the_heavy_user_has_twenty_thousand_transactions_a_year():
    found = feed("heavy-user", DATES[3])
    assert sum(one.booked_on > date(2024, 12, 31) for one in found.transactions) > 20_000
    noon = datetime.combine(DATES[3], time(12), UTC)
    tables = tables_of("heavy-user", [found]) | users_as_of(["heavy-user"], DATES[3], noon, "USD")
    told = compute_facts("transactions", tables).loc["heavy-user"]
    assert (told.income_streams, told.pay_period_days, told.negative_days_30d) == (1, 14, 0)
    assert told.spend_to_income < 1


def test_the_listed_user_is_the_person_of_the_list():
    person = record(Service.USERS, "listed-user", DATES[0])
    assert isinstance(person, Person)
    assert (person.family_name, person.birth_date) == ("Bout", date(1967, 1, 13))


@pytest.mark.parametrize(("currency", "unit"), [("USD", 100), ("JPY", 100), ("KWD", 1000)])
def test_amounts_are_of_the_currency_s_size(currency, unit):
    pay = [one.amount for one in feed("steady-pay", DATES[2], currency).transactions if one.category == "wages"]
    assert all(1080 * unit < amount < 1220 * unit for amount in pay)


class TestTable:
    def test_ids_are_unique_and_nobody_else_s(self):
        assert len(USERS) == len(TABLE)
        assert not USERS.keys() & PERSONAS.keys()
        assert find_user("steady-pay-00017") is USERS["steady-pay"]
        assert all(find_user(name) is None for name in ("nobody", "steady-pay-", "steady-pay-x", "good", ""))

    def test_whoever_is_not_approved_has_troubles_that_are_facts(self):
        for user in TABLE:
            assert user.special
            assert user.notable_facts or user.verdict is Verdict.APPROVED, user.id
            assert set(user.notable_facts) <= set(USER_FACTS), user.id

    def test_every_verdict_is_there(self):
        assert {user.verdict for user in TABLE} == {Verdict.APPROVED, Verdict.REJECTED, Verdict.REFERRED}


class TestRegular:
    @pytest.mark.parametrize(
        ("regular", "days"),
        [
            (RecurringBooking("x", 1, day=4), [4]),
            (RecurringBooking("x", 1, day=0, every=7), [5, 12, 19, 26]),
            (RecurringBooking("x", 1, day=4, every=1), [*range(1, 32)]),
            # The third of May 2025 is a Saturday, the fourth a Sunday.
            (RecurringBooking("x", 1, day=3, early=True), [2]),
            (RecurringBooking("x", 1, day=4, early=True), [2]),
            (RecurringBooking("x", 1, day=5, early=True), [5]),
        ],
    )
    def test_days(self, regular, days):
        assert [day.day for day in regular.days(date(2025, 5, 1), date(2025, 5, 31))] == days

    def test_fortnights_go_on_across_months(self):
        regular = RecurringBooking("x", 1, day=4, every=14)
        days = [*regular.days(date(2025, 4, 1), date(2025, 4, 30)), *regular.days(date(2025, 5, 1), date(2025, 5, 31))]
        assert {(after - before).days for before, after in pairwise(days)} == {14}
        assert {day.weekday() for day in days} == {4}
