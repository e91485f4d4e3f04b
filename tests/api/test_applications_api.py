"""One application per key, one tenant's data per token, one shape for every error."""

import asyncio
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from typing import Any

import httpx
import pytest
import time_machine
from support.reviews import rows

from rules.prescreening.book import shipped_rulebooks
from underwriting import rulebook_cache
from underwriting.domain.decision import CheckResult, Decision, Outcome, Reason, Result, RulebookRef, Verdict
from underwriting.store import claims, decisions, rulebooks
from underwriting.store.errors import StoreUnreachable
from underwriting.store.kinds import APPLICATIONS
from underwriting.store.session import Store

WANTED: dict[str, Any] = {"customer_id": "good", "amount": "2500.00", "currency": "USD"}
BOOK = RulebookRef(name="prescreening", version=1, digest="0" * 64)
SCORE = Reason(code="credit_score_low", sentence="Your credit score is below our minimum.")


async def apply(api: httpx.AsyncClient, key: str = "k", **changes: Any) -> httpx.Response:
    return await api.post("/v1/applications", json=WANTED | changes, headers={"Idempotency-Key": key})


async def review(store: Store, application_id: str, verdict: Verdict) -> None:
    """What the review flow does to the store, with a verdict of the test's own."""
    outcome = Outcome(rule="CreditScore", result=Result.FAIL, reason=SCORE, observed={"credit_score": 480})
    decision = Decision(verdict=verdict, reasons=(SCORE,), rulebook=BOOK, decided_at=datetime.now(UTC))
    async with store.begin() as work:
        claim = await claims.claim(work, APPLICATIONS, application_id, "run", timedelta(seconds=30), 5)
        assert claim is not None
        result = CheckResult(check="credit_report", outcomes=(outcome,))
        await decisions.finish(work, claim, [result], decision, {"acme"})


async def test_an_application_is_accepted_and_can_be_polled_also_while_prefect_is_away(api: httpx.AsyncClient) -> None:
    accepted = await apply(api)
    assert accepted.status_code == 202
    assert accepted.headers["Retry-After"]
    polled = await api.get(accepted.headers["Location"])
    assert polled.status_code == 200
    assert polled.content == accepted.content
    assert polled.json()["state"] == "pending"
    assert polled.json()["amount"] == "2500.00"


async def test_a_retry_is_the_same_request_and_a_decided_one_is_replayed_byte_for_byte(
    api: httpx.AsyncClient, api_store: Store
) -> None:
    first = await apply(api)
    again = await apply(api)
    assert (again.status_code, again.json()["id"]) == (202, first.json()["id"])
    assert again.headers["Idempotent-Replayed"] == "true"
    await review(api_store, first.json()["id"], Verdict.REJECTED)
    replays = [await apply(api) for _ in range(20)]
    assert {replay.status_code for replay in replays} == {200}
    assert len({replay.content for replay in replays}) == 1
    assert replays[0].content == (await api.get(first.headers["Location"])).content
    assert replays[0].json()["reasons"] == [SCORE.model_dump()]


async def test_a_retry_after_the_rulebook_ended_is_the_same_request(
    api: httpx.AsyncClient, api_store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rulebook_cache, "LOOK_SECONDS", 0.0)
    first = await apply(api)
    book = shipped_rulebooks()["prescreening"]
    async with api_store.begin() as work:
        ref = RulebookRef(name=book.name, version=book.version + 1, digest="0" * 64)
        ended = {"valid_from": book.valid_from, "valid_until": date(2026, 1, 31)}
        await rulebooks.publish(work, ref, book.product, book.text, "test", **ended)
    again = await apply(api)
    assert (again.status_code, again.json()["id"]) == (202, first.json()["id"])
    assert (await apply(api, key="another")).status_code == 404
    assert [item["id"] for item in (await api.get("/v1/applications")).json()["items"]] == [first.json()["id"]]


@pytest.mark.parametrize("database_kind", ["sqlite", "postgresql"])
async def test_fifty_concurrent_retries_are_one_application(api: httpx.AsyncClient) -> None:
    answers = await asyncio.gather(*(apply(api) for _ in range(50)))
    assert {answer.status_code for answer in answers} == {202}
    assert len({answer.json()["id"] for answer in answers}) == 1


async def test_a_used_key_with_another_payload_is_refused(api: httpx.AsyncClient) -> None:
    await apply(api)
    refused = await apply(api, amount="2500.01")
    assert (refused.status_code, refused.json()["error_code"]) == (422, "IDEMPOTENCY_KEY_REUSED")


