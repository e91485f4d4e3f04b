"""Three tenants and every route: whose data a route shows is the token's tenant's, and nobody else's.

The table below has a line for every route of the API; a new route without one fails here.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from enum import Enum
from pathlib import Path
from typing import Any

import httpx
import pytest
from asgi_lifespan import LifespanManager
from fastapi.routing import APIRoute
from starlette.routing import BaseRoute
from support.databases import fill_template
from support.published import publish_shipped
from ulid import ULID

from underwriting.api.app import create_app
from underwriting.settings import Settings
from underwriting.store import matches
from underwriting.store.keyfile import keyring
from underwriting.store.matches import Found
from underwriting.store.models import RulebookKind
from underwriting.store.session import Store

OWNER, OTHERS = "acme", ("acme2", "other")
SCOPES = (
    "applications:write applications:read referrals:decide events:write"
    " eligibility:check eligibility:read profiles:read profiles:write notices:read notices:write"
    " list_matches:read list_matches:write"
)
APPLICATION = {"customer_id": "ada", "amount": "2500.00", "currency": "USD"}
CHANGE = {"enabled": ["1"], "reason": "goodwill"}
FOR_A_WHILE = {**CHANGE, "expires_on": "2099-01-01T00:00:00Z"}
EVENT = {"source": "float.service", "id": "evt-1", "type": "user_created", "user_id": "ada", "at": "2026-03-02T09:30Z"}
MATCH = Found("ofac", "1", "individual", 1.0, confirmed=False, evidence="same country", compared="a" * 64)


class Foreign(Enum):
    """What another tenant sees of the owner's data on a route."""

    HIDDEN = "404, as if it did not exist"
    APART = "the same, but of its own: ids and versions are others"
    EMPTY = "none of it"
    OPEN = "no tenant's data"


@dataclass(frozen=True)
class Case:
    """A call that succeeds for the owner, and what others get."""

    foreign: Foreign
    status: int = 200
    body: dict[str, Any] | None = None


# The API's description itself, and its page.
DESCRIPTION = {"GET /docs", "GET /docs/oauth2-redirect"}
UNDERWRITING = "/v1/{user_id}/underwriting"
CASES = {
    "POST /v1/applications": Case(Foreign.APART, 202, APPLICATION),
    "GET /v1/applications": Case(Foreign.EMPTY),
    "GET /v1/applications/{application_id}": Case(Foreign.HIDDEN),
    "GET /v1/applications/{application_id}/log": Case(Foreign.HIDDEN),
    # Nobody judged it yet: the owner is told that it does not wait for a person.
    "POST /v1/applications/{application_id}/decision": Case(
        Foreign.HIDDEN, 409, {"verdict": "approved", "note": "seen the papers"}
    ),
    # Nor is it incomplete.
    "POST /v1/applications/{application_id}/answer": Case(Foreign.HIDDEN, 409, {"answer": "supplied"}),
    f"GET {UNDERWRITING}/eligibility": Case(Foreign.APART, 202),
    f"GET {UNDERWRITING}/float_check": Case(Foreign.APART, 202),
    f"GET {UNDERWRITING}/loan_check": Case(Foreign.APART, 202),
    f"GET {UNDERWRITING}/evaluations/{{evaluation_id}}": Case(Foreign.HIDDEN),
    f"GET {UNDERWRITING}/evaluations/{{evaluation_id}}/log": Case(Foreign.HIDDEN),
    # Nobody judged it yet.
    f"POST {UNDERWRITING}/evaluations/{{evaluation_id}}/decision": Case(
        Foreign.HIDDEN, 409, {"verdict": "approved", "note": "seen the papers"}
    ),
    f"GET {UNDERWRITING}/history": Case(Foreign.HIDDEN),
    f"GET {UNDERWRITING}/float_profile": Case(Foreign.HIDDEN),
    f"GET {UNDERWRITING}/float_profile/versions": Case(Foreign.HIDDEN),
    f"PUT {UNDERWRITING}/float_profile": Case(Foreign.APART, 200, CHANGE),
    f"PUT {UNDERWRITING}/float_profile/temporary": Case(Foreign.APART, 200, FOR_A_WHILE),
    f"DELETE {UNDERWRITING}/float_profile/temporary": Case(Foreign.HIDDEN, 204),
    "GET /v1/notices": Case(Foreign.EMPTY),
    # Nobody judged it yet, so there is nothing to tell the customer; test_notices_api.py has one that was rejected.
    "GET /v1/notices/{application_id}": Case(Foreign.HIDDEN, 409),
    "POST /v1/notices/{application_id}/sent": Case(Foreign.HIDDEN, 409, {"how": "letter"}),
    "GET /v1/list_matches": Case(Foreign.EMPTY),
    "POST /v1/list_matches/{user_id}/clear": Case(Foreign.HIDDEN, 200, {"note": "born elsewhere"}),
    "POST /v1/events": Case(Foreign.APART, 202, EVENT),
    "GET /health": Case(Foreign.OPEN),
    "GET /health/live": Case(Foreign.OPEN),
}


