"""Personas stay what they are on any date, and their documents are those that the clients take."""

from datetime import date, timedelta
from itertools import accumulate, product

import pytest

from underwriting.domain.application import ApplicationRequest
from underwriting.domain.decision import Verdict
from underwriting.domain.documents import AlertKind, CompanyStatus, FileStatus, LineCategory, LoanStatus
from underwriting.domain.service import Service
from underwriting.playground.sandbox.personas import PERSONAS, TABLE, find
from underwriting.playground.sandbox.records import RECORDS
from underwriting.playground.sandbox.source_request import SourceRequest
from underwriting.playground.sandbox.statement_plans import month_start
from underwriting.sources.answers import parse_document

DATES = [
    date(2024, 2, 29),
    date(2024, 3, 1),
    date(2025, 2, 28),
    date(2025, 12, 31),
    date(2026, 1, 1),
    date(2023, 8, 14),
]
KINDS = [f"{name}{variant}" for name in PERSONAS for variant in ("", "-00017")]


def record(service, customer_id, as_of=DATES[0], currency="USD", months=6):
    return RECORDS[service](find(customer_id), SourceRequest(customer_id, as_of, currency, months))


@pytest.mark.parametrize("as_of", DATES, ids=str)
def test_every_document_is_one_that_a_client_takes(as_of):
    for service, customer_id in product(RECORDS, KINDS):
        document = record(service, customer_id, as_of)
        if document is not None:
            assert parse_document(service, type(document), document.model_dump_json().encode()) == document


@pytest.mark.parametrize("as_of", DATES, ids=str)
def test_statements_reconcile_and_lie_in_their_period(as_of):
    for customer_id in KINDS:
        statements = record(Service.STATEMENTS, customer_id, as_of)
        assert statements.period_start == month_start(as_of, min(6, find(customer_id).months))
        assert statements.period_end == as_of
        assert [line.line_no for line in statements.lines] == list(range(len(statements.lines)))
        amounts = accumulate([statements.opening_balance, *(line.amount for line in statements.lines)])
        assert [line.balance for line in statements.lines] == list(amounts)[1:]
        days = [statements.period_start, *(line.booked_on for line in statements.lines), as_of]
        assert days == sorted(days)


@pytest.mark.parametrize("as_of", DATES, ids=str)
def test_nothing_lies_after_the_date_it_is_told_on(as_of):
    for service, customer_id in product(RECORDS, KINDS):
        document = record(service, customer_id, as_of)
        for _, row in document.rows() if document else ():
            assert all(value <= as_of for value in row.values() if isinstance(value, date))


def test_an_answer_is_the_same_every_time():
    assert all(record(service, "good-00017") == record(service, "good-00017") for service in RECORDS)


def test_variants_are_the_same_kind_with_differences():
    first, second = (record(Service.STATEMENTS, name) for name in ("good-1", "good-2"))
    assert [line.category for line in first.lines] == [line.category for line in second.lines]
    assert first.opening_balance != second.opening_balance
    people = {record(Service.USERS, f"good-{number:05}").identity_document for number in range(1000)}
    assert len(people) > 990


def test_two_dates_of_one_month_see_one_past():
    early, late = (record(Service.STATEMENTS, "good", date(2024, 2, day)) for day in (10, 29))
    assert late.lines[: len(early.lines)] == early.lines
    assert len(late.lines) > len(early.lines)


@pytest.mark.parametrize(
    ("customer_id", "kind"),
    [("good", "good"), ("good-00017", "good"), ("good-company", "good-company"), ("good-company-3", "good-company")],
)
def test_a_variant_s_id_ends_in_a_number(customer_id, kind):
    assert find(customer_id) is PERSONAS[kind]


@pytest.mark.parametrize("customer_id", ["nobody", "good-", "good-x", "good-1-2", "Good", "good17", "", "good-1\n"])
def test_other_ids_are_nobody(customer_id):
    assert find(customer_id) is None