async def test_an_application_has_a_log_for_whoever_may_read_it(
    api: httpx.AsyncClient, api_store: Store, token: Callable[..., str]
) -> None:
    location = (await apply(api)).headers["Location"]
    await review(api_store, location.rpartition("/")[2], Verdict.REJECTED)
    log = (await api.get(f"{location}/log")).json()
    assert log["state"] == "done"
    assert [entry["what"] for entry in log["entries"]] == ["received", "began", "ended", "decided"]
    began = log["entries"][1]
    assert (began["attempt"], began["flow_run_id"], began["result"]) == (1, "run", "decided")
    assert "source" not in began, "what an entry does not have is left out"
    api.headers["Authorization"] = f"Bearer {token(scope='applications:write eligibility:read')}"
    assert (await api.get(f"{location}/log")).status_code == 403


async def test_a_key_belongs_to_its_tenant(api: httpx.AsyncClient, token: Callable[..., str]) -> None:
    ours = await apply(api)
    api.headers["Authorization"] = f"Bearer {token(tenant='other')}"
    theirs = await apply(api)
    assert theirs.status_code == 202
    assert theirs.json()["id"] != ours.json()["id"]


@pytest.mark.parametrize("tenant", ["other", "acme2"])
async def test_another_tenants_application_does_not_exist_on_any_route(
    api: httpx.AsyncClient, api_store: Store, token: Callable[..., str], tenant: str
) -> None:
    location = (await apply(api)).headers["Location"]
    await review(api_store, location.rpartition("/")[2], Verdict.REFERRED)
    api.headers["Authorization"] = f"Bearer {token(tenant=tenant)}"
    read = await api.get(location)
    decided = await api.post(f"{location}/decision", json={"verdict": "approved", "note": "looks fine"})
    assert (read.status_code, decided.status_code) == (404, 404)
    assert (await api.get("/v1/applications")).json() == {"items": [], "next": None}


@pytest.mark.parametrize(
    ("changes", "place"),
    [
        ({"amount": "0"}, "body.amount"),
        ({"amount": "-1"}, "body.amount"),
        ({"amount": 2500}, "body.amount"),
        ({"amount": "12.345"}, "body.amount"),
        ({"amount": "0.00"}, "body.amount"),
        ({"currency": "XXXX"}, "body.currency"),
        ({"currency": "ZZZ"}, "body.currency"),
        ({"currency": "JPY"}, "body.currency"),
        ({"product": "float"}, "body.product"),
        ({"product": "mortgage"}, "body.product"),
        ({"customer_id": "a b"}, "body.customer_id"),
        ({"as_of": "yesterday"}, "body.as_of"),
        ({"as_of": "9999-12-31"}, "body.as_of"),
        ({"as_of": (datetime.now(UTC) + timedelta(days=2)).date().isoformat()}, "body.as_of"),
        ({"surprise": 1}, "body.surprise"),
    ],
)
async def test_an_impossible_request_says_where_and_stores_nothing(
    api: httpx.AsyncClient, changes: dict[str, Any], place: str
) -> None:
    refused = await apply(api, **changes)
    body = refused.json()
    assert (refused.status_code, body["status_code"], body["error_code"]) == (422, 422, "INVALID_REQUEST")
    assert place in {problem["place"] for problem in body["problems"]}
    assert (await api.get("/v1/applications")).json()["items"] == []


async def test_malformed_json_is_unprocessable(api: httpx.AsyncClient) -> None:
    headers = {"Idempotency-Key": "k", "Content-Type": "application/json"}
    refused = await api.post("/v1/applications", content=b'{"customer_id": ', headers=headers)
    assert (refused.status_code, refused.json()["error_code"]) == (422, "INVALID_REQUEST")


async def test_a_request_without_a_key_is_refused(api: httpx.AsyncClient) -> None:
    refused = await api.post("/v1/applications", json=WANTED)
    assert (refused.status_code, refused.json()["error_code"]) == (400, "IDEMPOTENCY_KEY_MISSING")


@pytest.mark.parametrize(
    "claims_changed",
    [
        {"exp": 1},
        {"exp": None},
        {"aud": "someone-else"},
        {"iss": "someone-else"},
        {"sub": None},
        {"tenant": None},
        {"tenant": ""},
        {"tenant": ["acme", "other"]},
    ],
)
async def test_a_token_that_does_not_say_what_it_must_is_refused(
    api: httpx.AsyncClient, token: Callable[..., str], claims_changed: dict[str, Any]
) -> None:
    api.headers["Authorization"] = f"Bearer {token(**claims_changed)}"
    refused = await api.get("/v1/applications")
    assert (refused.status_code, refused.json()["error_code"]) == (401, "INVALID_TOKEN")
    assert refused.headers["WWW-Authenticate"] == "Bearer"


