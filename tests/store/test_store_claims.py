"""One owner at a time; the fence says who; nobody's work is forgotten."""

import asyncio
from datetime import timedelta

import pytest
import time_machine
from support.reviews import LEASE, accept, cancel, claim, claimed, finish, let_time_pass

from underwriting.domain.application import Application, State
from underwriting.store import applications, audit, claims, turns
from underwriting.store.applications import StoredApplication
from underwriting.store.claims import Unclaimed
from underwriting.store.errors import NotRetryable, UnknownApplication
from underwriting.store.kinds import APPLICATIONS
from underwriting.store.session import Store


async def stored(store: Store, application_id: str) -> StoredApplication:
    async with store.read() as work:
        return await applications.get(work, None, application_id)


async def owed(store: Store, pending_for: timedelta = timedelta(seconds=15)) -> list[Unclaimed[Application]]:
    async with store.read() as work:
        return await claims.unclaimed(work, APPLICATIONS, pending_for)


async def taken(store: Store, most: int = 8) -> list[tuple[Application, int]]:
    async with store.begin() as work:
        return await turns.take(work, APPLICATIONS, most)


async def expire(store: Store) -> None:
    await let_time_pass(store, "applications", "lease_until", LEASE)


async def test_of_twenty_workers_one_gets_the_claim(store: Store) -> None:
    application = await accept(store)
    won = [owned for owned in await asyncio.gather(*(claim(store, application.id) for _ in range(20))) if owned]
    assert [(owned.fence, owned.attempt) for owned in won] == [(1, 1)]
    assert won[0].subject == application


async def test_an_expired_lease_can_be_claimed_with_the_next_fence(store: Store) -> None:
    first = await claimed(store)
    assert await claim(store, first.subject.id) is None
    await expire(store)
    second = await claim(store, first.subject.id)
    assert second is not None
    assert (second.fence, second.attempt) == (2, 2)


async def test_a_renewed_lease_cannot_be_claimed(store: Store) -> None:
    owned = await claimed(store)
    await expire(store)
    async with store.begin() as work:
        assert await claims.renew(work, owned, LEASE)
    assert await claim(store, owned.subject.id) is None


async def test_who_lost_the_fence_cannot_renew(store: Store) -> None:
    first = await claimed(store)
    await expire(store)
    await claim(store, first.subject.id)
    async with store.begin() as work:
        assert not await claims.renew(work, first, LEASE)
    assert (await stored(store, first.subject.id)).state is State.RUNNING


async def test_a_finished_application_cannot_be_claimed(store: Store) -> None:
    owned = await claimed(store)
    await finish(store, owned)
    await expire(store)
    assert await claim(store, owned.subject.id) is None


async def test_the_attempt_after_the_last_is_quarantine(store: Store) -> None:
    application = await accept(store)
    for attempt in (1, 2):
        owned = await claim(store, application.id, max_attempts=2)
        assert owned is not None
        assert owned.attempt == attempt
        await expire(store)
    assert await claim(store, application.id, max_attempts=2) is None
    found = await stored(store, application.id)
    assert (found.state, found.trouble) == (State.QUARANTINED, "no attempt of 2 came to an end")
    async with store.read() as work:
        assert [entry.action for entry in await audit.entries(work, application.id)] == ["application.quarantined"]


async def test_a_cancelled_application_is_retried_by_an_operator_only(store: Store) -> None:
    owned = await claimed(store)
    async with store.begin() as work:
        assert not await claims.cancel(work, APPLICATIONS, owned.subject.id, "run"), "its worker goes on"
        await claims.give_back(work, owned, -LEASE)
        assert not await claims.cancel(work, APPLICATIONS, owned.subject.id, "another run"), "it was given to this one"
    async with store.begin() as work:
        await cancel(work, owned)
    assert (await stored(store, owned.subject.id)).trouble == "its flow run was cancelled in Prefect"
    assert await owed(store) == []
    async with store.begin() as work:
        await claims.retry(work, APPLICATIONS, owned.subject.id, by="olga")
    again = await claim(store, owned.subject.id)
    assert again is not None
    assert (again.attempt, again.fence) == (1, 2)
    with pytest.raises(NotRetryable, match="is running, neither quarantined nor cancelled: it is under way"):
        async with store.begin() as work:
            await claims.retry(work, APPLICATIONS, owned.subject.id, by="olga")
    with pytest.raises(UnknownApplication):
        async with store.begin() as work:
            await claims.retry(work, APPLICATIONS, "app_01JZZZZZZZZZZZZZZZZZZZZZZZ", by="olga")


async def test_a_pending_application_is_owed_once_its_dispatch_was_long_ago(store: Store) -> None:
    application = await accept(store)  # received at NOW, which is long ago
    assert await owed(store) == [], "it waits for its turn"
    assert [(found.id, number) for found, number in await taken(store)] == [(application.id, 1)]
    assert await owed(store) == [], "who took it is about to dispatch it"
    await let_time_pass(store, "applications", "dispatched_at", timedelta(seconds=16))
    assert [(row.subject.id, row.dispatch_no, row.flow_run_id) for row in await owed(store)] == [
        (application.id, 1, None)
    ]
    async with store.begin() as work:
        assert await claims.dispatched(work, APPLICATIONS, application.id, 1, "run-1")
    assert await owed(store) == []
    await let_time_pass(store, "applications", "dispatched_at", timedelta(seconds=16))
    assert [(row.dispatch_no, row.flow_run_id) for row in await owed(store)] == [(2, "run-1")]


async def test_a_running_application_is_owed_when_its_lease_expires_and_then_once(store: Store) -> None:
    owned = await claimed(store)
    async with store.begin() as work:
        await claims.dispatched(work, APPLICATIONS, owned.subject.id, 1, "run-1")
    assert await owed(store) == []
    await let_time_pass(store, "applications", "dispatched_at", timedelta(minutes=1))
    await expire(store)
    assert [(row.state, row.dispatch_no) for row in await owed(store)] == [(State.RUNNING, 2)]
    async with store.begin() as work:
        await claims.dispatched(work, APPLICATIONS, owned.subject.id, 2, "run-2")
    assert await owed(store) == []
    await let_time_pass(store, "applications", "dispatched_at", timedelta(seconds=16))
    assert [row.dispatch_no for row in await owed(store)] == [3]


async def test_what_a_worker_left_comes_before_what_only_waits(store: Store) -> None:
    waiting = [await accept(store) for _ in range(3)]
    await taken(store)
    left = await claimed(store)
    await expire(store)
    async with store.read() as work:
        found = await claims.unclaimed(work, APPLICATIONS, timedelta(), limit=2)
    assert [one.subject.id for one in found] == [left.subject.id, waiting[0].id]


async def test_of_two_sweepers_one_notes_the_dispatch(store: Store) -> None:
    application = await accept(store)

    async def note() -> bool:
        async with store.begin() as work:
            return await claims.dispatched(work, APPLICATIONS, application.id, 1, "run-1")

    assert sorted(await asyncio.gather(note(), note())) == [False, True]


async def test_the_lease_runs_by_the_databases_clock(store: Store) -> None:
    """A worker whose own clock is a day ahead takes nobody's lease."""
    owned = await claimed(store)
    with time_machine.travel("2036-01-01", tick=True):
        assert await claim(store, owned.subject.id) is None
