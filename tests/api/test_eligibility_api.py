"""What may this user take: at once from a fresh evaluation, else in the background; never another tenant's."""

import asyncio
import json
from datetime import UTC, datetime, timedelta

import pytest
from support.eligibility_api import fresh, in_force, judged, unknown, url
from support.evaluated import pause

from rules.core.reasons import reason
from rules.eligibility.book import EligibilityBook, shipped_eligibility_books
from rules.eligibility.manual_decision import rejected
from underwriting.domain.application import Product
from underwriting.domain.decision import Verdict
from underwriting.store import evaluations, profiles, rulebooks
from underwriting.store.models import Channel, RulebookKind
from underwriting.store.queue import outbox

HOST = "hooks.partner.example"


pytestmark = pytest.mark.usefixtures("books")


async def test_an_unknown_user_is_evaluated_in_the_background_and_then_answered_at_once(api, api_store, books):
    asked = await api.get(url())
    assert (asked.status_code, asked.json()["state"]) == (202, "pending")
    assert asked.headers["Location"] == url(what=f"evaluations/{asked.json()['id']}")
    assert asked.headers["Retry-After"]
    polled = await api.get(asked.headers["Location"])
    assert (polled.status_code, polled.content) == (200, asked.content)
    await judged(api_store, asked.json()["id"], books)
    answer = await api.get(url())
    assert (answer.status_code, answer.json()["verdict"]) == (200, "approved")
    assert answer.json()["approved_amounts"] == ["10.00", "20.00"]
    assert answer.content == (await api.get(asked.headers["Location"])).content


@pytest.mark.parametrize(("what", "product"), [("float_check", "float"), ("loan_check", "loan")])
async def test_a_check_of_one_product_has_a_name_of_its_own(api, what, product):
    asked = await api.get(url(what=what))
    assert (asked.status_code, asked.json()["product"]) == (202, product)
    again = await api.get(url(), params={"product": product})
    assert again.json()["id"] == asked.json()["id"]


@pytest.mark.parametrize("database_kind", ["sqlite", "postgresql"])
async def test_fifty_checks_at_once_are_one_evaluation(api):
    answers = await asyncio.gather(*(api.get(url()) for _ in range(50)))
    assert {answer.status_code for answer in answers} == {202}
    assert len({answer.json()["id"] for answer in answers}) == 1


async def test_all_products_are_answered_together(api, api_store, books):
    asked = await api.get(url(), params={"product": "all"})
    assert asked.status_code == 202
    assert asked.headers["Location"] == url() + "?product=all"
    records = asked.json()
    await judged(api_store, records["float"]["id"], books)
    assert (await api.get(asked.headers["Location"])).status_code == 202
    for_loans = await in_force(api_store, Product.LOAN)
    await judged(api_store, records["loan"]["id"], for_loans, verdict=Verdict.REJECTED, approved_amounts=())
    both = await api.get(asked.headers["Location"])
    assert both.status_code == 200
    assert {name: record["verdict"] for name, record in both.json().items()} == {
        "float": "approved",
        "loan": "rejected",
    }


async def test_a_day_old_evaluation_is_no_answer_any_more(api, api_store, books):
    just = datetime.now(UTC) - timedelta(hours=24) + timedelta(seconds=30)
    assert (await fresh(api, api_store, books, decided_at=just)).status_code == 200
    other = await api.get(url("eve"))
    await judged(api_store, other.json()["id"], books, decided_at=datetime.now(UTC) - timedelta(hours=24))
    assert (await api.get(url("eve"))).status_code == 202


async def test_what_a_person_decided_is_answered_with_who_did(api, api_store, books):
    referred = await fresh(api, api_store, books, verdict=Verdict.REFERRED, approved_amounts=())
    assert (referred.json()["verdict"], referred.json()["decided_by"]) == ("referred", "rulebook")
    async with api_store.begin() as work:
        stored = await evaluations.judged(work, "acme", referred.json()["id"])
        settled = rejected(stored.eligibility, (reason("income_low"),), stored.request.requested_on, datetime.now(UTC))
        word = {"note": "a pattern", "decided_by": "ann", "window": timedelta(days=1), "books_digest": books}
        await evaluations.decide_referral(work, stored, settled, **word)
    answer = await api.get(url(), headers={"If-None-Match": referred.headers["ETag"]})
    assert answer.status_code == 200
    assert (answer.json()["verdict"], answer.json()["decided_by"]) == ("rejected", "person")
    assert answer.content == (await api.get(url(what=f"evaluations/{answer.json()['id']}"))).content
    assert "ann" not in answer.text


