"""List matches over HTTP: listed by customer, cleared by a person, a tenant's own only."""

from dataclasses import replace
from datetime import UTC, datetime

import httpx
import pytest
from support.evaluated import meet

from underwriting.store import audit, matches, profiles
from underwriting.store.matches import Found
from underwriting.store.session import Store

ALI = Found("ofac", "1", "individual", 1.0, confirmed=False, evidence="same country", compared="a" * 64)
OTHER = replace(ALI, entry_id="2", score=0.8, evidence="")
NOTE = {"note": "born elsewhere"}


@pytest.fixture
def desk(api: httpx.AsyncClient, token) -> httpx.AsyncClient:
    """A client with the scopes of who clears matches."""
    api.headers["Authorization"] = f"Bearer {token(scope='list_matches:read list_matches:write')}"
    return api


async def found(store: Store, user_id: str, *entries: Found, tenant: str = "acme") -> None:
    async with store.begin() as work:
        await matches.keep(work, tenant, user_id, entries, {"individual"})


async def waiting(desk: httpx.AsyncClient, **page: object) -> dict[str, list[str]]:
    answer = await desk.get("/v1/list_matches", params=page)
    assert answer.status_code == 200, answer.text
    return {item["user_id"]: [match["entry"] for match in item["matches"]] for item in answer.json()["items"]}


async def test_matches_are_listed_by_customer_and_paged(desk, api_store: Store) -> None:
    await found(api_store, "bob", ALI)
    await found(api_store, "ada", OTHER, ALI)
    await found(api_store, "eve", ALI, tenant="globex")
    assert await waiting(desk) == {"ada": ["ofac:1", "ofac:2"], "bob": ["ofac:1"]}
    first = (await desk.get("/v1/list_matches", params={"limit": 1})).json()
    assert (first["next"], first["items"][0]["matches"][0]["evidence"]) == ("ada", "same country")
    assert await waiting(desk, after="ada") == {"bob": ["ofac:1"]}
    assert await waiting(desk, after="bob") == {}


async def test_a_clearance_closes_all_matches_of_the_customer_and_ends_the_answer(desk, api_store: Store) -> None:
    await found(api_store, "ada", ALI, OTHER)
    before = await meet(api_store)
    cleared = await desk.post("/v1/list_matches/ada/clear", json=NOTE)
    assert (cleared.status_code, [match["entry"] for match in cleared.json()["matches"]]) == (200, ["ofac:1", "ofac:2"])
    assert b"elsewhere" not in cleared.content
    assert await waiting(desk) == {}
    async with api_store.read() as work:
        now = await profiles.current(work, "acme", "ada", datetime.now(UTC))
        (entry,) = [each for each in await audit.entries(work, "ada") if each.action == "list_match.cleared"]
    assert now is not None
    assert (now.version, entry.actor) == (before.version + 1, "ann")
    again = await desk.post("/v1/list_matches/ada/clear", json=NOTE)
    assert (again.status_code, again.json()["matches"]) == (200, [])
    other = await desk.post("/v1/list_matches/ada/clear", json={"note": "another person"})
    assert (other.status_code, other.json()["error_code"]) == (409, "NO_OPEN_MATCH")


async def test_who_was_never_found_or_is_anothers_is_not_there(desk, api_store: Store) -> None:
    await found(api_store, "eve", ALI, tenant="globex")
    for user_id in ("eve", "nobody"):
        answer = await desk.post(f"/v1/list_matches/{user_id}/clear", json=NOTE)
        assert (answer.status_code, answer.json()["message"]) == (404, f"user {user_id} was found on no list")
    async with api_store.read() as work:
        assert await matches.by_user(work, "globex") != {}


@pytest.mark.parametrize(
    ("scope", "read", "write"), [("list_matches:read", 200, 403), ("list_matches:write", 403, 404)]
)
async def test_a_scope_opens_its_route_only(desk, token, scope: str, read: int, write: int) -> None:
    desk.headers["Authorization"] = f"Bearer {token(scope=scope)}"
    assert (await desk.get("/v1/list_matches")).status_code == read
    assert (await desk.post("/v1/list_matches/ada/clear", json=NOTE)).status_code == write


async def test_a_clearance_says_why(desk, api_store: Store) -> None:
    await found(api_store, "ada", ALI)
    assert (await desk.post("/v1/list_matches/ada/clear", json={"note": ""})).status_code == 422
    assert await waiting(desk) == {"ada": ["ofac:1"]}