def api_routes(routes: list[BaseRoute]) -> Iterator[APIRoute]:
    """All routes of the application, those of its routers included, whether they are described or not."""
    for route in routes:
        if isinstance(route, APIRoute):
            yield route
        elif (router := getattr(route, "original_router", None)) is not None:
            yield from api_routes(router.routes)


def test_every_route_has_its_line():
    routes = api_routes(create_app(Settings()).routes)
    found = {f"{method} {route.path}" for route in routes for method in route.methods}
    # A notice is asked for by the id of what it is about.
    found = {path.replace("{subject_id}", "{application_id}") for path in found}
    assert found - DESCRIPTION == set(CASES)


@dataclass(frozen=True)
class Filled:
    """A database to copy, the names in it that stand in paths, and all that the owner can read."""

    template: str
    names: dict[str, str]
    readable: list[bytes]


@pytest.fixture(scope="module")
def filled(
    postgres_url: str,
    settings_on: Callable[[str, Path], Settings],
    token: Callable[..., str],
    no_prefect: None,
    tmp_path_factory: pytest.TempPathFactory,
) -> Filled:
    """A database with the owner's application, evaluations and profile."""
    names: dict[str, str] = {}
    readable: list[bytes] = []

    async def fill(url: str) -> None:
        config = settings_on(url, tmp_path_factory.mktemp("filled"))
        async with Store.open(url, keyring(config)) as store:
            await publish_shipped(store, RulebookKind.REVIEW, RulebookKind.ELIGIBILITY)
            async with store.begin() as work:
                await matches.keep(work, OWNER, "ada", [MATCH], {"individual"})
            async with LifespanManager(create_app(config)) as running:
                headers = {"Authorization": f"Bearer {token(scope=SCOPES)}"}
                transport = httpx.ASGITransport(running.app)
                async with httpx.AsyncClient(transport=transport, base_url="http://api", headers=headers) as api:
                    names.update(await given(api))
                    # A check that is asked for the first time begins.
                    await everything(api, names)
                    readable.extend(await everything(api, names))

    return Filled(fill_template(postgres_url, "for_tenants", fill), names, readable)


async def given(api: httpx.AsyncClient) -> dict[str, str]:
    """What the owner gives the API, by the names that stand in paths."""
    applied = await api.post("/v1/applications", json=APPLICATION, headers={"Idempotency-Key": "ours"})
    asked = await api.get("/v1/ada/underwriting/eligibility")
    (await api.put("/v1/ada/underwriting/float_profile", json=CHANGE)).raise_for_status()
    (await api.put("/v1/ada/underwriting/float_profile/temporary", json=FOR_A_WHILE)).raise_for_status()
    (await api.post("/v1/events", json=EVENT)).raise_for_status()
    return {"user_id": "ada", "application_id": applied.json()["id"], "evaluation_id": asked.json()["id"]}


@pytest.fixture(scope="module")
def postgres_template(filled: Filled) -> str:
    return filled.template


@pytest.fixture
def owned(api: httpx.AsyncClient, filled: Filled, token: Callable[..., str]) -> dict[str, str]:
    """What there is of the owner, whose token the client has, by the names that stand in paths."""
    api.headers["Authorization"] = f"Bearer {token(scope=SCOPES)}"
    return filled.names


