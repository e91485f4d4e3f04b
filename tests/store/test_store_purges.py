"""A purge may be stopped at any point, and hinders nobody; what it leaves is as it was."""

import asyncio
import signal
from collections import Counter
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest
from sqlalchemy import update
from support.evaluated import evaluated, meet
from support.processes import exit_code
from support.purged import DAY, LAST, NOWHERE, TODAY, count, counts, demands, purge, rejected, told
from support.reviews import (
    NOW,
    accept,
    claimed,
    finish,
    request,
)

from tasks.purging import purge_some
from underwriting import retention
from underwriting.domain.decision import Verdict
from underwriting.domain.retention import MINIMUMS, Kind
from underwriting.runtime import Runtime
from underwriting.settings import Settings
from underwriting.store import applications, audit, decisions
from underwriting.store.crypto import Keyring
from underwriting.store.models import (
    ApplicationRow,
    EventRow,
    QueueState,
)
from underwriting.store.queue import inbox
from underwriting.store.retention import records
from underwriting.store.session import Store


async def interrupted(url: str, keys: dict[str, bytes], days: int) -> None:
    async with Store.open(url, Keyring(keys, "k1")) as store:
        await retention.purge(store, demands(TODAY + timedelta(days=days)), NOWHERE, "ann")


@pytest.mark.parametrize("place", ["inside-purge", "after-purged-batch"])
def test_a_purge_that_is_killed_leaves_whole_records_and_is_continued(
    database_url: str, place: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    keys = {"k1": bytes(32)}
    days = (LAST - TODAY).days + 1

    async def fill() -> None:
        async with Store.open(database_url, Keyring(keys, "k1")) as store:
            for _ in range(5):
                await rejected(store)
            await evaluated(store)

    async def look() -> tuple[dict[str, int], int, list[Any]]:
        async with Store.open(database_url, Keyring(keys, "k1")) as store:
            async with store.read() as work:
                faults = await audit.verify(work)
                counted = [one.details for one in await audit.entries(work, "acme") if one.action.startswith("purged.")]
            return await counts(store), len(counted), faults

    monkeypatch.setattr("underwriting.store.retention.records.BATCH", 2)
    asyncio.run(fill())
    before, _, _ = asyncio.run(look())
    assert exit_code(killed, database_url, keys, days, failpoint=place) == -signal.SIGKILL
    after, entries, faults = asyncio.run(look())
    gone = before["applications"] - after["applications"]
    assert (gone, entries) == ((0, 0) if place == "inside-purge" else (2, 1))
    assert after["decisions"] == after["applications"], "no half of a record is left"
    assert after["notices"] == after["applications"]
    assert faults == []
    asyncio.run(interrupted(database_url, keys, days))
    end, entries, faults = asyncio.run(look())
    assert (end["applications"], end["outcomes"], faults) == (0, 0, [])


def killed(url: str, keys: dict[str, bytes], days: int) -> None:
    records.BATCH = 2
    asyncio.run(interrupted(url, keys, days))


async def test_readers_and_writers_go_on_while_a_purge_deletes(store: Store) -> None:
    for _ in range(30):
        await rejected(store)
    accepted = 0
    purging = asyncio.create_task(purge(store, LAST + DAY))
    while not purging.done():
        await accept(store, tenant="umbrella")
        accepted += 1
    assert (await purging)[Kind.APPLICATIONS, "acme"] == 30
    assert await count(store, ApplicationRow) == accepted > 0


async def test_two_purges_at_once_count_nothing_twice(store: Store) -> None:
    await meet(store)
    async with store.begin() as work:
        for number in range(20):
            await inbox.receive(work, "bus", str(number), "user_created", "acme", "ada", b"{}", NOW)
        await work.execute(update(EventRow).values(state=QueueState.DONE, done_at=NOW))
    both = await asyncio.gather(*(purge(store, date(2029, 1, 1), Kind.EVENTS) for _ in range(2)))
    assert sum(found.get((Kind.EVENTS, "acme"), 0) for found in both) == 20


async def test_what_is_left_after_a_while_is_left_for_the_next_time(store: Store) -> None:
    await rejected(store)
    today = demands(LAST + DAY)
    assert await retention.purge(store, today, NOWHERE, "ann", (Kind.APPLICATIONS,), seconds=-1) == Counter()
    assert (await retention.purge(store, today, NOWHERE, "ann", (Kind.APPLICATIONS,), seconds=60)).total() == 1


@pytest.mark.parametrize(("says", "gone"), [(False, 0), (True, 1)])
async def test_the_housekeeping_purges_only_if_a_setting_says_so(
    store: Store, tmp_path: Path, *, says: bool, gone: int
) -> None:
    async with store.begin() as work:
        await inbox.receive(work, "bus", "1", "user_created", "acme", "ada", b"{}", NOW)
        await work.execute(update(EventRow).values(state=QueueState.DONE, done_at=datetime.now(UTC) - 200 * DAY))
    runtime = SimpleNamespace(store=store, config=Settings(purge=says, state_dir=tmp_path))
    assert await purge_some(cast("Runtime", runtime)) == gone
    assert await count(store, EventRow) == 1 - gone


async def test_an_idempotency_key_lives_as_long_as_its_application(store: Store) -> None:
    first = await accept(store, key="once")
    assert (await accept(store, key="once")).id == first.id
    record = await finish(store, await claimed(store, key="twice"), Verdict.REJECTED)
    await told(store, record.id)
    await purge(store, LAST)
    async with store.begin() as work:
        again = await applications.accept(work, "acme", request(), "twice", NOW)
    assert (again.stored.subject.id, again.replay) == (record.id, True)


async def test_what_is_kept_is_replayed_as_before(store: Store) -> None:
    kept = await rejected(store, sent_at=NOW + DAY)
    await rejected(store)
    async with store.read() as work:
        before = await decisions.history(work, kept)
        stored = await applications.get(work, None, kept)
        checks_before = await decisions.checks(work, stored)
    assert (await purge(store, LAST + DAY, Kind.APPLICATIONS)) == {(Kind.APPLICATIONS, "acme"): 1}
    async with store.read() as work:
        again = await applications.get(work, None, kept)
        assert await decisions.history(work, kept) == before
        assert (await decisions.checks(work, again), again.body) == (checks_before, stored.body)


def test_less_than_the_law_demands_is_refused() -> None:
    with pytest.raises(retention.TooShort, match=r"24 months are too few: keep applications 25 months after"):
        retention.refuse_too_short([Kind.MESSAGES, Kind.APPLICATIONS], 24)
    retention.refuse_too_short([Kind.APPLICATIONS], 25)
    retention.refuse_too_short(Kind, None)


@pytest.mark.parametrize("kind", list(Kind))
def test_every_kind_has_one_type_of_record(kind: Kind) -> None:
    assert len([each for each in retention.RECORDS if kind in each.kinds]) == 1
    assert MINIMUMS[kind].months > 0