async def test_a_changed_profile_is_judged_anew(api, api_store, books):
    assert (await fresh(api, api_store, books)).status_code == 200
    changed = await api.put(url(what="float_profile"), json={"enabled": ["1"], "reason": "goodwill"})
    assert changed.status_code == 200
    assert (await api.get(url())).status_code == 202


async def test_a_new_rulebook_is_heard_within_seconds(api, api_store, books):
    assert (await fresh(api, api_store, books)).status_code == 200
    book = next(book for book in shipped_eligibility_books().values() if book.product is Product.FLOAT)
    newer = EligibilityBook.model_validate({**book.model_dump(mode="json"), "version": book.version + 1})
    async with api_store.begin() as work:
        await rulebooks.publish(work, newer.ref, newer.product, newer.text, "test", RulebookKind.ELIGIBILITY)
    async with asyncio.timeout(10):
        while (await api.get(url())).status_code == 200:
            await asyncio.sleep(0.1)


async def test_a_key_stands_for_the_evaluation_that_it_made_while_that_is_the_answer(api, api_store, books):
    headers = {"Idempotency-Key": "order-1"}
    first = await api.get(url(), headers=headers)
    await judged(api_store, first.json()["id"], books)
    again = await api.get(url(), headers=headers)
    assert (again.status_code, again.json()["id"]) == (200, first.json()["id"])
    async with api_store.begin() as work:
        await pause(work, "acme", "ada", datetime.now(UTC))
    paused = await api.get(url(), headers=headers)
    assert paused.status_code == 202, "an approval from before the pause pays nobody"
    assert paused.json()["id"] != first.json()["id"]
    await judged(api_store, paused.json()["id"], books, decided_at=datetime.now(UTC) - timedelta(days=3))
    assert (await api.get(url(), headers=headers)).status_code == 202, "nor does an old one"
    assert (await api.get(url(), headers={"Idempotency-Key": "order-2"})).json()["id"] != first.json()["id"]
    loan = await api.get(url(what="loan_check"), headers=headers)
    assert (loan.status_code, loan.json()["product"]) == (202, "loan")
    other_user = await api.get(url("eve"), headers=headers)
    assert (other_user.status_code, other_user.json()["error_code"]) == (422, "IDEMPOTENCY_KEY_REUSED")


async def test_an_etag_saves_the_body(api, api_store, books):
    answer = await fresh(api, api_store, books)
    etag = answer.headers["ETag"]
    same = await api.get(url(), headers={"If-None-Match": etag})
    assert (same.status_code, same.content, same.headers["ETag"]) == (304, b"", etag)
    other = await api.get(url(), headers={"If-None-Match": '"another"'})
    assert (other.status_code, other.content) == (200, answer.content)


async def test_a_registered_address_is_called_back_once_it_is_judged(config, api, api_store, books):
    target = f"https://{HOST}/done"
    asked = await api.get(url(), params={"callback_url": target})
    assert asked.status_code == 202
    await judged(api_store, asked.json()["id"], books)
    async with api_store.begin() as work:
        (message,) = await outbox.due(work, (Channel.CALLBACK,))
    assert (message.target, json.loads(message.body)["data"]["id"]) == (target, asked.json()["id"])


@pytest.mark.parametrize(
    "target", ["http://hooks.partner.example/", "https://evil.example/", "https://127.0.0.1/", "x"]
)
async def test_any_other_address_is_refused_and_nothing_stored(api, target):
    refused = await api.get(url(), params={"callback_url": target})
    assert (refused.status_code, refused.json()["problems"][0]["place"]) == (422, "query.callback_url")
    assert (await api.get(url(what="history"))).status_code == 404


async def test_the_history_is_paged_newest_first_and_streamed_whole(api, api_store, books):
    ids = []
    for number in range(5):
        asked = await api.get(url(), headers={"Idempotency-Key": str(number)})
        ids.append(asked.json()["id"])
        await judged(api_store, ids[-1], books)
    newest_first = sorted(ids, reverse=True)
    first = (await api.get(url(what="history"), params={"limit": 3})).json()
    second = (await api.get(url(what="history"), params={"limit": 3, "after": first["next"]})).json()
    assert [item["id"] for item in first["items"] + second["items"]] == newest_first
    assert second["next"] is None
    streamed = await api.get(url(what="history"), headers={"Accept": "application/x-ndjson"})
    assert streamed.headers["Content-Type"].startswith("application/x-ndjson")
    assert [json.loads(line)["id"] for line in streamed.text.splitlines()] == newest_first
    assert (await api.get(url(what="history"), params={"product": "loan"})).json() == {"items": [], "next": None}


