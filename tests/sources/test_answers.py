"""What is taken as an answer, and how a refusal names the place and keeps quiet about the value."""

import json
import traceback
from contextlib import suppress
from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.applicants import PERSON

from underwriting.domain.documents import (
    DOCUMENTS,
    BankStatements,
    CreditReport,
    Exposure,
    FinancialStatements,
    FraudReport,
    OngoingLoans,
    PaymentHistory,
    Person,
)
from underwriting.domain.histories import FloatHistory, Scores, Subscription
from underwriting.integrations.errors import MalformedAnswer
from underwriting.sources.answers import LARGE_BYTES, parse_document, read_document

CANARY = "Quetzalcoatl"
TOMORROW = (datetime.now(UTC).date() + timedelta(days=1)).isoformat()
YEAR = {"period_end": "2024-12-31", "revenue": 1, "profit": -1, "operating_cash_flow": 1, "debt_service": 0}
DEEP = b"[" * 400 + b"]" * 400
LINE = {"line_no": 0, "booked_on": "2024-02-29", "amount": -100, "balance": 0, "category": "spending"}


NO_ENTRIES = {
    "bureau": "B", "reported_on": "2024-02-29", "file_status": "no_hit",
    "alerts": [], "key_factors": [], "liabilities": [], "events": [],
}  # fmt: skip


def statements(**changes: object) -> bytes:
    good = {"currency": "USD", "period_start": "2024-02-01", "period_end": "2024-02-29", "opening_balance": 100}
    return json.dumps(good | {"lines": [LINE]} | changes).encode()


def person(**changes: object) -> bytes:
    return json.dumps(json.loads(PERSON.model_dump_json()) | changes).encode()


def credit_report(**changes: object) -> bytes:
    return json.dumps({"currency": "USD", **NO_ENTRIES} | changes).encode()


def refusal(model: type, body: bytes, currency: str | None = "USD") -> str:
    with pytest.raises(MalformedAnswer) as caught:
        parse_document("source", model, body, currency)
    shown = "".join(traceback.format_exception(caught.value))
    assert CANARY not in shown
    assert caught.value.__context__ is None
    return caught.value.why


def test_a_good_answer_becomes_its_document():
    document = parse_document("source", BankStatements, statements(), "USD")
    assert document.period_end == date(2024, 2, 29)
    assert [(line.amount, line.balance) for line in document.lines] == [(-100, 0)]


def test_members_that_we_do_not_know_are_left_out():
    assert (
        parse_document("source", Exposure, b'{"currency": "USD", "outstanding": 0, "new": [1]}', "USD").outstanding == 0
    )