async def test_forged_and_missing_tokens_are_refused(api: httpx.AsyncClient, token: Callable[..., str]) -> None:
    from joserfc import jwt  # noqa: PLC0415 - only this test forges
    from joserfc.jwk import ECKey, OctKey  # noqa: PLC0415

    claims_ = {"iss": "underwriting", "aud": "underwriting-api", "sub": "x", "exp": 4_102_444_800, "tenant": "acme"}
    none = "eyJhbGciOiJub25lIn0." + token().split(".")[1] + "."
    shared = jwt.encode({"alg": "HS256"}, claims_, OctKey.generate_key(256))
    for forged in (token(key=ECKey.generate_key("P-256")), token()[:-4] + "AAAA", none, shared, "nonsense", ""):
        answer = await api.get("/v1/applications", headers={"Authorization": f"Bearer {forged}"})
        assert answer.status_code == 401
    del api.headers["Authorization"]
    assert (await api.get("/v1/applications")).status_code == 401


@pytest.mark.parametrize(("scope", "statuses"), [("applications:read", (403, 200)), ("applications:write", (202, 403))])
async def test_a_token_opens_what_its_scope_says(
    api: httpx.AsyncClient, token: Callable[..., str], scope: str, statuses: tuple[int, int]
) -> None:
    api.headers["Authorization"] = f"Bearer {token(scope=scope)}"
    assert ((await apply(api)).status_code, (await api.get("/v1/applications")).status_code) == statuses


@pytest.mark.parametrize(
    ("days", "statuses"),
    [(1, (422, 422)), (0, (202, 202)), (-1, (403, 202)), (-20_000, (403, 202)), (-46_000, (422, 422))],
)
async def test_an_application_as_of_an_earlier_day_needs_a_scope_and_one_of_a_later_day_is_refused(
    api: httpx.AsyncClient, api_store: Store, token: Callable[..., str], days: int, statuses: tuple[int, int]
) -> None:
    """Also of 1971: what is not to be had of that day is unknown. Of 1900 nothing is."""
    with time_machine.travel(datetime(2026, 3, 2, 23, 59, tzinfo=UTC), tick=False):
        as_of = (datetime(2026, 3, 2, tzinfo=UTC) + timedelta(days=days)).date().isoformat()
        for scope, status in zip(
            ("applications:write", "applications:write applications:backdate"), statuses, strict=True
        ):
            api.headers["Authorization"] = f"Bearer {token(scope=scope)}"
            answer = await apply(api, key=scope, as_of=as_of)
            assert answer.status_code == status, answer.text
            assert (status == 202) is (answer.json().get("as_of") == as_of)
    assert await rows(api_store, "applications") == statuses.count(202)


async def test_a_retry_on_the_day_after_is_the_same_request(api: httpx.AsyncClient, token: Callable[..., str]) -> None:
    with time_machine.travel(datetime(2026, 3, 2, 23, 59, tzinfo=UTC), tick=False) as clock:
        api.headers["Authorization"] = f"Bearer {token(scope='applications:write')}"
        first = await apply(api, as_of="2026-03-02")
        clock.move_to(datetime(2026, 3, 3, 0, 1, tzinfo=UTC))
        again = await apply(api, as_of="2026-03-02")
    assert (first.status_code, again.status_code) == (202, 202)
    assert again.headers["Idempotent-Replayed"] == "true"


async def test_a_referred_application_is_decided_once_by_a_person(api: httpx.AsyncClient, api_store: Store) -> None:
    location = (await apply(api)).headers["Location"]
    word = {"verdict": "approved", "note": "called the employer"}
    early = await api.post(f"{location}/decision", json=word)
    assert (early.status_code, early.json()["error_code"]) == (409, "NOT_REFERRED")
    await review(api_store, location.rpartition("/")[2], Verdict.REFERRED)
    decided = await api.post(f"{location}/decision", json=word)
    assert (decided.json()["verdict"], decided.json()["decided_by"]) == ("approved", "ann")
    assert decided.json()["approved_amount"] == "2500.00"
    assert b"employer" not in decided.content
    repeated = await api.post(f"{location}/decision", json=word)
    assert repeated.content == decided.content
    other = {"verdict": "rejected", "note": "changed my mind", "reasons": ["income_low"]}
    assert (await api.post(f"{location}/decision", json=other)).status_code == 409