async def test_slow_readers_of_a_stream_hold_no_connection_to_the_database(api):
    """More of them than the pool has connections, each stuck at its first line; the API answers others."""
    await api.get(url())
    app = api._transport.app
    head = [(name.lower().encode(), value.encode()) for name, value in api.headers.items() if name != "accept"]
    headers = [*head, (b"accept", b"application/x-ndjson")]
    path = url(what="history")
    scope = {"type": "http", "method": "GET", "path": path, "raw_path": path.encode(), "query_string": b""}
    stuck = 0

    async def receive():
        await asyncio.Event().wait()

    async def send(message):
        nonlocal stuck
        if message.get("body"):
            stuck += 1
            await asyncio.Event().wait()

    readers = [asyncio.create_task(app({**scope, "headers": headers}, receive, send)) for _ in range(40)]
    try:
        async with asyncio.timeout(10):
            while stuck < len(readers):
                await asyncio.sleep(0.01)
            assert (await api.get("/health")).status_code == 200
            assert (await api.get(path)).status_code == 200
    finally:
        for reader in readers:
            reader.cancel()
        await asyncio.gather(*readers, return_exceptions=True)


@pytest.mark.parametrize("params", [{"product": "mortgage"}, {"product": ""}])
async def test_an_unknown_product_is_refused(api, params):
    refused = await api.get(url(), params=params)
    assert (refused.status_code, refused.json()["error_code"]) == (422, "INVALID_REQUEST")


@pytest.mark.parametrize("user_id", ["a b", "-x", "x" * 65, "ä"])
async def test_an_impossible_user_does_not_exist(api, user_id):
    refused = await api.get(url(user_id))
    assert (refused.status_code, refused.json()["message"]) == (404, f"there is no user {user_id}")


# Tenants and scopes.

ROUTES = [
    ("GET", "evaluations/{id}", None),
    ("GET", "evaluations/{id}/log", None),
    ("GET", "history", None),
    ("GET", "float_profile", None),
    ("GET", "float_profile/versions", None),
]


@pytest.mark.parametrize("tenant", ["other", "acme2"])
async def test_another_tenants_user_does_not_exist_on_any_route(api, api_store, books, token, tenant):
    ours = (await fresh(api, api_store, books)).json()
    api.headers["Authorization"] = f"Bearer {token(tenant=tenant)}"
    for method, what, body in ROUTES:
        answer = await api.request(method, url(what=what.format(id=ours["id"])), json=body)
        assert (answer.status_code, answer.json()["error_code"]) == (404, "NOT_FOUND"), what
    for what in ("eligibility", "float_check", "loan_check"):
        theirs = await api.get(url(what=what))
        assert (theirs.status_code, theirs.json()["state"]) == (202, "pending"), "judged for them alone"
        assert theirs.json()["id"] != ours["id"]


async def test_an_evaluation_is_its_users(api, api_store, books):
    ours = (await fresh(api, api_store, books)).json()
    for what in (f"evaluations/{ours['id']}", f"evaluations/{ours['id']}/log"):
        assert (await api.get(url("eve", what))).status_code == 404


async def test_an_evaluation_has_a_log_for_whoever_may_read_it(api, api_store, books, token):
    ours = (await fresh(api, api_store, books)).json()
    log = (await api.get(url(what=f"evaluations/{ours['id']}/log"))).json()
    assert (log["id"], log["state"]) == (ours["id"], "done")
    assert [entry["what"] for entry in log["entries"]] == ["received", "began", "ended", "decided"]
    api.headers["Authorization"] = f"Bearer {token(scope='eligibility:check applications:read')}"
    assert (await api.get(url(what=f"evaluations/{ours['id']}/log"))).status_code == 403


@pytest.fixture
async def referred(api, api_store, books) -> str:
    """Where ada's evaluation, which waits for a person, is decided."""
    standard = unknown(shipped_eligibility_books()["float-standard"])
    told = (await fresh(api, api_store, books, verdict=Verdict.REFERRED, books=(standard,))).json()
    return url(what=f"evaluations/{told['id']}/decision")


REJECTED = {"verdict": "rejected", "note": "no payslips", "reasons": ["income_unverified"]}


