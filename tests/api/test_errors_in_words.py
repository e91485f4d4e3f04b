"""Every wrong request is answered in the words of the partner who sent it: where, what is wrong, what to write."""

import json
import re
from collections.abc import Iterator
from copy import deepcopy
from typing import Any

import httpx
import pytest
from joserfc import jws
from ulid import ULID

from underwriting.api.app import create_app
from underwriting.settings import Settings

DESCRIPTION: dict[str, Any] = create_app(Settings()).openapi()
SCOPES = (
    "applications:write applications:read applications:backdate referrals:decide events:write"
    " eligibility:check eligibility:read profiles:read profiles:write"
    " notices:read notices:write list_matches:read list_matches:write"
)
IDS = {
    "application_id": f"app_{ULID()}",
    "evaluation_id": f"evl_{ULID()}",
    "subject_id": f"app_{ULID()}",
    "user_id": "ada",
}
OPERATIONS = [(method, path) for path, operations in DESCRIPTION["paths"].items() for method in operations]
# One value of each kind that JSON has, and texts that are nearly a day, a moment, a number, an id.
VALUES: list[Any] = [
    None, True, 0, -1, 5, 1.5, 10**30, "", "x", "x" * 3000, "-1", "0,43", "2026-13-45", "2026-03-02T09:30:00", "ä b",
    "\x00", "ab\x00c", "2026-03-02~\x00", "0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-14:00", "0001-01-01",
    "9999-12-31", "-0001-01-01", 2**63, [], ["x"], [None], [1] * 9, {}, {"a": 1},
]  # fmt: skip
# A request that is right, by its schema; each test makes one thing in it wrong.
GOOD: dict[str, dict[str, Any]] = {
    "ApplicationRequest": {
        "customer_id": "ada",
        "product": "loan",
        "amount": "2500.00",
        "currency": "USD",
        "term_months": 12,
        "as_of": "2026-03-02",
        "bureau_consent": {"purpose": "credit_transaction", "consented_at": "2026-03-02T09:30:00Z"},
    },
    "StaffDecision": {"verdict": "rejected", "note": "no payslips", "reasons": ["income_low"], "clears_match": False},
    "EvaluationDecision": {"verdict": "approved", "note": "payslips seen", "up_to": "20.00", "reasons": []},
    "CustomerAnswer": {"answer": "supplied"},
    "Change": {"enabled": ["1"], "paused": ["loan"], "reason": "goodwill", "notes": "called"},
    "TemporaryChange": {"enabled": ["1"], "reason": "goodwill", "expires_on": "2099-01-01T00:00:00Z"},
    "WasSent": {"how": "letter", "sent_at": "2026-03-02T09:30:00Z"},
    "Clearance": {"note": "born elsewhere"},
    "EventReport": {
        "source": "float.service",
        "id": "evt-1",
        "type": "user_float_created",
        "user_id": "ada",
        "at": "2026-03-02T09:30:00Z",
        "payload": {"evaluation_id": f"evl_{ULID()}", "float_id": "flt-1"},
    },
}
# What no id in a path can be.
STRANGE = ("%00", "a%00b", "%ff", "%ed%a0%80", "9" * 400, "-1", "%2e%2e", "a%0ab", "%F0%9F%A6%84")
# A message that lists everything is read by nobody.
LONGEST = 250
NOT_OURS = re.compile(
    r"Input|String|Field|Value|Extra|value_error|\bvalid |pattern|regular|timezone|dictionary|instance|JSON decode"
    r"|attribute|tuple|frozenset|Decimal|unable to|pars(e|ing)|[<>^$]|enum|None|True|False|\bmodel|\bdatetime"
)


def wrong_bodies(good: dict[str, Any]) -> Iterator[Any]:
    """The body itself of each kind, and each of its members missing, of each kind, and with another one beside it."""
    yield from VALUES
    places = [(name,) for name in good]
    places += [(name, below) for name, value in good.items() if isinstance(value, dict) for below in value]
    for *around, name in places:
        for value in [..., *VALUES]:
            body = deepcopy(good)
            part = body
            for step in around:
                part = part[step]
            if value is ...:
                del part[name]
            else:
                part[name] = value
            yield body
    yield {**good, "surprise": 1}
    yield {**good, **{name: {**value, "surprise": 1} for name, value in good.items() if isinstance(value, dict)}}