@pytest.mark.parametrize(
    ("model", "body", "why"),
    [
        (Exposure, b"", "not JSON at line 1, column 1"),
        (Exposure, b"<html>Quetzalcoatl</html>", "not JSON at line 1, column 1"),
        (Exposure, b'{"currency": "USD",\n "outstanding": Quetzalcoatl}', "not JSON at line 2, column 17"),
        (Exposure, b'{"currency": "USD", "outstanding": 1} {}', "not JSON at line 1, column 39"),
        (Exposure, b"[" * 100_000, "nested too deeply"),
        (Exposure, b'{"a": ' * 100_000, "nested too deeply"),
        (Exposure, b'{"currency": "USD", "outstanding": 1, "x": ' + DEEP + b"}", "the answer: json_invalid"),
        (Exposure, b'{"currency": "USD", "outstanding": ' + b"9" * 5000 + b"}", "a number is too long"),
        (Exposure, b'{"currency": "USD", "outstanding": 1, "x": "\xff"}', "not UTF-8"),
        (Exposure, '{"currency": "USD", "outstanding": 1}'.encode("utf-16"), "not UTF-8"),
        (Exposure, b'\xef\xbb\xbf{"currency": "USD", "outstanding": 1}', "not JSON at line 1, column 1"),
        (Exposure, b'{"currency": "USD", "outstanding": 1, "outstanding": 2}', "an object names a member twice"),
        (Exposure, b'{"currency": "USD", "outstanding": NaN}', "NaN and Infinity are not JSON"),
        (FraudReport, b'{"device_risk": NaN}', "NaN and Infinity are not JSON"),
        (FraudReport, b'{"device_risk": -Infinity}', "NaN and Infinity are not JSON"),
        (FraudReport, b'{"device_risk": 1e999}', "device_risk: finite_number"),
        (FraudReport, b'{"device_risk": 1.01}', "device_risk: less_than_equal"),
        (FraudReport, b'{"identity_consistent": "yes"}', "identity_consistent: bool_type"),
        (FraudReport, b'{"applications_30d": 1.0}', "applications_30d: int_type"),
        (Exposure, b"null", "the answer: model_type"),
        (Exposure, b"[]", "the answer: model_type"),
        (Exposure, b"{}", "currency: missing (and 1 more)"),
        (Exposure, b'{"currency": "USD", "outstanding": "Quetzalcoatl"}', "outstanding: int_type"),
        (Exposure, b'{"currency": "USD", "outstanding": 1.5}', "outstanding: int_type"),
        (Exposure, b'{"currency": "USD", "outstanding": -1}', "outstanding: greater_than_equal"),
        (Exposure, b'{"currency": "USD", "outstanding": 1000000000001}', "outstanding: less_than_equal"),
        (Exposure, b'{"currency": "EUR", "outstanding": 1}', "currency is not the one asked for"),
        (Exposure, b'{"currency": "QQQ", "outstanding": 1}', "currency: value_error"),
        (Person, person(given_name=["Quetzalcoatl"]), "given_name: string_type"),
        (Person, person(birth_date=0), "birth_date: date_type"),
        (Person, person(birth_date="Quetzalcoatl"), "birth_date: date_parsing"),
        (Person, b'{"given_name": "\\ud800 Quetzalcoatl"}', "the answer: json_invalid"),
        (BankStatements, statements(period_end="2023-02-29"), "period_end: date_parsing"),
        (BankStatements, statements(lines=[LINE, LINE | {"amount": CANARY}]), "lines.1.amount: int_type"),
        (BankStatements, statements(lines=[LINE | {"category": CANARY}]), "lines.0.category: enum"),
        (BankStatements, statements(lines={}), "lines: tuple_type"),
        (FinancialStatements, json.dumps({"currency": "USD", "years": [YEAR | {"revenue": -1}]}).encode(),
         "years.0.revenue: greater_than_equal"),
        (CreditReport, credit_report(score=100_000), "score: less_than_equal"),
        (CreditReport, credit_report(score=True), "score: int_type"),
        (CreditReport, credit_report(file_status="FROZEN"), "file_status: enum"),
        (CreditReport, b'{"currency":"USD","status":"FROZEN","score":null}', "bureau: missing (and 6 more)"),
        (CreditReport, b'{"currency":"USD","score":700,"deceased":true,"events":[]}', "bureau: missing (and 5 more)"),
    ],
)  # fmt: skip
def test_a_malformed_answer_is_refused_by_place_and_rule(model, body, why):
    assert refusal(model, body, None if model in {FraudReport, Person} else "USD") == why


@pytest.mark.parametrize(
    ("model", "list_member", "rest"),
    [
        (BankStatements, "lines", {"period_start": "2024-02-01", "period_end": "2024-02-29", "opening_balance": 0}),
        (FinancialStatements, "years", {}),
        (OngoingLoans, "loans", {}),
        (PaymentHistory, "instalments", {"write_offs": 0}),
        (Subscription, "renewals", {}),
        (FloatHistory, "floats", {}),
        (Scores, "cash_advance", {"key_factors": []}),
        (Scores, "key_factors", {"cash_advance": []}),
        *((CreditReport, name, NO_ENTRIES) for name in ("alerts", "key_factors", "liabilities", "events")),
    ],
)
def test_a_missing_list_is_malformed_and_an_empty_one_means_none(model, list_member, rest):
    given = {"currency": "USD", **rest}
    given.pop(list_member, None)
    assert refusal(model, json.dumps(given).encode()) == f"{list_member}: missing"
    empty = parse_document("source", model, json.dumps(given | {list_member: []}).encode(), "USD")
    assert getattr(empty, list_member) == ()


