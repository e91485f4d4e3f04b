"""Tenants take turns: nobody waits behind more than a few of another tenant's, whatever that one sends."""

import asyncio
from collections import Counter
from datetime import UTC, datetime, timedelta

import time_machine
from support.evaluated import check, claim_check, eligibility, finish_check
from support.reviews import accept, claim, finish, let_time_pass

from underwriting.domain.eligibility import EvaluationRequest
from underwriting.store import claims, turns
from underwriting.store.kinds import APPLICATIONS, EVALUATIONS
from underwriting.store.session import Store

MOST = 3


async def take(store: Store, tenant: str | None = None, slots: int = MOST) -> list[EvaluationRequest]:
    async with store.begin() as work:
        return [subject for subject, _ in await turns.take(work, EVALUATIONS, slots, tenant)]


async def ask(store: Store, tenant: str, users: int) -> list[str]:
    return [(await check(store, f"u{number:03}", tenant)).stored.subject.id for number in range(users)]


async def decide(store: Store, evaluation_id: str) -> None:
    owned = await claim_check(store, evaluation_id)
    assert owned is not None
    await finish_check(store, owned, eligibility())


async def test_another_tenants_request_has_its_turn_at_once(store: Store) -> None:
    busy = await ask(store, "busy", 40)
    assert [found.id for found in await take(store, "busy")] == busy[:MOST]
    (quiet,) = await ask(store, "quiet", 1)
    assert [found.id for found in await take(store)] == [quiet]
    assert await take(store) == []
    # Two tenants share three: one each. The end of the last that is under way makes room for the oldest that waits.
    for decided in busy[:MOST]:
        assert await take(store, "busy") == []
        await decide(store, decided)
    assert [found.id for found in await take(store, "busy")] == [busy[MOST]]
    assert await claim_check(store, busy[MOST])
    assert await take(store, "busy") == [], "one that is claimed is under way still"


async def test_every_tenants_oldest_comes_before_the_second_of_any(store: Store) -> None:
    first = await ask(store, "a", 5)
    second = await ask(store, "b", 2)
    third = await ask(store, "c", 5)
    taken = [found.id for found in await take(store, slots=3 * MOST)]
    assert taken == [first[0], second[0], third[0], first[1], second[1], third[1], first[2], third[2]]


async def test_a_tenant_that_is_alone_may_have_all_workers_until_another_asks(store: Store) -> None:
    async def take_by(tenant: str | None = None) -> list[str]:
        return [found.id for found in await take(store, tenant, slots=6)]

    busy = await ask(store, "busy", 20)
    assert await take_by("busy") == busy[:6]
    (quiet,) = await ask(store, "quiet", 1)
    assert await take_by() == [quiet]
    await decide(store, quiet)
    for decided in busy[:4]:
        await decide(store, decided)
        assert len(await take_by("busy")) == (1 if decided == busy[3] else 0), "the other one may ask again"
    with time_machine.travel(datetime.now(UTC) + timedelta(minutes=2), tick=True):
        assert len(await take_by("busy")) == 3


async def test_reviews_make_room_for_another_tenants_evaluation(store: Store) -> None:
    for _ in range(6):
        await accept(store, "busy")
    await ask(store, "quiet", 1)
    async with store.begin() as work:
        assert len(await turns.take(work, APPLICATIONS, 6, "busy")) == 3


async def test_reviews_and_evaluations_have_turns_of_their_own(store: Store) -> None:
    await ask(store, "acme", MOST + 1)
    assert len(await take(store)) == MOST
    applications = [await accept(store) for _ in range(MOST + 1)]
    async with store.begin() as work:
        assert [found for found, _ in await turns.take(work, APPLICATIONS, MOST)] == applications[:MOST]
    owned = await claim(store, applications[0].id)
    assert owned is not None
    await finish(store, owned)
    async with store.begin() as work:
        assert [found for found, _ in await turns.take(work, APPLICATIONS, MOST, "acme")] == applications[MOST:]


async def test_what_fails_again_and_again_keeps_no_other_from_its_turn(store: Store) -> None:
    asked = await ask(store, "acme", 2 * MOST)
    for failing in await take(store):
        for _ in range(2):
            owned = await claim_check(store, failing.id)
            assert owned is not None
            async with store.begin() as work:
                await claims.give_back(work, owned, timedelta(seconds=-1), RuntimeError())
    assert [found.id for found in await take(store)] == asked[MOST:]


async def test_what_was_taken_and_never_dispatched_is_owed(store: Store) -> None:
    await ask(store, "acme", 1)
    (taken,) = await take(store)
    await let_time_pass(store, "evaluations", "dispatched_at", timedelta(seconds=16))
    async with store.read() as work:
        (owed,) = await claims.unclaimed(work, EVALUATIONS, timedelta(seconds=15))
    assert (owed.subject, owed.dispatch_no, owed.flow_run_id) == (taken, 1, None)


async def test_many_processes_take_no_more_together(store: Store) -> None:
    for tenant in ("a", "b"):
        await ask(store, tenant, 4 * MOST)
    taken = await asyncio.gather(*(take(store, tenant, 2 * MOST) for tenant in ("a", "b", None) * 8))
    found = [one for some in taken for one in some]
    assert len({one.id for one in found}) == len(found) == 2 * MOST
    assert Counter(one.tenant for one in found) == {"a": MOST, "b": MOST}