@pytest.mark.parametrize(
    ("word", "verdict", "amounts", "reasons"),
    [
        ({"verdict": "approved", "note": "seen the payslips"}, "approved", ["10.00", "20.00"], []),
        ({"verdict": "approved", "note": "seen one", "up_to": "10.00"}, "approved", ["10.00"], []),
        (REJECTED, "rejected", [], ["income_unverified"]),
    ],
)
async def test_a_person_decides_a_referred_evaluation_once(api, referred, word, verdict, amounts, reasons):
    told = await api.post(referred, json=word)
    decided = told.json()
    assert (told.status_code, decided["verdict"], decided["approved_amounts"]) == (200, verdict, amounts), told.text
    assert ([found["code"] for found in decided["reasons"]], decided["decided_by"]) == (reasons, "person")
    assert b"payslips" not in told.content
    assert (await api.get(url())).content == told.content, "it is the answer from now on"
    assert (await api.post(referred, json=word)).content == told.content
    other = await api.post(referred, json={**word, "note": "on second thoughts"})
    assert (other.status_code, other.json()["error_code"]) == (409, "NOT_REFERRED")


@pytest.mark.parametrize(
    ("word", "why"),
    [
        ({"verdict": "rejected"}, "a rejection needs its reasons"),
        ({"verdict": "approved", "reasons": ["income_low"]}, "only a rejection has reasons"),
        ({"verdict": "rejected", "reasons": ["lists_outdated"]}, "is no reason that a person may give"),
        ({"verdict": "rejected", "reasons": ["payback_unlikely"]}, "the score has no key factors"),
        ({"verdict": "rejected", "reasons": ["income_low"], "up_to": "10.00"}, "a rejection approves no amount"),
        ({"verdict": "approved", "up_to": "20.01"}, "at most 20.00 USD can be approved"),
        ({"verdict": "approved", "up_to": "ten"}, "write text such as 20.00"),
        ({"verdict": "referred"}, "write approved or rejected"),
    ],
)
async def test_a_word_on_an_evaluation_that_cannot_be_changes_nothing(api, referred, word, why):
    before = (await api.get(url())).content
    refused = await api.post(referred, json={"note": "on a whim", **word})
    assert (refused.status_code, refused.json()["error_code"]) == (422, "INVALID_REQUEST")
    assert why in refused.json()["message"]
    assert (await api.get(url())).content == before


async def test_a_word_on_an_evaluation_needs_its_user_its_scope_and_a_match_to_clear(api, referred, token):
    assert (await api.post(referred.replace("/ada/", "/eve/"), json=REJECTED)).status_code == 404
    cleared = await api.post(referred, json={"verdict": "approved", "note": "not him", "clears_match": True})
    assert (cleared.status_code, cleared.json()["error_code"]) == (409, "NO_OPEN_MATCH")
    api.headers["Authorization"] = f"Bearer {token(scope='eligibility:read eligibility:check')}"
    assert (await api.post(referred, json=REJECTED)).status_code == 403


async def test_an_evaluation_that_is_not_judged_or_not_current_cannot_be_decided(api, api_store, referred):
    async with api_store.begin() as work:
        await profiles.refresh(work, "acme", "ada", "bob", datetime.now(UTC))
    late = await api.post(referred, json=REJECTED)
    assert (late.status_code, late.json()["error_code"]) == (409, "NOT_REFERRED")
    pending = (await api.get(url())).json()["id"]
    early = await api.post(url(what=f"evaluations/{pending}/decision"), json=REJECTED)
    assert (early.status_code, early.json()["error_code"]) == (409, "NOT_JUDGED")


@pytest.mark.parametrize(
    ("scope", "opens"),
    [
        ("eligibility:check", {"eligibility", "float_check", "loan_check"}),
        ("eligibility:read", {"history"}),
        ("profiles:read", {"float_profile", "float_profile/versions"}),
        ("profiles:write", {"PUT float_profile", "PUT float_profile/temporary", "DELETE float_profile/temporary"}),
        ("applications:read", set()),
    ],
)
async def test_a_scope_opens_its_routes_only(api, token, scope, opens):
    api.headers["Authorization"] = f"Bearer {token(scope=scope)}"
    reads = ["eligibility", "float_check", "loan_check", "history", "float_profile", "float_profile/versions"]
    answers = {what: await api.get(url(what=what)) for what in reads}
    change = {"enabled": ["1"], "reason": "x", "expires_on": "2099-01-01T00:00:00Z"}
    answers["PUT float_profile/temporary"] = await api.put(url(what="float_profile/temporary"), json=change)
    answers["DELETE float_profile/temporary"] = await api.delete(url(what="float_profile/temporary"))
    del change["expires_on"]
    answers["PUT float_profile"] = await api.put(url(what="float_profile"), json=change)
    assert {what for what, answer in answers.items() if answer.status_code != 403} == opens
