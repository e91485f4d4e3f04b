"""The evaluation that authorised a float is kept as it was answered, whatever order events come in."""

import asyncio
import random

import pytest
from support.evaluated import check, evaluated
from support.reviews import NOW, rows

from underwriting.domain.application import Product
from underwriting.store import audit, evaluations
from underwriting.store.errors import FrozenOtherwise, NotJudged, UnknownEvaluation
from underwriting.store.evaluations import FloatRank, Frozen
from underwriting.store.session import Store


async def freeze(
    store: Store, evaluation_id: str, float_id: str, event_id: str = "event-1", tenant: str = "acme"
) -> Frozen:
    async with store.begin() as work:
        return await evaluations.freeze(work, tenant, evaluation_id, float_id, event_id, NOW)


async def rank(store: Store, user_id: str = "ada", tenant: str = "acme") -> FloatRank | None:
    async with store.read() as work:
        return await evaluations.float_rank(work, tenant, user_id, Product.FLOAT)


async def test_the_evaluation_is_kept_beside_its_float(store: Store) -> None:
    record = await evaluated(store)
    kept = await freeze(store, record.id, "float-1")
    assert (kept.new, kept.body, kept.evaluation_id, kept.user_id) == (True, record.body, record.id, "ada")
    async with store.read() as work:
        found = await evaluations.frozen(work, "acme", "float-1")
        assert found is not None
        assert (found.body, found.frozen_at, found.new) == (record.body, NOW, False)
        assert await evaluations.frozen(work, "globex", "float-1") is None
        assert [entry.action for entry in await audit.entries(work, record.id)][-1] == "evaluation.frozen"
    assert await rank(store) == FloatRank(1, "float-1", record.id)
    assert await rank(store, tenant="globex") is None


async def test_twenty_deliveries_of_one_event_count_one_float(store: Store) -> None:
    record = await evaluated(store)
    kept = await asyncio.gather(*(freeze(store, record.id, "float-1", f"event-{n}") for n in range(20)))
    assert [frozen.new for frozen in kept].count(True) == 1
    assert {frozen.body for frozen in kept} == {record.body}
    assert await rank(store) == FloatRank(1, "float-1", record.id)


async def test_twenty_floats_at_once_are_all_counted(store: Store) -> None:
    records = [await evaluated(store) for _ in range(5)]
    floats = {f"float-{number}": records[number % 5].id for number in range(20)}
    await asyncio.gather(*(freeze(store, evaluation_id, float_id) for float_id, evaluation_id in floats.items()))
    found = await rank(store)
    assert found is not None
    assert (found.floats_taken, found.last_evaluation_id) == (20, records[-1].id)


async def test_the_order_of_events_never_matters(store: Store) -> None:
    dice = random.Random(20261124)
    for user in ("ada", "bob", "eve"):
        records = [await evaluated(store, user) for _ in range(4)]
        events = [(record.id, f"{user}-{number}") for number, record in enumerate(records)] * 2
        dice.shuffle(events)
        for evaluation_id, float_id in events:
            await freeze(store, evaluation_id, float_id)
        assert await rank(store, user) == FloatRank(4, f"{user}-3", records[-1].id)


async def test_another_evaluation_for_the_same_float_is_refused(store: Store) -> None:
    first, second = await evaluated(store), await evaluated(store)
    await freeze(store, first.id, "float-1")
    with pytest.raises(FrozenOtherwise, match=f"float float-1 is frozen with evaluation {first.id}"):
        await freeze(store, second.id, "float-1")
    assert await rank(store) == FloatRank(1, "float-1", first.id)


async def test_what_is_not_known_or_not_judged_cannot_be_frozen(store: Store) -> None:
    record = await evaluated(store)
    with pytest.raises(UnknownEvaluation):
        await freeze(store, "evl_01JZZZZZZZZZZZZZZZZZZZZZZZ", "float-1")
    with pytest.raises(UnknownEvaluation):
        await freeze(store, record.id, "float-1", tenant="globex")
    with pytest.raises(NotJudged):
        await freeze(store, (await check(store)).stored.request.id, "float-1")
    assert (await rows(store, "historical_evaluations"), await rank(store)) == (0, None)
