"""Several processes on one database, some of them killed: nothing lost, nothing twice, nothing half stored."""

import asyncio
import random
import signal
import time
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import text
from support.databases import run
from support.evaluated import claimed_check, finish_check
from support.processes import start
from support.reviews import accept, claim, decision, finish, results, rows

from underwriting.domain.application import State
from underwriting.domain.decision import Verdict
from underwriting.store import applications, audit, claims, decisions, evaluations, execution, ledger, turns
from underwriting.store.claims import Claim
from underwriting.store.crypto import Keyring
from underwriting.store.errors import LeaseLost
from underwriting.store.kinds import APPLICATIONS
from underwriting.store.session import Store

pytestmark = pytest.mark.forks

SHORT = timedelta(milliseconds=300)
PARTNERS = ("acme",)


async def increment(url: str, keys: Keyring, times: int) -> None:
    """Read, add one, write: what loses updates where two may read before either writes."""
    async with Store.open(url, keys) as store:
        for _ in range(times):
            async with store.begin() as work:
                lock = "" if work.get_bind().dialect.name == "sqlite" else " FOR UPDATE"
                value = await work.scalar(text(f"SELECT value FROM counter{lock}"))
                await work.execute(text("UPDATE counter SET value = :value"), {"value": value + 1})


async def append(url: str, keys: Keyring, times: int) -> None:
    async with Store.open(url, keys) as store:
        for number in range(times):
            async with store.begin() as work:
                await audit.append(work, "test.happened", str(number), "tester")


def test_no_update_of_four_processes_is_lost(database_url: str, keyring: Keyring) -> None:
    async def prepare() -> None:
        async with Store.open(database_url, keyring) as store, store.begin() as work:
            await work.execute(text("CREATE TABLE counter (value INTEGER)"))
            await work.execute(text("INSERT INTO counter VALUES (0)"))

    async def check() -> None:
        async with Store.open(database_url, keyring) as store, store.read() as work:
            assert await work.scalar(text("SELECT value FROM counter")) == 400
            assert (await audit.head(work)).seq == 100
            assert await audit.verify(work) == []

    run(prepare())
    processes = [start(increment, database_url, keyring, 100) for _ in range(4)]
    processes += [start(append, database_url, keyring, 50) for _ in range(2)]
    for process in processes:
        process.join()
    assert [process.exitcode for process in processes] == [0] * 6
    run(check())


async def finish_once(url: str, keys: Keyring, owned: Claim) -> None:
    async with Store.open(url, keys) as store:
        await finish(store, owned, Verdict.APPROVED, PARTNERS)


def test_a_process_killed_inside_the_final_transaction_leaves_nothing(database_url: str, keyring: Keyring) -> None:
    async def prepare() -> Claim | None:
        async with Store.open(database_url, keyring) as store:
            return await claim(store, (await accept(store)).id)

    async def check(owned: Claim) -> None:
        async with Store.open(database_url, keyring) as store:
            for table in ("decisions", "checks", "outcomes", "outbox", "audit"):
                assert await rows(store, table) == 0
            async with store.read() as work:
                assert (await applications.get(work, None, owned.subject.id)).state is State.RUNNING
            assert (await finish(store, owned, Verdict.APPROVED, PARTNERS)).state is State.DONE

    owned = run(prepare())
    process = start(finish_once, database_url, keyring, owned, failpoint="inside-finish")
    process.join()
    assert process.exitcode == -signal.SIGKILL
    run(check(owned))


async def finish_evaluation_once(url: str, keys: Keyring, owned: Claim) -> None:
    async with Store.open(url, keys) as store:
        await finish_check(store, owned)


def test_a_process_killed_inside_an_evaluations_final_transaction_leaves_nothing(
    database_url: str, keyring: Keyring
) -> None:
    async def prepare() -> Claim:
        async with Store.open(database_url, keyring) as store:
            return await claimed_check(store, callback="https://partner.example/called")

    async def check(owned: Claim) -> None:
        async with Store.open(database_url, keyring) as store:
            for table in ("eligibilities", "evaluation_books", "evaluation_outcomes", "outbox", "audit"):
                assert await rows(store, table) == 0
            async with store.read() as work:
                assert (await evaluations.get(work, None, owned.subject.id)).state is State.RUNNING
            assert (await finish_check(store, owned)).state is State.DONE
            assert await rows(store, "outbox") == 2

    owned = run(prepare())
    process = start(finish_evaluation_once, database_url, keyring, owned, failpoint="inside-finish")
    process.join()
    assert process.exitcode == -signal.SIGKILL
    run(check(owned))


