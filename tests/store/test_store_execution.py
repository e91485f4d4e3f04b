"""The execution log: who tried to decide what, where and when, what it waited for, and which attempt never ended."""

import os
from datetime import timedelta

import pytest
from support.evaluated import claimed_check, finish_check
from support.reviews import LEASE, accept, cancel, claim, claimed, decision, finish, let_time_pass, results, rows

from underwriting.integrations.errors import CustomerNotFound, MalformedAnswer, SourceOutage, SourceRefusal
from underwriting.integrations.steps import MOST_STEPS, asking, recording, waiting
from underwriting.store import applications, claims, decisions, evaluations, execution, ledger
from underwriting.store.errors import LeaseLost
from underwriting.store.execution import KEPT, LogEntry
from underwriting.store.kinds import APPLICATIONS
from underwriting.store.session import Store

WAIT = timedelta(seconds=5)


async def log(store: Store, subject_id: str) -> list[LogEntry]:
    async with store.read() as work:
        get = evaluations.get if subject_id.startswith("evl_") else applications.get
        return list((await execution.read(work, await get(work, None, subject_id))).entries)


def told(entries: list[LogEntry]) -> list[tuple[str, int | None, str | None]]:
    return [(entry.what, entry.attempt, entry.result) for entry in entries]


async def expire(store: Store) -> None:
    await let_time_pass(store, "applications", "lease_until", LEASE)


async def test_a_decision_has_its_dispatch_its_attempt_and_its_worker(store: Store) -> None:
    application = await accept(store)
    async with store.begin() as work:
        await claims.dispatched(work, APPLICATIONS, application.id, 1, "run-1")
    owned = await claim(store, application.id)
    assert owned is not None
    assert ("began", 1, "under_way") in told(await log(store, application.id))
    await finish(store, owned)
    entries = await log(store, application.id)
    assert told(entries) == [
        ("received", None, None),
        ("dispatched", None, None),
        ("began", 1, "decided"),
        ("ended", 1, "decided"),
        ("decided", None, "referred"),
    ]
    _, dispatched, began, ended, decided = entries
    here = str(os.getpid())
    assert (dispatched.dispatch, dispatched.flow_run_id, began.flow_run_id) == (1, "run-1", "run")
    assert [str(entry.worker).rpartition(":")[2] for entry in (dispatched, began)] == [here, here]
    assert ended.seconds is not None
    assert decided.by == "rulebook"


async def test_an_evaluation_has_a_log_too(store: Store) -> None:
    owned = await claimed_check(store)
    await finish_check(store, owned)
    assert ("began", 1, "decided") in told(await log(store, owned.subject.id))


async def test_an_attempt_whose_worker_is_gone_never_ended(store: Store) -> None:
    lost = await claimed(store)
    await expire(store)
    assert told(await log(store, lost.subject.id)) == [
        ("received", None, None),
        ("began", 1, "never_ended"),
        ("last_renewed", 1, None),
    ]
    again = await claim(store, lost.subject.id)
    assert again is not None
    await finish(store, again)
    attempts = [entry for entry in told(await log(store, lost.subject.id)) if entry[0] == "began"]
    assert attempts == [("began", 1, "never_ended"), ("began", 2, "decided")]


async def test_a_worker_that_comes_back_too_late_has_lost_its_attempt(store: Store) -> None:
    slow = await claimed(store)
    await expire(store)
    quick = await claim(store, slow.subject.id)
    assert quick is not None
    await finish(store, quick)
    with pytest.raises(LeaseLost):
        await finish(store, slow)
    async with store.begin() as work:
        await claims.give_back(work, slow, WAIT, LeaseLost(slow.subject.id))
    entries = told(await log(store, slow.subject.id))
    assert {("ended", 1, "lost"), ("ended", 2, "decided")} <= set(entries)


async def test_a_failed_attempt_names_the_kind_of_the_error_and_the_wait_but_not_its_text(store: Store) -> None:
    owned = await claimed(store)
    async with store.begin() as work:
        await claims.give_back(work, owned, WAIT, ValueError("canary"))
    entries = await log(store, owned.subject.id)
    (ended,) = [entry for entry in entries if entry.what == "ended"]
    (waited,) = [entry for entry in entries if entry.what == "waited"]
    assert (ended.result, ended.why) == ("failed", "ValueError")
    assert (waited.seconds, waited.why) == (5.0, "before the next attempt")
    assert "canary" not in repr(entries)