@pytest.mark.parametrize("route", CASES)
async def test_a_route_shows_a_tenant_its_own_only(api, token, owned, filled, route):
    case, (method, path) = CASES[route], route.split(" ")

    async def call(tenant: str) -> httpx.Response:
        headers = {"Authorization": f"Bearer {token(tenant=tenant, scope=SCOPES)}"}
        if path == "/v1/applications" and method == "POST":
            headers["Idempotency-Key"] = "ours"
        return await api.request(method, path.format(**owned), json=case.body, headers=headers)

    answers = {tenant: await call(tenant) for tenant in OTHERS}
    assert await everything(api, owned) == filled.readable, "nobody else's call changes anything of the owner's"
    ours = await call(OWNER)
    assert ours.status_code == case.status
    for tenant, answer in answers.items():
        expected = 404 if case.foreign is Foreign.HIDDEN else case.status
        assert answer.status_code == expected, tenant
        if case.foreign is Foreign.APART:
            assert "Idempotent-Replayed" not in answer.headers
            assert told_apart(answer) != told_apart(ours), tenant
        if case.foreign is Foreign.EMPTY:
            assert answer.json() == {"items": [], "next": None}


def told_apart(answer: httpx.Response) -> object:
    """What tells one tenant's answer from another's: the id of a record, whether an event is new, a version."""
    record = answer.json()
    return record["version"] if "version" in record else record["new"] if "new" in record else record["id"]


async def everything(api: httpx.AsyncClient, owned: dict[str, str]) -> list[bytes]:
    """All that the owner can read."""
    paths = [route.removeprefix("GET ") for route, case in CASES.items() if route.startswith("GET ")]
    return [(await api.get(path.format(**owned))).content for path in paths]


async def test_nobody_without_a_token_is_shown_anything(api, owned):
    del api.headers["Authorization"]
    for route, case in CASES.items():
        method, path = route.split(" ")
        answer = await api.request(method, path.format(**owned), json=case.body)
        assert answer.status_code == (200 if case.foreign is Foreign.OPEN else 401), route


@pytest.mark.parametrize("route", [route for route, case in CASES.items() if case.foreign is Foreign.HIDDEN])
async def test_an_id_that_nobody_has_or_can_have_is_answered_like_a_foreign_one(api, token, owned, route):
    case, (method, path) = CASES[route], route.split(" ")
    of_a_user = "{user_id}" in path and "{evaluation_id}" not in path
    name = "user_id" if of_a_user else "evaluation_id" if "{evaluation_id}" in path else "application_id"

    async def told(an_id: str, tenant: str = OWNER, body: object = case.body) -> tuple[int, str]:
        headers = {"Authorization": f"Bearer {token(tenant=tenant, scope=SCOPES)}"}
        answer = await api.request(method, path.format(**{**owned, name: an_id}), json=body, headers=headers)
        return answer.status_code, answer.text.replace(an_id, "THE ID")

    foreign = await told(owned[name], "other")
    assert foreign[0] == 404
    nobodys = "no-such-user" if of_a_user else f"{owned[name][:4]}{ULID()}"
    impossible = ("-x", "x" * 65) if of_a_user else ("nonsense", f"lim_{ULID()}x", owned[name].lower())
    assert {await told(an_id) for an_id in (nobodys, *impossible)} == {foreign}
    if case.body is not None:
        # What is wrong besides is said of each of them alike.
        wrong = {(await told(an_id, body={}))[0] for an_id in (owned[name], nobodys, impossible[0])}
        assert wrong == {422}


@pytest.mark.parametrize("route", [route for route, case in CASES.items() if "{user_id}" in route])
async def test_a_user_who_cannot_be_is_not_there(api, token, owned, route):
    case, (method, path) = CASES[route], route.split(" ")
    headers = {"Authorization": f"Bearer {token(scope=SCOPES)}"}
    address = path.format(**{**owned, "user_id": "a b"})
    answer = await api.request(method, address, json=case.body, headers=headers)
    assert (answer.status_code, answer.json()["error_code"]) == (404, "NOT_FOUND")
