"""A paid call is written down before it is made, and made once."""

import asyncio

import pytest
from support.reviews import LEASE, claim, claimed, finish, let_time_pass, rows

from underwriting.store import audit, ledger
from underwriting.store.claims import Claim
from underwriting.store.errors import LeaseLost
from underwriting.store.ledger import Effect
from underwriting.store.models import EffectState
from underwriting.store.session import Store

PULL = "bureau-pull"


async def begin(store: Store, owned: Claim) -> Effect:
    async with store.begin() as work:
        return await ledger.begin(work, owned, PULL)


async def test_the_intent_is_there_before_the_answer(store: Store) -> None:
    owned = await claimed(store)
    first = await begin(store, owned)
    assert (first.state, first.first, first.payload) == (EffectState.INTENT, True, None)
    assert first.provider_key == f"{owned.subject.request_key}:bureau-pull"


async def test_the_next_attempt_finds_the_intent_and_the_same_key(store: Store) -> None:
    owned = await claimed(store)
    first = await begin(store, owned)
    await let_time_pass(store, "applications", "lease_until", LEASE)
    second = await begin(store, await claim(store, owned.subject.id))
    assert (second.state, second.first, second.provider_key) == (EffectState.INTENT, False, first.provider_key)


async def test_the_answer_is_kept_and_opened_again(store: Store) -> None:
    owned = await claimed(store)
    await begin(store, owned)
    async with store.begin() as work:
        await ledger.done(work, owned, PULL, b'{"score":700}')
    again = await begin(store, owned)
    assert (again.state, again.first, again.payload) == (EffectState.DONE, False, b'{"score":700}')


async def test_of_ten_at_once_one_is_first(store: Store) -> None:
    owned = await claimed(store)
    effects = await asyncio.gather(*(begin(store, owned) for _ in range(10)))
    assert sum(effect.first for effect in effects) == 1
    assert await rows(store, "effects") == 1


async def test_who_lost_the_lease_begins_nothing(store: Store) -> None:
    owned = await claimed(store)
    await let_time_pass(store, "applications", "lease_until", LEASE)
    await claim(store, owned.subject.id)
    with pytest.raises(LeaseLost):
        await begin(store, owned)
    assert await rows(store, "effects") == 0


async def test_after_the_decision_nothing_is_begun(store: Store) -> None:
    owned = await claimed(store)
    await finish(store, owned)
    with pytest.raises(LeaseLost):
        await begin(store, owned)


async def test_an_answer_that_was_paid_for_is_kept_even_by_a_late_worker(store: Store) -> None:
    owned = await claimed(store)
    await begin(store, owned)
    await let_time_pass(store, "applications", "lease_until", LEASE)
    heir = await claim(store, owned.subject.id)
    async with store.begin() as work:
        await ledger.unknown(work, heir, PULL)
    assert (await begin(store, heir)).state is EffectState.UNKNOWN
    async with store.begin() as work:
        await ledger.done(work, owned, PULL, b"late")
    assert (await begin(store, heir)).payload == b"late"


async def test_the_first_answer_stays(store: Store) -> None:
    owned = await claimed(store)
    await begin(store, owned)
    for payload in (b"first", b"second"):
        async with store.begin() as work:
            await ledger.done(work, owned, PULL, payload)
    async with store.begin() as work:
        await ledger.unknown(work, owned, PULL)
    effect = await begin(store, owned)
    assert (effect.state, effect.payload) == (EffectState.DONE, b"first")
    async with store.read() as work:
        assert [entry.action for entry in await audit.entries(work, owned.subject.id)] == ["effect.done"]
