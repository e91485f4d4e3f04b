"""One application for each idempotency key, and each tenant sees its own."""

import asyncio
from datetime import UTC, date, datetime

import pytest
from support.reviews import CONSENT, NOW, accept, claimed, finish, request, rows

from underwriting.domain.application import BureauConsent, State
from underwriting.domain.decision import Verdict
from underwriting.store import applications
from underwriting.store.errors import KeyReused, UnknownApplication
from underwriting.store.session import Store
from underwriting.store.stored import Accepted, request_key


async def submit(store: Store, tenant: str = "acme", key: str = "k", **changes: object) -> Accepted:
    async with store.begin() as work:
        return await applications.accept(work, tenant, request(**changes), key, NOW)


async def test_purpose_and_consent_are_stored_and_shown(store: Store) -> None:
    accepted = await submit(store, bureau_consent=CONSENT)
    async with store.read() as work:
        stored = await applications.get(work, "acme", accepted.stored.subject.id)
    expected = BureauConsent.model_validate(CONSENT)
    assert stored.subject.bureau_consent == stored.record.bureau_consent == expected
    without = await submit(store, key="another")
    assert without.stored.subject.bureau_consent is None
    assert b"bureau_consent" not in without.stored.body


async def test_an_application_is_stored_as_it_was_asked(store: Store) -> None:
    accepted = await submit(store, amount="1999.99", term_months=12, as_of="2026-01-31")
    assert not accepted.replay
    async with store.read() as work:
        stored = await applications.get(work, "acme", accepted.stored.subject.id)
    assert stored == accepted.stored
    assert stored.state is State.PENDING
    assert stored.subject.requested.minor == 199_999
    assert stored.subject.as_of == date(2026, 1, 31)
    assert stored.subject.received_at == NOW
    assert stored.record.amount == "1999.99"
    assert stored.record.verdict is None


async def test_business_date_is_the_day_in_utc_where_it_is_left_out(store: Store) -> None:
    late = datetime.fromisoformat("2026-03-02T20:00:00-08:00")
    async with store.begin() as work:
        accepted = await applications.accept(work, "acme", request(), "k", late)
    assert accepted.stored.subject.as_of == date(2026, 3, 3)
    assert accepted.stored.subject.received_at == late.astimezone(UTC)


async def test_fifty_identical_requests_at_once_make_one_application(store: Store) -> None:
    answers = await asyncio.gather(*(submit(store) for _ in range(50)))
    assert len({answer.stored.subject.id for answer in answers}) == 1
    assert sum(not answer.replay for answer in answers) == 1
    assert await rows(store, "applications") == 1


async def test_another_payload_under_the_same_key_is_refused(store: Store) -> None:
    await submit(store)
    for change in ({"amount": "2500.01"}, {"currency": "EUR"}, {"customer_id": "bob"}, {"as_of": "2026-01-01"}):
        with pytest.raises(KeyReused, match="another payload"):
            await submit(store, **change)
    assert await rows(store, "applications") == 1


async def test_the_same_key_of_another_tenant_is_another_request(store: Store) -> None:
    first, second = await submit(store, "acme"), await submit(store, "globex")
    assert not second.replay
    assert first.stored.subject.id != second.stored.subject.id


def test_request_keys_do_not_run_into_each_other() -> None:
    assert len({request_key("ab", "c", "d"), request_key("a", "bc", "d"), request_key("a", "b", "cd")}) == 3


async def test_a_replay_answers_the_decision_byte_for_byte(store: Store) -> None:
    owned = await claimed(store, key="k")
    record = await finish(store, owned, Verdict.APPROVED)
    answers = [await submit(store, key="k") for _ in range(20)]
    assert {(answer.replay, answer.stored.state, answer.stored.body) for answer in answers} == {
        (True, State.DONE, record.body)
    }


async def test_an_application_of_another_tenant_is_unknown(store: Store) -> None:
    application = await accept(store, "acme")
    async with store.read() as work:
        with pytest.raises(UnknownApplication):
            await applications.get(work, "globex", application.id)
        with pytest.raises(UnknownApplication):
            await applications.get(work, "acme", "app_01JZZZZZZZZZZZZZZZZZZZZZZZ")
        assert (await applications.get(work, None, application.id)).subject == application


async def test_listing_pages_through_ones_own_newest_first(store: Store) -> None:
    mine = [(await accept(store)).id for _ in range(5)]
    await accept(store, "globex")
    await finish(store, await claimed(store))
    async with store.read() as work:
        pending = await applications.listing(work, "acme", State.PENDING, limit=3)
        rest = await applications.listing(work, "acme", State.PENDING, after=pending[-1].subject.id)
        done = await applications.listing(work, "acme", State.REFERRED)
        everyone = await applications.listing(work, None)
    assert [stored.subject.id for stored in pending + rest] == sorted(mine, reverse=True)
    assert [stored.record.verdict for stored in done] == [Verdict.REFERRED]
    assert len(everyone) == 7
