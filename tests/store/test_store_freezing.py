"""The evaluation that authorised a float is kept as it was answered, whatever order events come in."""

import asyncio
import json
import random
from datetime import UTC, datetime
from typing import Any

import pytest
from sqlalchemy import select
from support.evaluated import check, claimed_check, eligibility, evaluated, finish_check
from support.reviews import NOW, rows

from underwriting.domain.application import Product
from underwriting.domain.decision import Verdict
from underwriting.domain.events import Event
from underwriting.store import audit, evaluations, reported_floats
from underwriting.store.errors import FrozenOtherwise, NotDecided, UnknownEvaluation
from underwriting.store.evaluations import FloatRank, Frozen
from underwriting.store.models import MessageRow
from underwriting.store.queue import inbox
from underwriting.store.session import Store


async def freeze(
    store: Store, evaluation_id: str, float_id: str, event_id: str = "event-1", tenant: str = "acme", user: str = "ada"
) -> Frozen | None:
    async with store.begin() as work:
        return await evaluations.freeze(work, tenant, user, evaluation_id, float_id, event_id, NOW)


async def told(store: Store, user_id: str = "ada") -> dict[str, bool | None]:
    """The user's floats, and whether they are authorised."""
    async with store.read() as work:
        return {each.float_id: each.authorised for each in await reported_floats.of_user(work, "acme", user_id)}


async def reports(store: Store) -> list[dict[str, Any]]:
    """What was told of floats that no evaluation authorised."""
    async with store.read() as work:
        bodies = [json.loads(body) for body in await work.scalars(select(MessageRow.body).order_by(MessageRow.seq))]
    return [body["data"] for body in bodies if body["type"] == "float_unauthorised"]


async def rank(store: Store, user_id: str = "ada", tenant: str = "acme") -> FloatRank | None:
    async with store.read() as work:
        return await evaluations.float_rank(work, tenant, user_id, Product.FLOAT)


async def test_the_evaluation_is_kept_beside_its_float(store: Store) -> None:
    record = await evaluated(store)
    kept = await freeze(store, record.id, "float-1")
    assert kept is not None
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
    assert [frozen.new for frozen in kept if frozen].count(True) == 1
    assert {frozen.body for frozen in kept if frozen} == {record.body}
    assert await reports(store) == []
    assert await rank(store) == FloatRank(1, "float-1", record.id)


async def test_of_twenty_floats_at_once_each_evaluation_authorises_one_and_all_are_counted(store: Store) -> None:
    records = [await evaluated(store) for _ in range(5)]
    floats = {f"float-{number}": records[number % 5].id for number in range(20)}
    kept = await asyncio.gather(*(freeze(store, evaluation_id, float_id) for float_id, evaluation_id in floats.items()))
    assert sorted(frozen.evaluation_id for frozen in kept if frozen) == sorted(record.id for record in records)
    assert list((await told(store)).values()).count(True) == 5
    assert len(await reports(store)) == 15
    found = await rank(store)
    assert found is not None
    assert (found.floats_taken, found.last_evaluation_id) == (20, records[-1].id)


async def test_a_second_float_on_an_evaluation_is_reported_once_and_counts_as_open(store: Store) -> None:
    record = await evaluated(store)
    assert await freeze(store, record.id, "float-1") is not None
    for event_id in ("event-2", "event-2", "event-3"):
        assert await freeze(store, record.id, "float-2", event_id) is None
    assert await told(store) == {"float-1": True, "float-2": False}
    (report,) = await reports(store)
    assert report == {
        "float_id": "float-2",
        "evaluation_id": record.id,
        "user_id": "ada",
        "taken_on": "2026-03-02",
        "why": "the evaluation authorised another float before",
    }
    async with store.read() as work:
        assert await evaluations.frozen(work, "acme", "float-2") is None
        actions = [entry.action for entry in await audit.entries(work, record.id)]
    assert actions[-2:] == ["evaluation.frozen", "float_unauthorised"]


@pytest.mark.parametrize("verdict", [Verdict.REJECTED, Verdict.REFERRED])
async def test_what_is_not_approved_authorises_no_float(store: Store, verdict: Verdict) -> None:
    record = await finish_check(store, await claimed_check(store), eligibility(verdict))
    assert await freeze(store, record.id, "float-1") is None
    assert [report["why"] for report in await reports(store)] == ["the evaluation is not approved"]
    assert await told(store) == {"float-1": False}


async def test_the_evaluation_of_another_user_authorises_no_float_and_stays_free_for_its_own(store: Store) -> None:
    record = await evaluated(store)
    assert await freeze(store, record.id, "float-1", user="bob") is None
    assert [(report["user_id"], report["why"]) for report in await reports(store)] == [
        ("bob", "the evaluation is of another user")
    ]
    assert (await told(store), await told(store, "bob")) == ({}, {"float-1": False})
    assert await freeze(store, record.id, "float-2") is not None


async def test_a_float_counts_from_the_moment_its_event_is_kept(store: Store) -> None:
    """Its evaluation may not be known yet, or may never be: the float exists. A clock that is ahead hides it no day."""
    details = {"evaluation_id": "evl_01JZZZZZZZZZZZZZZZZZZZZZZZ", "float_id": "float-1"}
    head = {"source": "floats", "id": "evt-1", "type": "user_float_created", "tenant": "acme", "user_id": "ada"}
    for _ in range(2):
        async with store.begin() as work:
            await inbox.keep(work, Event(**head, at=datetime(2999, 1, 1, tzinfo=UTC), payload=details))
    async with store.read() as work:
        (found,) = await reported_floats.of_user(work, "acme", "ada")
        assert await reported_floats.of_user(work, "globex", "ada") == []
    assert (found.float_id, found.authorised) == ("float-1", None)
    assert found.taken_on <= datetime.now(UTC).date()
    record = await evaluated(store)
    assert await freeze(store, record.id, "float-1") is not None, "another event names the right one"
    assert await told(store) == {"float-1": True}


async def test_the_order_of_events_never_matters(store: Store) -> None:
    dice = random.Random(20261124)
    for user in ("ada", "bob", "eve"):
        records = [await evaluated(store, user) for _ in range(4)]
        events = [(record.id, f"{user}-{number}") for number, record in enumerate(records)] * 2
        dice.shuffle(events)
        for evaluation_id, float_id in events:
            await freeze(store, evaluation_id, float_id, user=user)
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
    with pytest.raises(NotDecided):
        await freeze(store, (await check(store)).stored.subject.id, "float-1")
    assert (await rows(store, "historical_evaluations"), await rank(store)) == (0, None)
