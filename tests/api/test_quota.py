"""What one tenant may send: so many calls of a period over all processes, and so much that is undecided."""

import asyncio
from uuid import uuid4

import time_machine
from sqlalchemy import text
from support.eligibility_api import judged, url
from support.reviews import CONSENT

from underwriting.api.quota import Quota


async def test_a_tenant_that_calls_too_often_is_told_when_to_come_back(serving, config, token):
    async with serving(config.model_copy(update={"api_quota": "5/hour"})) as client:

        async def call(tenant="acme"):
            return await client.get("/v1/applications", headers={"Authorization": f"Bearer {token(tenant=tenant)}"})

        assert [(await call()).status_code for _ in range(5)] == [200] * 5
        refused = await call()
        assert (refused.status_code, refused.json()["error_code"]) == (429, "RATE_LIMITED")
        assert 1 <= int(refused.headers["Retry-After"]) <= 3_600
        assert (await call("other")).status_code == 200


async def test_the_quota_holds_over_all_processes(api_store):
    processes = [Quota("120/hour", api_store) for _ in range(3)]
    ends = await asyncio.gather(*(one.take("acme") for one in processes * 60), return_exceptions=True)
    refused = [end for end in ends if end is not None]
    assert len(ends) - len(refused) == 120
    assert {end.body.error_code for end in refused} == {"RATE_LIMITED"}
    await processes[0].take("other")


async def test_a_new_period_begins_with_the_whole_quota(api_store):
    quota = Quota("10/minute", api_store)
    with time_machine.travel("2026-11-29T12:00:30Z", tick=False) as clock:
        ends = await asyncio.gather(*(quota.take("acme") for _ in range(15)), return_exceptions=True)
        assert [end and end.headers["Retry-After"] for end in ends] == [None] * 10 + ["30"] * 5
        clock.shift(31)
        await asyncio.gather(*(quota.take("acme") for _ in range(10)))


async def test_who_has_too_much_undecided_waits_and_nobody_else(serving, config, token, api_store, books):
    async with serving(config.model_copy(update={"tenant_open": 2})) as client:

        async def ask(user_id, tenant="acme"):
            return await client.get(url(user_id), headers={"Authorization": f"Bearer {token(tenant=tenant)}"})

        async def apply():
            headers = {"Authorization": f"Bearer {token()}", "Idempotency-Key": uuid4().hex}
            body = {"customer_id": "ada", "amount": "2500.00", "currency": "USD", "bureau_consent": CONSENT}
            return await client.post("/v1/applications", headers=headers, json=body)

        first, _ = await ask("ada"), await ask("bob")
        refused = await ask("eve")
        assert (refused.status_code, refused.json()["error_code"]) == (429, "TOO_MANY_UNDECIDED")
        assert (refused.headers["Retry-After"], refused.json()["message"]) == (
            "10",
            "2 evaluations of your tenant are undecided; send more once some of them are decided.",
        )
        assert (await ask("ada")).json()["id"] == first.json()["id"], "it is under way already"
        assert (await ask("eve", "other")).status_code == 202
        assert [(await apply()).status_code for _ in range(3)] == [202, 202, 429]
        await judged(api_store, first.json()["id"], books)
        assert (await ask("eve")).status_code == 202
    async with api_store.read() as work:
        assert await work.scalar(text("SELECT count(*) FROM applications")) == 2