async def claim_and_stay(url: str, keys: Keyring, application_id: str) -> None:
    async with Store.open(url, keys) as store:
        assert await claim(store, application_id, SHORT) is not None
        await asyncio.sleep(60)


async def claim_and_finish(url: str, keys: Keyring, application_id: str) -> None:
    async with Store.open(url, keys) as store:
        while (owned := await claim(store, application_id)) is None:
            await asyncio.sleep(0.05)
        await finish(store, owned)


def test_an_attempt_that_was_killed_is_in_the_log_with_its_worker_and_without_an_end(
    database_url: str, keyring: Keyring
) -> None:
    async def prepare() -> str:
        async with Store.open(database_url, keyring) as store:
            return (await accept(store)).id

    async def attempts(application_id: str) -> list[tuple[int, int, str]]:
        async with Store.open(database_url, keyring) as store, store.read() as work:
            log = await execution.read(work, await applications.get(work, None, application_id))
        begun = [entry for entry in log.entries if entry.what == "began"]
        return [(int(str(each.worker).rpartition(":")[2]), each.attempt or 0, str(each.result)) for each in begun]

    application_id = run(prepare())
    killed = start(claim_and_stay, database_url, keyring, application_id)
    while not run(attempts(application_id)):
        assert killed.is_alive()
    killed.kill()
    killed.join()
    second = start(claim_and_finish, database_url, keyring, application_id)
    second.join()
    assert run(attempts(application_id)) == [(killed.pid, 1, "never_ended"), (second.pid, 2, "decided")]


async def review_all(url: str, keys: Keyring, bureau: Path) -> None:
    """A worker: claims what is owed, pulls the paid report once, decides; until nothing is left."""
    async with Store.open(url, keys) as store:
        while await undecided(store):
            async with store.begin() as work:
                owed = [application for application, _ in await turns.take(work, APPLICATIONS, 1_000)]
                owed += [one.subject for one in await claims.unclaimed(work, APPLICATIONS, timedelta())]
            for application in owed:
                owned = await claim(store, application.id, SHORT, max_attempts=1_000)
                if owned is not None:
                    await review(store, owned, bureau)
            await asyncio.sleep(0.01)


async def review(store: Store, owned: Claim, bureau: Path) -> None:
    try:
        async with store.begin() as work:
            pull = await ledger.begin(work, owned, "pull")
        if pull.payload is None:
            with bureau.open("a") as file:
                file.write(f"{pull.provider_key}\n")
            async with store.begin() as work:
                await ledger.done(work, owned, "pull", b"report")
        async with store.begin() as work:
            verdict = decision(owned.subject, Verdict.APPROVED)
            await decisions.finish(work, owned, results(), verdict, PARTNERS)
    except LeaseLost:
        pass


async def undecided(store: Store) -> int:
    async with store.read() as work:
        return int(await work.scalar(text("SELECT count(*) FROM applications WHERE state <> 'done'")))


def test_workers_killed_at_random_lose_nothing_and_do_nothing_twice(
    database_url: str, keyring: Keyring, tmp_path: Path
) -> None:
    count, kills, dice = 60, 20, random.Random(20260302)
    bureau = tmp_path / "bureau"

    async def prepare() -> None:
        async with Store.open(database_url, keyring) as store:
            for number in range(count):
                await accept(store, customer_id=f"c{number}")

    async def check() -> None:
        async with Store.open(database_url, keyring) as store:
            assert await undecided(store) == 0
            for table in ("decisions", "outbox", "effects"):
                assert await rows(store, table) == count
            async with store.read() as work:
                assert await audit.verify(work) == []
                assert (await audit.head(work)).seq == 2 * count

    run(prepare())
    workers = [start(review_all, database_url, keyring, bureau) for _ in range(3)]
    deadline = time.monotonic() + 90
    while any(worker.exitcode != 0 for worker in workers):
        assert time.monotonic() < deadline, "not done in time"
        time.sleep(dice.uniform(0.02, 0.2))
        index = dice.randrange(len(workers))
        if kills and workers[index].is_alive():
            workers[index].kill()
            workers[index].join()
            workers[index] = start(review_all, database_url, keyring, bureau)
            kills -= 1
    assert kills < 15, "the workers were too quick to be killed"
    run(check())
    assert len(set(bureau.read_text().split())) == count
