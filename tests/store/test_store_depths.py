"""What waits is counted with its age, on both databases, and what needs a person is listed one by one."""

from datetime import UTC, datetime, timedelta

import pytest
from support.evaluated import check, claim_check, evaluated
from support.reviews import accept, cancel, claimed, finish, let_time_pass, waits

from underwriting.domain.decision import Verdict
from underwriting.store.depths import Waiting, customers, depths, quarantined, referred
from underwriting.store.models import Channel
from underwriting.store.queue import outbox
from underwriting.store.session import Store

HOUR = timedelta(hours=1)


async def counts(store: Store) -> dict[str, int]:
    async with store.read() as work:
        return {name: found.count for name, found in (await depths(work, slow=True)).items() if found.count}


async def test_what_waits_is_counted_by_queue(store: Store) -> None:
    assert await counts(store) == {}
    for _ in range(3):
        await accept(store)
    await evaluated(store)
    await check(store, user_id="bob")
    assert await counts(store) == {"applications": 3, "evaluations": 1, "outbox": 1}


async def test_the_oldest_says_how_long_something_waits(store: Store) -> None:
    await accept(store)
    async with store.read() as work:
        before = (await depths(work))["applications"].oldest
    await let_time_pass(store, "applications", "received_at", HOUR)
    async with store.read() as work:
        found = await depths(work)
    assert before is not None
    assert found["applications"] == Waiting(1, before - HOUR)
    assert found["inbox"] == Waiting(0, None)


async def test_failing_and_dead_messages_are_told_apart_from_those_that_wait(store: Store) -> None:
    await evaluated(store)
    for pauses, expected in ((outbox.WAITS, {"outbox": 1, "outbox_failing": 1}), ((), {"outbox_dead": 1})):
        async with store.begin() as work:
            (message,) = await outbox.due(work, [Channel.EVENTS])
            await outbox.QUEUE.failed(work, message.id, message.attempt, "bus: answered 503", pauses)
            [row] = await outbox.QUEUE.pending(work) or await outbox.QUEUE.dead(work)
        assert (row.id, row.trouble) == (message.id, "bus: answered 503")
        assert await counts(store) == expected
        await let_time_pass(store, "outbox", "due_at", 24 * HOUR)


async def test_whatever_lost_its_worker_is_late(store: Store) -> None:
    owned = await check(store)
    assert await claim_check(store, owned.stored.subject.id) is not None
    assert await counts(store) == {"evaluations": 1}
    await let_time_pass(store, "evaluations", "lease_until", HOUR)
    assert await counts(store) == {"evaluations": 1, "evaluations_late": 1}


async def test_what_is_quarantined_is_listed_with_its_trouble(store: Store) -> None:
    await accept(store)
    application = await claimed(store)
    evaluation = (await check(store)).stored.subject
    async with store.begin() as work:
        await cancel(work, application)
    assert await claim_check(store, evaluation.id) is not None
    await let_time_pass(store, "evaluations", "lease_until", HOUR)
    assert await claim_check(store, evaluation.id, max_attempts=1) is None
    async with store.read() as work:
        found = {item.id: (item.tenant, item.subject) for item in await quarantined(work, 10)}
        assert len(await quarantined(work, 1)) == 1
    assert found[evaluation.id] == ("acme", "ada")
    assert found[application.subject.id][0] == "acme"
    assert len(found) == 2


async def test_what_a_person_has_to_decide_is_listed_with_its_reasons(store: Store) -> None:
    application = await claimed(store)
    await finish(store, application)
    await evaluated(store, verdict=Verdict.REFERRED)
    async with store.read() as work:
        found = await referred(work, 10)
    assert len(found) == 2
    assert {item.why for item in found} >= {"LOW_BALANCE"}
    assert all(item.since <= datetime.now(UTC) for item in found)
    assert (await counts(store))["evaluations_referred"] == 1
    assert (await counts(store))["referrals"] == 1


@pytest.mark.parametrize("verdict", [Verdict.INCOMPLETE, Verdict.COUNTEROFFER])
async def test_what_waits_for_its_customer_is_listed_with_its_reasons(store: Store, verdict: Verdict) -> None:
    await finish(store, await claimed(store))
    waiting = await waits(store, verdict)
    async with store.read() as work:
        (found,) = await customers(work, 10)
    assert (found.id, found.tenant) == (waiting, "acme")
    assert found.why
