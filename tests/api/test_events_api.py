"""`POST /v1/events`: stored before it is answered, once for each event, for the caller's own tenant."""

from typing import Any

import httpx
import pytest
from sqlalchemy import select

from underwriting.store.models import EventRow
from underwriting.store.session import Store


def told(**changes: Any) -> dict[str, Any]:
    given = {"source": "float.service", "id": "evt-1", "type": "user_created", "user_id": "ada"}
    return {**given, "at": "2026-03-02T09:30:00Z", "payload": {"surname": "canary"}, **changes}


@pytest.fixture
def teller(token: Any) -> dict[str, str]:
    return {"Authorization": f"Bearer {token(scope='events:write')}"}


async def kept(store: Store) -> list[EventRow]:
    async with store.read() as work:
        return list(await work.scalars(select(EventRow)))


async def test_an_event_is_kept_once(api: httpx.AsyncClient, api_store: Store, teller: dict[str, str]) -> None:
    first = await api.post("/v1/events", json=told(), headers=teller)
    again = await api.post("/v1/events", json=told(), headers=teller)
    assert (first.status_code, first.json()) == (202, {"source": "float.service", "id": "evt-1", "new": True})
    assert (again.status_code, again.json()["new"]) == (202, False)
    (event,) = await kept(api_store)
    assert (event.tenant, event.user_id, event.type) == ("acme", "ada", "user_created")


async def test_tenants_have_events_of_their_own(
    api: httpx.AsyncClient, api_store: Store, teller: dict[str, str], token: Any
) -> None:
    other = {"Authorization": f"Bearer {token(scope='events:write', tenant='globex')}"}
    for headers in (teller, other):
        assert (await api.post("/v1/events", json=told(), headers=headers)).json()["new"] is True
    assert {event.tenant for event in await kept(api_store)} == {"acme", "globex"}


async def test_a_token_without_the_scope_is_refused(api: httpx.AsyncClient, api_store: Store, token: Any) -> None:
    headers = {"Authorization": f"Bearer {token(scope='applications:write')}"}
    answer = await api.post("/v1/events", json=told(), headers=headers)
    assert (answer.status_code, answer.json()["error_code"]) == (403, "MISSING_SCOPE")
    assert await kept(api_store) == []


@pytest.mark.parametrize(
    ("changes", "place"),
    [
        ({"type": "user_deleted"}, "body.type"),
        ({"user_id": None}, "body.user_id: is missing; user_created needs a user_id"),
        ({"type": "user_float_created"}, "body.payload.evaluation_id: is missing"),
        ({"type": "user_new_txns_batch_completed", "payload": {"products": ["house"]}}, "body.payload.products.0"),
        ({"at": "2026-03-02T09:30:00"}, "body.at"),
        ({"id": "no spaces"}, "body.id"),
        ({"tenant": "globex"}, "body.tenant"),
    ],
)
async def test_what_is_no_event_is_refused_with_its_place(
    api: httpx.AsyncClient, api_store: Store, teller: dict[str, str], changes: dict[str, Any], place: str
) -> None:
    answer = await api.post("/v1/events", json=told(**changes), headers=teller)
    assert (answer.status_code, answer.json()["error_code"]) == (422, "INVALID_REQUEST")
    assert place in answer.json()["message"]
    assert "canary" not in answer.text
    assert await kept(api_store) == []