def calls(method: str, path: str) -> Iterator[dict[str, Any]]:
    """Requests with one thing wrong each."""
    operation, ours = DESCRIPTION["paths"][path][method], {"idempotency-key": str(ULID())}
    for each in operation.get("parameters", ()):
        for value in VALUES:
            if each["in"] == "query":
                yield {"params": {each["name"]: str(value)}, "headers": ours}
                yield {"params": {each["name"] + "s": str(value)}, "headers": ours}
            elif each["in"] == "header" and isinstance(value, str) and value.isascii() and "\x00" not in value:
                yield {"headers": ours | {each["name"]: value}}
    if "requestBody" in operation:
        schema = operation["requestBody"]["content"]["application/json"]["schema"]["$ref"].rpartition("/")[2]
        for body in wrong_bodies(GOOD[schema]):
            yield {"json": body, "headers": ours}
        for text in (b"", b'{"note": ', b"{'a': 1}", b'{"a": 1,}', b"\xff"):
            yield {"content": text, "headers": ours | {"Content-Type": "application/json"}}
        yield {"content": b"{}", "headers": ours | {"Content-Type": "text/plain"}}


@pytest.fixture
def partner(api: httpx.AsyncClient, token) -> httpx.AsyncClient:
    api.headers["Authorization"] = f"Bearer {token(scope=SCOPES)}"
    return api


@pytest.mark.parametrize(("method", "path"), OPERATIONS)
async def test_what_is_wrong_is_said_in_the_partners_words(partner, books, method, path):
    address = path.format(**IDS)
    for call in calls(method, path):
        answer = await partner.request(method, address, **call)
        if answer.is_success or answer.status_code in {403, 404, 409}:
            continue
        error = answer.json()
        assert answer.status_code in {400, 422}, (call, error)
        assert not NOT_OURS.search(error["message"]), (call, error)
        for problem in error["problems"]:
            assert re.match(r"(body|query|header)\b", problem["place"]), (call, error)
            assert len(problem["message"]) < LONGEST, (call, error)


@pytest.mark.parametrize(("method", "path"), OPERATIONS)
async def test_an_unknown_member_of_the_query_is_refused_and_the_known_ones_are_named(partner, method, path):
    body = DESCRIPTION["paths"][path][method].get("requestBody")
    schema = body and body["content"]["application/json"]["schema"]["$ref"].rpartition("/")[2]
    known = [each["name"] for each in DESCRIPTION["paths"][path][method].get("parameters", ()) if each["in"] == "query"]
    call = {"json": GOOD.get(schema), "headers": {"Idempotency-Key": str(ULID())}, "params": {"limt": "5", "x y": "1"}}
    refused = await partner.request(method, path.format(**IDS), **call)
    assert (refused.status_code, refused.json()["error_code"]) == (422, "INVALID_REQUEST")
    told = {problem["place"]: problem["message"] for problem in refused.json()["problems"]}
    assert set(told) == {"query.limt", "query.x y"}
    assert all(name in told["query.limt"] for name in known)


async def test_all_of_a_query_is_refused_at_once(partner):
    query = {"product": "car", "foo": "1", "callback_url": "x" * 2001}
    refused = await partner.get("/v1/steady-pay/underwriting/eligibility", params=query)
    assert {problem["place"]: problem["message"] for problem in refused.json()["problems"]} == {
        "query.product": "is not possible here; write float, loan or all",
        "query.callback_url": "is too long; write text of at most 2000 characters such as "
        "https://hooks.partner.example/eligibility",
        "query.foo": "there is no such member; there are callback_url and product",
    }


@pytest.mark.parametrize(("method", "path"), OPERATIONS)
async def test_the_example_of_a_body_is_taken(partner, books, method, path):
    body = DESCRIPTION["paths"][path][method].get("requestBody")
    if body is None:
        return
    schema = body["content"]["application/json"]["schema"]["$ref"].rpartition("/")[2]
    (example,) = DESCRIPTION["components"]["schemas"][schema]["examples"]
    headers = {"Idempotency-Key": str(ULID())}
    answer = await partner.request(method, path.format(**IDS), json=example, headers=headers)
    # There is nobody of these ids.
    assert answer.is_success or answer.status_code == 404, answer.text


async def test_without_a_token_nobody_is_told_about_the_query(api):
    del api.headers["Authorization"]
    assert (await api.get("/v1/applications?limt=5")).status_code == 401


@pytest.mark.parametrize("method", ["GET", "DELETE"])
async def test_an_address_that_is_not_there_says_what_is(partner, method):
    missing = await partner.request(method, "/v1/aplications")
    assert (missing.status_code, missing.json()["code"]) == (404, "NOT_FOUND")
    assert "/docs" in missing.json()["message"]
    other = await partner.delete("/v1/applications")
    assert other.status_code == 405
    assert other.headers["Allow"] in other.json()["message"]