@pytest.mark.parametrize(
    ("word", "place", "why"),
    [
        ({"verdict": "rejected"}, "body.reasons", "a rejection needs its reasons"),
        ({"verdict": "approve", "reasons": []}, "body.verdict", "write approved or rejected"),
        ({"verdict": "rejected", "reasons": []}, "body.reasons", "a rejection needs its reasons"),
        ({"verdict": "approved", "reasons": ["income_low"]}, "body.reasons", "only a rejection has reasons"),
        ({"verdict": "rejected", "reasons": ["income_lo"]}, "body.reasons.0", "did you mean income_low?"),
        # It is why a person was asked.
        ({"verdict": "rejected", "reasons": ["credit_score_missing"]}, "body.reasons.0", "is no reason that a person"),
        # It says nothing of the applicant.
        ({"verdict": "rejected", "reasons": ["lists_outdated"]}, "body.reasons.0", "is no reason that a person"),
        # Nobody has key factors of it.
        ({"verdict": "rejected", "reasons": ["credit_score_low"]}, "body", "the score has no key factors"),
        ({"verdict": "rejected", "reasons": ["income_low"] * 5}, "body.reasons", "at most 4"),
    ],
)
async def test_a_persons_word_has_reasons_if_it_rejects(
    api: httpx.AsyncClient, api_store: Store, word: dict[str, object], place: str, why: str
) -> None:
    location = (await apply(api)).headers["Location"]
    await review(api_store, location.rpartition("/")[2], Verdict.REFERRED)
    refused = await api.post(f"{location}/decision", json={"note": "spoke to the employer", **word})
    (problem,) = refused.json()["problems"]
    assert (refused.status_code, problem["place"]) == (422, place)
    assert why in problem["message"]
    assert (await api.get(location)).json()["verdict"] == "referred"


async def test_the_reasons_of_a_rejection_are_those_that_the_person_chose(
    api: httpx.AsyncClient, api_store: Store
) -> None:
    location = (await apply(api)).headers["Location"]
    await review(api_store, location.rpartition("/")[2], Verdict.REFERRED)
    word = {"verdict": "rejected", "note": "spoke to the employer", "reasons": ["income_unverified", "income_low"]}
    decided = (await api.post(f"{location}/decision", json=word)).json()
    assert [found["code"] for found in decided["reasons"]] == ["income_unverified", "income_low"]
    assert decided["reasons"][0]["sentence"] == "We could not verify your income."
    assert decided["notice_due"]


async def test_lists_are_paged_newest_first_and_filtered_by_state(api: httpx.AsyncClient, api_store: Store) -> None:
    ids = [(await apply(api, key=str(number))).json()["id"] for number in range(5)]
    await review(api_store, ids[2], Verdict.REFERRED)
    first = (await api.get("/v1/applications", params={"limit": 3})).json()
    second = (await api.get("/v1/applications", params={"limit": 3, "after": first["next"]})).json()
    assert [item["id"] for item in first["items"] + second["items"]] == sorted(ids, reverse=True)
    assert second["next"] is None
    referred = (await api.get("/v1/applications", params={"state": "referred"})).json()["items"]
    assert [item["id"] for item in referred] == [ids[2]]


async def test_unknown_paths_and_methods_have_the_error_shape(api: httpx.AsyncClient) -> None:
    for answer in (await api.get("/v2/nothing"), await api.delete("/v1/applications")):
        assert answer.json().keys() == {"code", "message", "status_code", "error_code", "problems"}


async def test_health_says_ok(api: httpx.AsyncClient) -> None:
    assert (await api.get("/health")).json() == {"status": "ok"}


async def test_the_api_is_live_without_the_store_and_ready_only_with_it(
    api: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def away(_: Store) -> None:
        raise StoreUnreachable("the database does not answer")

    async def hangs(_: Store) -> None:
        await asyncio.sleep(60)

    monkeypatch.setattr("underwriting.api.app.ANSWER_SECONDS", 0.1)
    for check in (away, hangs):
        monkeypatch.setattr(Store, "check", check)
        assert (await api.get("/health/live")).json() == {"status": "ok"}
        answer = await api.get("/health")
        assert (answer.status_code, answer.json()["error_code"]) == (503, "STORE_UNREACHABLE")
