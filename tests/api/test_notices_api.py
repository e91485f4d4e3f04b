"""Notices over HTTP: listed, written as JSON, text and HTML, noted as sent; a tenant's own only."""

from collections.abc import AsyncIterator

import httpx
import pytest
from pydantic import SecretStr
from pytest_httpserver import HTTPServer
from support.notices import BUREAU, CREDITOR, report
from support.reviews import claimed, finish

from underwriting.domain.decision import Verdict
from underwriting.notices.about import BUREAU_PULL
from underwriting.settings import Settings
from underwriting.store import ledger
from underwriting.store.session import Store

SCOPES = "applications:read notices:read notices:write"
PERSON = {
    "given_name": "Ada",
    "family_name": "Byron",
    "birth_date": "1990-01-31",
    "identity_document": None,
    "street": "7 Elm Court",
    "residence_country": "US",
    "company_number": None,
}


@pytest.fixture
def users() -> HTTPServer:
    """The user service."""
    with HTTPServer() as server:
        server.expect_request("/customers/ada").respond_with_json(PERSON)
        yield server


@pytest.fixture
async def lender(serving, config: Settings, token, users: HTTPServer) -> AsyncIterator[httpx.AsyncClient]:
    """A client of tenant `acme`, which has a creditor; a bureau can be reached."""
    known = {"creditors": {"acme": CREDITOR}, "bureaus": {"first": BUREAU}, "user_service_url": users.url_for("")}
    headers = {"Authorization": f"Bearer {token(scope=SCOPES)}"}
    async with serving(config.model_copy(update=known), headers=headers) as client:
        yield client


async def rejected(store: Store, tenant: str = "acme", pulled: bytes | None = None) -> str:
    owned = await claimed(store, tenant)
    if pulled is not None:
        async with store.begin() as work:
            await ledger.begin(work, owned, BUREAU_PULL)
            await ledger.done(work, owned, BUREAU_PULL, pulled)
    return (await finish(store, owned, Verdict.REJECTED)).id


async def test_without_the_key_of_its_report_a_notice_says_so_and_the_decision_stays_readable(
    serving, config: Settings, token, users: HTTPServer, api_store: Store
) -> None:
    application_id = await rejected(api_store, pulled=report())
    other = {
        "encryption_keys": {"k2": SecretStr("YWJjZGVmZ2hpamtsbW5vcHFyc3R1dnd4eXphYmNkZWY=")},
        "encryption_key_id": "k2",
    }
    known = {"creditors": {"acme": CREDITOR}, "bureaus": {"first": BUREAU}, "user_service_url": users.url_for("")}
    headers = {"Authorization": f"Bearer {token(scope=SCOPES)}"}
    async with serving(config.model_copy(update=known | other), headers=headers) as client:
        notice = await client.get(f"/v1/notices/{application_id}")
        decided = await client.get(f"/v1/applications/{application_id}")
        assert await listed(client) == [application_id]
    assert (notice.status_code, notice.json()["error_code"]) == (503, "KEY_MISSING")
    assert "is sealed under key 'k1', which is not among the encryption keys" in notice.json()["message"]
    assert (decided.status_code, decided.json()["verdict"]) == (200, "rejected")


async def listed(client: httpx.AsyncClient, **query: object) -> list[str]:
    answer = await client.get("/v1/notices", params={"until": "2026-04-01", **query})
    assert answer.status_code == 200, answer.text
    return [item["subject_id"] for item in answer.json()["items"]]


async def test_a_notice_is_listed_written_sent_and_gone(lender, api_store: Store) -> None:
    application_id = await rejected(api_store, pulled=report())
    assert await listed(lender) == [application_id]
    told = await lender.get(f"/v1/notices/{application_id}")
    assert told.headers["cache-control"] == "no-store"
    notice = told.json()
    assert (notice["addressee"]["name"], notice["creditor"]["name"]) == ("Ada Byron", CREDITOR.name)
    assert (notice["report"]["bureau"]["telephone"], notice["report"]["score"]["points"]) == (BUREAU.telephone, 601)
    for accept, mark in (("text/plain", "Ada Byron\n7 Elm Court"), ("text/html", "<h1>Notice of action taken")):
        written = await lender.get(f"/v1/notices/{application_id}", headers={"Accept": accept})
        assert written.headers["content-type"].startswith(accept)
        assert mark in written.text
    sending = await lender.post(
        f"/v1/notices/{application_id}/sent", json={"how": "letter", "sent_at": "2026-03-03T09:00:00Z"}
    )
    assert (sending.status_code, sending.json()["how"], sending.json()["sent_by"]) == (200, "letter", "ann")
    assert await listed(lender) == []