@pytest.mark.parametrize(("method", "path"), OPERATIONS)
async def test_no_id_in_a_path_is_an_error_of_ours(partner, method, path):
    headers = {"Idempotency-Key": str(ULID())}
    for name in (each for each in IDS if f"{{{each}}}" in path):
        for value in STRANGE:
            answer = await partner.request(method, path.format(**IDS | {name: value}), headers=headers)
            assert answer.status_code in {404, 405, 422}, (value, answer.text)


@pytest.mark.parametrize(
    ("claims", "status"),
    [
        ({"exp": 10**400}, 401),
        ({"exp": float("inf")}, 401),
        ({"exp": -(10**400)}, 401),
        ({"nbf": 10**400}, 401),
        ({"iat": 10**400}, 401),
        ({"tenant": "a\x00b"}, 401),
        ({"tenant": "\ud800"}, 401),
        ({"sub": "a\x00b"}, 401),
        ({"sub": "\ud800"}, 401),
        ({"sub": "\x1b[2J"}, 401),
        ({"sub": "x" * 5_000}, 404),
        ({"scope": "a\x00b"}, 403),
        ({"scope": SCOPES + " \ud800"}, 404),
    ],
)
async def test_no_claim_is_an_error_of_ours(api, issuer, claims, status):
    """A decision stores the tenant and the subject, if there is something to decide."""
    decision = f"/v1/applications/{IDS['application_id']}/decision"
    rest = {"iss": "underwriting", "aud": "underwriting-api", "sub": "ann", "exp": 4_102_444_800, "tenant": "acme"}
    # Encoded by the test itself: a surrogate only exists as the escape of JSON.
    signed = jws.serialize_compact({"alg": "ES256"}, json.dumps(rest | {"scope": SCOPES} | claims), issuer)
    headers = {"Authorization": f"Bearer {signed}"}
    answer = await api.post(decision, json=GOOD["StaffDecision"], headers=headers)
    assert answer.status_code == status, answer.text
    headers |= {"Idempotency-Key": "k"}
    today = GOOD["ApplicationRequest"] | {"as_of": None}
    applied = await api.post("/v1/applications", json=today, headers=headers)
    assert applied.status_code == (status if status != 404 else 202), applied.text


async def test_a_moment_at_the_edge_of_the_calendar_is_refused(partner):
    headers = {"Idempotency-Key": "k"}
    for moment in ("0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-14:00"):
        event = GOOD["EventReport"] | {"at": moment}
        consent = {"purpose": "credit_transaction", "consented_at": moment}
        application = GOOD["ApplicationRequest"] | {"bureau_consent": consent}
        for path, body, place in (
            ("/v1/events", event, "body.at"),
            ("/v1/applications", application, "body.bureau_consent.consented_at"),
        ):
            answer = await partner.post(path, json=body, headers=headers)
            assert answer.status_code == 422, answer.text
            assert [problem["place"] for problem in answer.json()["problems"]] == [place]


async def test_a_key_in_an_event_has_no_control_characters(partner):
    application = {"customer_id": "ada", "amount": "2500.00", "currency": "USD"}
    payload = {"application": application, "idempotency_key": "a\x00b"}
    event = GOOD["EventReport"] | {"type": "application_submitted", "user_id": None, "payload": payload}
    answer = await partner.post("/v1/events", json=event)
    assert answer.status_code == 422
    assert [problem["place"] for problem in answer.json()["problems"]] == ["body.payload.idempotency_key"]


async def refused(partner: httpx.AsyncClient, method: str, path: str, body: Any) -> dict[str, str]:
    """What is said of a body, by place."""
    ours = {"Idempotency-Key": str(ULID())}
    answer = await partner.request(method, path.format(**IDS), json=body, headers=ours)
    assert answer.status_code == 422, answer.text
    return {problem["place"]: problem["message"] for problem in answer.json()["problems"]}


LOAN = {"customer_id": "ada", "amount": "2500.00", "currency": "USD"}
SENT = "/v1/notices/{subject_id}/sent"
PROFILE = "/v1/{user_id}/underwriting/float_profile"