@pytest.mark.parametrize("member", ["error", "errors", "error_code", "errorMessage", "Error", "fault"])
@pytest.mark.parametrize("model", [FloatHistory, OngoingLoans, FraudReport])
def test_an_answer_that_reports_an_error_is_refused_whatever_else_it_says(model, member):
    body = {"currency": "USD", "floats": [], "loans": []}
    why = f"the answer reports a failure in its member {member}"
    assert refusal(model, json.dumps(body | {member: CANARY}).encode()) == why
    assert parse_document("source", model, json.dumps(body | {member: None}).encode(), "USD")


@pytest.mark.parametrize(
    ("member", "said", "why"),
    [
        ("success", False, "the answer reports a failure in its member success"),
        ("success", True, None),
        ("ok", False, "the answer reports a failure in its member ok"),
        ("ok", None, None),
        ("has_more", True, "the answer is not complete, by its member has_more"),
        ("hasMore", False, None),
        ("next_cursor", "abc", "the answer is not complete, by its member next_cursor"),
        ("next_cursor", None, None),
        ("partial", True, "the answer is not complete, by its member partial"),
        ("status", "error", "the answer reports a failure in its member status"),
        ("Status", "FAILED", "the answer reports a failure in its member Status"),
        ("status", "ok", None),
        ("statusCode", 399, None),
        ("statusCode", 400, "the answer reports a failure in its member statusCode"),
        ("http-status", "503", "the answer reports a failure in its member http-status"),
        ("code", 599, "the answer reports a failure in its member code"),
        ("code", 600, None),
        ("result", None, None),
        ("note", "ours alone", None),
    ],
)
def test_a_list_that_is_not_all_is_no_answer(member, said, why):
    body = json.dumps({"currency": "USD", "loans": [], member: said}).encode()
    if why:
        assert refusal(OngoingLoans, body) == why
    else:
        assert parse_document("source", OngoingLoans, body, "USD").loans == ()


def test_a_person_s_missing_member_is_malformed_and_null_says_that_it_is_not_on_file():
    for name in ("given_name", "family_name", "birth_date", "identity_document", "street", "company_number"):
        body = json.loads(PERSON.model_dump_json())
        assert parse_document("source", Person, json.dumps(body | {name: None}).encode())
        del body[name]
        assert refusal(Person, json.dumps(body).encode(), None) == f"{name}: missing"


@pytest.mark.parametrize("place", ["period_start", "period_end"])
def test_a_date_in_the_future_is_refused(place):
    assert refusal(BankStatements, statements(**{place: TOMORROW})).startswith(f"{place}: ")
    assert refusal(BankStatements, statements(lines=[LINE | {"booked_on": TOMORROW}])).startswith("lines.0.booked_on: ")


async def test_a_large_answer_is_judged_like_a_small_one():
    lines = [LINE | {"line_no": number} for number in range(3000)]
    body = statements(lines=lines)
    assert len(body) > LARGE_BYTES
    assert len((await read_document("source", BankStatements, body, "USD")).lines) == 3000
    with pytest.raises(MalformedAnswer, match=r"lines\.3000\.line_no: int_type"):
        await read_document("source", BankStatements, statements(lines=[*lines, LINE | {"line_no": None}]), "USD")


@given(st.sampled_from(DOCUMENTS), st.one_of(st.binary(), st.text().map(str.encode)))
def test_no_bytes_lead_to_another_error(model, body):
    with suppress(MalformedAnswer):
        parse_document("source", model, body)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=10,
)


@given(st.sampled_from(DOCUMENTS), st.data())
def test_no_json_leads_to_another_error(model, data):
    body = {name: data.draw(JSON) for name in model.model_fields if data.draw(st.booleans())}
    with suppress(MalformedAnswer):
        parse_document("source", model, json.dumps(body).encode())