async def test_what_staff_did_is_joined_from_the_audit_log(store: Store) -> None:
    owned = await claimed(store)
    async with store.begin() as work:
        await cancel(work, owned)
    async with store.begin() as work:
        await claims.retry(work, APPLICATIONS, owned.subject.id, by="olga")
    entries = await log(store, owned.subject.id)
    assert [(entry.what, entry.result, entry.by) for entry in entries[1:]] == [
        ("began", "stopped", None),
        ("ended", "stopped", None),
        ("cancelled", None, "system"),
        ("retried", None, "olga"),
    ]


async def test_paid_calls_are_joined_from_the_ledger(store: Store) -> None:
    owned = await claimed(store)
    async with store.begin() as work:
        await ledger.begin(work, owned, "bureau-pull")
    async with store.begin() as work:
        await ledger.done(work, owned, "bureau-pull", b"report")
    paid = [(entry.what, entry.source) for entry in await log(store, owned.subject.id) if "paid" in entry.what]
    assert paid == [("paid_call_begun", "bureau-pull"), ("paid_call_done", "bureau-pull")]


async def test_each_source_has_its_time_its_tries_and_what_it_waited_for(store: Store) -> None:
    owned = await claimed(store)
    with recording(owned.steps):
        for trouble in (SourceOutage("scores", "answered 503"), None):
            try:
                with asking("scores", "Scores"):
                    if trouble is not None:
                        raise trouble
            except SourceOutage:
                pass
        with waiting("bureau", "for a free slot"):
            pass
    async with store.begin() as work:
        await claims.renew(work, owned, LEASE)
    entries = [entry for entry in await log(store, owned.subject.id) if entry.what in {"asked", "waited"}]
    assert [(entry.what, entry.source, entry.tries, entry.result, entry.why) for entry in entries] == [
        ("asked", "scores", 1, "outage", "answered 503"),
        ("waited", "scores", None, None, "before the next try"),
        ("asked", "scores", 2, "answered", None),
        ("waited", "bureau", None, None, "for a free slot"),
    ]
    assert all(entry.seconds is not None and entry.attempt == 1 for entry in entries)


@pytest.mark.parametrize(
    ("trouble", "result"),
    [
        (SourceRefusal("users", "answered 403"), "refused"),
        (CustomerNotFound("users"), "not_found"),
        (MalformedAnswer("users", "not JSON"), "malformed"),
        (TimeoutError(), "failed"),
    ],
)
async def test_a_step_says_how_it_ended(store: Store, trouble: Exception, result: str) -> None:
    owned = await claimed(store)
    with recording(owned.steps), pytest.raises(type(trouble)), asking("users", "Person"):
        raise trouble
    async with store.begin() as work:
        await decisions.finish(work, owned, results(), decision(owned.subject), ())
    assert ("asked", 1, result) in told(await log(store, owned.subject.id))


async def test_outside_of_an_attempt_nothing_is_noted(store: Store) -> None:
    owned = await claimed(store)
    with asking("users", "Person"):
        pass
    assert owned.steps.taken == []


async def test_a_renewal_shows_what_a_worker_waits_for(store: Store) -> None:
    owned = await claimed(store)
    with recording(owned.steps), asking("users", "Person"):
        async with store.begin() as work:
            await claims.renew(work, owned, LEASE)
        (asked,) = [entry for entry in await log(store, owned.subject.id) if entry.what == "asked"]
    assert (asked.seconds, asked.result) == (None, None)


async def test_the_log_of_one_application_is_bounded(store: Store) -> None:
    application = await accept(store)
    for number in range(1, KEPT + 4):
        owned = await claim(store, application.id, max_attempts=1_000)
        assert owned is not None
        with recording(owned.steps):
            for _ in range(MOST_STEPS + 1 if number == KEPT + 3 else 0):
                with asking("users", "Person"):
                    pass
        async with store.begin() as work:
            await claims.dispatched(work, APPLICATIONS, application.id, number, f"run-{number}")
            await claims.give_back(work, owned, -LEASE)
    assert (await rows(store, "attempts"), await rows(store, "dispatches")) == (KEPT, KEPT)
    entries = await log(store, application.id)
    assert max(entry.attempt or 0 for entry in entries) == KEPT + 3
    assert min(entry.attempt for entry in entries if entry.attempt) == 4
    assert sum(entry.what == "asked" for entry in entries) == MOST_STEPS