@pytest.mark.parametrize(("currency", "unit"), [("USD", 100), ("JPY", 100), ("KWD", 1000)])
def test_amounts_are_of_the_currency_s_size(currency, unit):
    statements = record(Service.STATEMENTS, "good", currency=currency)
    salaries = [line.amount for line in statements.lines if line.category is LineCategory.INCOME]
    assert all(4500 * unit < salary < 5100 * unit for salary in salaries)


class TestTable:
    def test_ids_are_unique_and_can_be_applied_for(self):
        assert len(PERSONAS) == len(TABLE)
        for persona in TABLE:
            ApplicationRequest(customer_id=f"{persona.id}-00001", amount="2500.00", currency="USD")

    def test_an_approval_has_no_reason_and_anything_else_has_one(self):
        for persona in TABLE:
            assert persona.special
            assert bool(persona.reason) == (persona.verdict is not Verdict.APPROVED), persona.id


class TestWhatIsSpecial:
    """Each by its value, on a leap day."""

    def test_good_never_goes_below_zero(self):
        for number in range(30):
            statements = record(Service.STATEMENTS, f"good-{number:05}", months=7)
            assert min(line.balance for line in statements.lines) > 0

    def test_the_underage_has_no_eighteenth_birthday_yet(self):
        for as_of in DATES:
            born = record(Service.USERS, "underage", as_of).birth_date
            assert (as_of.year - born.year) < 18

    def test_the_overdrawn_is_below_zero_every_month(self):
        lines = record(Service.STATEMENTS, "overdrawn").lines
        assert {line.booked_on.month for line in lines if line.balance < 0} == {8, 9, 10, 11, 12, 1, 2}

    def test_the_new_account_has_less_than_two_months(self):
        statements = record(Service.STATEMENTS, "new-account")
        assert (statements.period_start, statements.period_end) == (date(2024, 1, 1), date(2024, 2, 29))

    def test_two_of_three_months_end_almost_empty(self):
        ends = {}
        for line in record(Service.STATEMENTS, "unstable-balances", date(2024, 3, 1)).lines:
            ends[month_start(line.booked_on, 0)] = line.balance
        levels = list(ends.values())[:6]
        assert [level > 3000_00 for level in levels] == [False, False, True] * 2
        assert all(0 < level < 1000_00 for level in levels[::3] + levels[1::3])

    def test_returned_payments_come_every_month(self):
        lines = record(Service.STATEMENTS, "returned-payments").lines
        assert sum(line.category is LineCategory.RETURNED for line in lines) == 7

    def test_the_listed_has_the_name_and_the_birth_date_of_the_list(self):
        person = record(Service.USERS, "listed")
        assert (person.family_name, person.birth_date) == ("Bout", date(1967, 1, 13))

    def test_companies_have_accounts_and_a_place_in_the_register(self):
        assert record(Service.USERS, "good-company").company_number == "CO-good-company"
        assert record(Service.REGISTRY, "dissolved-company").status is CompanyStatus.DISSOLVED
        assert [year.profit < 0 for year in record(Service.ACCOUNTS, "loss-making").years] == [True] * 3
        assert record(Service.ACCOUNTS, "good") is None
        assert record(Service.REGISTRY, "good") is None

    def test_the_bureau_s_kinds(self):
        assert record(Service.BUREAU, "thin-file").score is None
        assert record(Service.BUREAU, "frozen-file").file_status is FileStatus.FROZEN
        assert [alert.kind for alert in record(Service.BUREAU, "fraud-alert").alerts] == [AlertKind.FRAUD_ALERT]
        assert record(Service.BUREAU, "excluded-score").score == 4
        assert record(Service.BUREAU, "low-score").score < 500
        assert "insolvency" in [event.kind for event in record(Service.BUREAU, "insolvent").events]

    def test_the_late_payer_paid_late_and_the_good_did_not(self):
        late = [entry.paid_on - entry.due_on for entry in record(Service.PAYMENTS, "late-payer").instalments]
        assert late.count(timedelta(days=45)) == 4
        assert all(entry.paid_on == entry.due_on for entry in record(Service.PAYMENTS, "good").instalments)

    def test_many_loans_are_open(self):
        statuses = [loan.status for loan in record(Service.LOANS, "many-loans").loans]
        assert statuses.count(LoanStatus.OPEN) == 6