async def test_a_referral_is_listed_and_has_no_notice_before_its_decision(lender, api_store: Store) -> None:
    referred = (await finish(api_store, await claimed(api_store), Verdict.REFERRED)).id
    (item,) = (await lender.get("/v1/notices", params={"until": "2026-04-01"})).json()["items"]
    assert (item["subject_id"], item["kind"], item["due"]) == (referred, "undecided", "2026-04-01")
    for answer in (
        await lender.get(f"/v1/notices/{referred}"),
        await lender.post(f"/v1/notices/{referred}/sent", json={"how": "letter"}),
    ):
        assert (answer.status_code, answer.json()["error_code"]) == (409, "NOTICE_IMPOSSIBLE")
        assert f"nobody has decided {referred} yet" in answer.json()["message"]
    assert await listed(lender, until="2026-03-31") == []
    everything = (await lender.get("/v1/notices")).json()["items"]
    assert [each["subject_id"] for each in everything] == [referred], "without a day all are listed"


async def test_pages_follow_each_other(lender, api_store: Store) -> None:
    ids = [await rejected(api_store) for _ in range(3)]
    first = (await lender.get("/v1/notices", params={"until": "2026-04-01", "limit": 2})).json()
    assert await listed(lender, after=first["next"]) == [ids[2]]
    assert [item["subject_id"] for item in first["items"]] == ids[:2]
    assert (await lender.get("/v1/notices", params={"after": "nonsense"})).status_code == 422


async def test_another_tenants_notice_is_404_as_if_it_did_not_exist(lender, api_store: Store) -> None:
    theirs = await rejected(api_store, "globex")
    assert await listed(lender) == []
    assert (await lender.get(f"/v1/notices/{theirs}")).status_code == 404
    assert (await lender.post(f"/v1/notices/{theirs}/sent", json={"how": "letter"})).status_code == 404


async def test_a_tenant_without_a_creditor_is_told_what_to_set(lender, api_store: Store, token) -> None:
    theirs = await rejected(api_store, "globex")
    headers = {"Authorization": f"Bearer {token(tenant='globex', scope=SCOPES)}"}
    refused = await lender.get(f"/v1/notices/{theirs}", headers=headers)
    assert (refused.status_code, refused.json()["error_code"]) == (409, "NOTICE_IMPOSSIBLE")
    assert "UNDERWRITING_CREDITORS" in refused.json()["message"]


async def test_a_user_service_that_is_away_leaves_the_customer_without_a_name(
    lender, api_store: Store, users: HTTPServer
) -> None:
    application_id = await rejected(api_store)
    users.clear()
    users.expect_request("/customers/ada").respond_with_data("down", 503)
    assert (await lender.get(f"/v1/notices/{application_id}")).json()["addressee"]["name"] is None


@pytest.mark.parametrize(
    ("body", "place"),
    [
        ({"how": "letter", "sent_at": "2999-01-01T00:00:00Z"}, "body.sent_at"),
        ({"how": "letter", "sent_at": "2026-01-01T00:00:00"}, "body.sent_at"),
        ({"how": "letter", "sent_at": "2026-03-01T09:00:00Z"}, "body.sent_at"),
        ({"how": ""}, "body.how"),
    ],
)
async def test_what_cannot_be_is_refused(lender, api_store: Store, body: dict[str, str], place: str) -> None:
    application_id = await rejected(api_store)
    answer = await lender.post(f"/v1/notices/{application_id}/sent", json=body)
    assert (answer.status_code, answer.json()["problems"][0]["place"]) == (422, place)
    assert await listed(lender) == [application_id]


@pytest.mark.parametrize("scope", ["applications:read", "notices:write"])
async def test_a_token_needs_the_scope(lender, token, scope: str) -> None:
    headers = {"Authorization": f"Bearer {token(scope=scope)}"}
    assert (await lender.get("/v1/notices", headers=headers)).status_code == 403