@pytest.mark.parametrize(
    ("method", "path", "body", "places"),
    [
        (
            "POST",
            "/v1/applications",
            {**LOAN, "amount": "0.00", "currency": "usd", "x": 1, "as_of": 5},
            {"body.amount", "body.currency", "body.x", "body.as_of"},
        ),
        ("POST", "/v1/applications", {**LOAN, "amount": "0.001", "x": 1}, {"body.amount", "body.x"}),
        ("PUT", PROFILE, {"enabled": ["99"], "reason": "X", "x": 1}, {"body.enabled", "body.reason", "body.x"}),
        (
            "PUT",
            f"{PROFILE}/temporary",
            {"enabled": ["99"], "reason": "X", "expires_on": "2020-01-01T00:00:00Z"},
            {"body.enabled", "body.reason", "body.expires_on"},
        ),
        (
            "POST",
            "/v1/applications/{application_id}/decision",
            {"verdict": "approved", "note": "", "reasons": ["income_low"]},
            {"body.note", "body.reasons"},
        ),
        (
            "POST",
            "/v1/{user_id}/underwriting/evaluations/{evaluation_id}/decision",
            {"verdict": "rejected", "note": "x", "up_to": "5", "clears_match": True},
            {"body.note", "body.reasons", "body.up_to", "body.clears_match"},
        ),
        (
            "POST",
            "/v1/events",
            {"source": "a", "id": "1", "type": "user_float_created", "at": 5, "payload": {"float_id": []}},
            {"body.at", "body.user_id", "body.payload.evaluation_id", "body.payload.float_id"},
        ),
        ("POST", SENT, {"how": "", "sent_at": 5, "x": 1}, {"body.how", "body.sent_at", "body.x"}),
    ],
)  # fmt: skip
async def test_everything_that_is_wrong_with_a_request_is_said_at_once(partner, books, method, path, body, places):
    assert set(await refused(partner, method, path, body)) == places


NO_MOMENTS: list[Any] = [5, 1.5, True, 1_767_225_600, "1767225600", "20260630", " 5 ", ""]


@pytest.mark.parametrize("value", NO_MOMENTS)
async def test_a_number_is_neither_a_day_nor_a_moment(partner, books, value):
    moment, day = ("write a moment with its time zone, such as 2026-06-30T14:05:00Z", "write a day such as 2026-06-30")
    request = GOOD["ApplicationRequest"]
    told = await refused(partner, "POST", "/v1/applications", {**request, "as_of": value})
    assert told["body.as_of"].endswith(day)
    consent = {**request["bureau_consent"], "consented_at": value}
    told = await refused(partner, "POST", "/v1/applications", {**request, "bureau_consent": consent})
    assert told["body.bureau_consent.consented_at"].endswith(moment)
    told = await refused(partner, "POST", "/v1/events", {**GOOD["EventReport"], "at": value})
    assert told["body.at"].endswith(moment)
    submitted = {
        **GOOD["EventReport"],
        "type": "application_submitted",
        "payload": {"application": {**request, "as_of": value}},
    }
    told = await refused(partner, "POST", "/v1/events", submitted)
    assert told["body.payload.application.as_of"].endswith(day)
    told = await refused(partner, "POST", "/v1/notices/{subject_id}/sent", {"how": "letter", "sent_at": value})
    assert told["body.sent_at"].endswith(moment)
    told = await refused(partner, "PUT", f"{PROFILE}/temporary", {**GOOD["TemporaryChange"], "expires_on": value})
    assert told["body.expires_on"].endswith(moment)
    asked = await partner.get("/v1/notices", params={"until": str(value)})
    assert (asked.status_code, asked.json()["problems"][0]["place"]) == (422, "query.until")


async def test_true_is_no_whole_number(partner, books):
    told = await refused(partner, "POST", "/v1/applications", {**GOOD["ApplicationRequest"], "term_months": True})
    assert told == {"body.term_months": "is true or false; write a whole number from 1 to 120"}


@pytest.mark.parametrize(
    ("text", "where"), [(b'{"note": ', "line 1, column 10"), (b'{\n  "a": 1,\n  b: 2}', "line 3, column 3")]
)
async def test_where_a_body_is_no_json_is_said_with_an_example(partner, text, where):
    ours = {"Idempotency-Key": str(ULID()), "Content-Type": "application/json"}
    answer = await partner.post("/v1/applications", content=text, headers=ours)
    (problem,) = answer.json()["problems"]
    assert problem["message"].startswith(f"is no JSON at {where}; write an object")
    example = problem["message"].partition("such as ")[2]
    assert json.loads(example)["customer_id"] == "good"


@pytest.mark.parametrize("body", [[], ["x"], [{}]])
async def test_a_list_is_called_a_list_whatever_is_in_it(partner, body):
    told = await refused(partner, "POST", "/v1/applications", body)
    assert told["body"].startswith("is a list; write an object such as {")


async def test_a_missing_key_hides_nothing_else_that_is_wrong(partner, books):
    answer = await partner.post("/v1/applications", json={"customer_id": "ada", "amount": "x", "currency": "USD"})
    assert (answer.status_code, answer.json()["error_code"]) == (400, "IDEMPOTENCY_KEY_MISSING")
    assert [problem["place"] for problem in answer.json()["problems"]] == ["body.amount"]
    assert "; body.amount" not in answer.json()["message"]
    assert "body.amount: " in answer.json()["message"]
