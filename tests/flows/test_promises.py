"""What may never break: one decision, one paid pull, one post."""

import asyncio
from datetime import datetime, timedelta
from typing import Any

import pytest
from prefect import get_client
from prefect.client.schemas.filters import LogFilter, LogFilterFlowRunId
from prefect.client.schemas.objects import State
from prefect.concurrency.asyncio import concurrency
from pydantic import SecretStr
from sqlalchemy import text
from support.journeys import Journey
from support.reviews import NOW, let_time_pass, rows

from flows.deliver_outbox import deliver_outbox
from tasks.credit_report import BUREAU, PULL, credit_report
from underwriting.settings import Partner
from underwriting.store import claims
from underwriting.store.claims import Claim
from underwriting.store.kinds import APPLICATIONS
from underwriting.store.models import EffectRow, MessageRow
from underwriting.store.queue import outbox

HOUR = timedelta(hours=1)


async def test_a_decided_application_is_not_reviewed_again(journey: Journey) -> None:
    first = await journey.review("good")
    again = await journey.run(first.record.id)
    assert (again.state.name, again.record) == ("NotOwed", first.record)
    assert (await journey.account())["charges"] == 1


async def test_concurrent_runs_of_one_application_are_one_review(journey: Journey) -> None:
    application = await journey.accept("good")
    reviews = await asyncio.gather(*(journey.run(application.id) for _ in range(4)))
    assert sorted(review.state.name or "" for review in reviews) == ["Approved", "NotOwed", "NotOwed", "NotOwed"]
    assert (await journey.account())["charges"] == 1
    assert [post["deliveries"] for post in await journey.posted()] == [1]


async def test_a_worker_that_lost_its_application_pays_and_stores_nothing_more(journey: Journey) -> None:
    await journey.faults({"statements": {"latency": 1.0}})
    application = await journey.accept("good")
    running = asyncio.create_task(journey.run(application.id))
    while (await journey.record(application.id)).state != "running":
        await asyncio.sleep(0.05)
    other = await taken_over(journey, application.id)
    review = await running
    assert review.state.is_failed()
    assert "another worker took over" in (review.state.message or "")
    assert (await journey.account())["charges"] == 0
    assert await journey.posted() == []
    assert other.attempt == 2


async def test_who_waits_for_a_slot_at_the_bureau_has_asked_for_nothing(
    journey: Journey, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(credit_report, "timeout_seconds", 1.0)
    monkeypatch.setattr(credit_report, "retries", 0)
    async with get_client() as client:
        slots = (await client.read_global_concurrency_limit_by_name(BUREAU)).limit
    async with concurrency(BUREAU, occupy=slots, lease_duration=60):
        review = await journey.review("good")
    assert review.record.state == "referred"
    assert await rows(journey.runtime.store, "effects") == 0
    assert (await journey.account())["charges"] == 0


async def taken_over(journey: Journey, application_id: str) -> Claim:
    """Claim the application for another run, as if its lease had expired."""
    await let_time_pass(journey.runtime.store, "applications", "lease_until", HOUR)
    async with journey.runtime.store.begin() as work:
        claim = await claims.claim(work, APPLICATIONS, application_id, "another run", HOUR, 5)
    assert claim is not None
    return claim


@pytest.mark.parametrize(
    "bureau_idempotent", [True, pytest.param(False, marks=pytest.mark.settings(bureau_idempotent=False))]
)
async def test_a_lost_answer_of_the_bureau_is_not_paid_twice(journey: Journey, bureau_idempotent: bool) -> None:
    await journey.faults({"bureau": {"lost_rate": 1.0, "first": 1}}, bureau_idempotent=bureau_idempotent)
    review = await journey.review("good")
    account = await journey.account()
    assert (review.record.verdict, account["charges"]) == ("approved", 1)
    assert account["calls"]["bureau"] >= 2


@pytest.mark.settings(bureau_idempotent=False)
async def test_a_pull_of_unknown_fate_is_referred_and_never_repeated(journey: Journey) -> None:
    await journey.faults({}, bureau_idempotent=False)
    application = await journey.accept("good")
    gone = {"application_id": application.id, "effect": PULL, "state": "intent", "fence": 1, "begun_at": NOW}
    async with journey.runtime.store.begin() as work:
        await work.execute(EffectRow.__table__.insert().values(gone))
    review = await journey.run(application.id)
    checks = {check.check: check for check in review.record.checks}
    assert review.record.verdict == "referred"
    assert "it is not repeated" in (checks["credit_report"].trouble or "")
    assert (await journey.account())["charges"] == 0


@pytest.mark.parametrize(
    "bureau_idempotent", [True, pytest.param(False, marks=pytest.mark.settings(bureau_idempotent=False))]
)
async def test_a_pull_that_a_restore_of_the_store_forgot_is_not_paid_again(
    journey: Journey, bureau_idempotent: bool
) -> None:
    """The partner sends the application again under its key, and gets another id; our reference stays the same."""
    await journey.faults({}, bureau_idempotent=bureau_idempotent)
    application = await journey.accept("good")
    assert (await journey.run(application.id)).record.verdict == "approved"
    again = "app_01KAYB2M4Z5W8Q0V6T3R9N7XJC"
    async with journey.runtime.store.begin() as work:
        for table in ("effects", "outcomes", "checks", "decisions"):
            await work.execute(text(f"DELETE FROM {table}"))
        await work.execute(text(f"UPDATE applications SET id = '{again}', state = 'pending', fence = 0, attempts = 0"))
    assert (await journey.run(again)).record.verdict == "approved"
    assert (await journey.account())["charges"] == 1


async def test_a_result_that_was_refused_is_delivered_later_under_the_same_id(journey: Journey) -> None:
    await journey.faults({"results": {"error_rate": 1.0}})
    record = (await journey.review("good")).record
    assert record.verdict == "approved"
    assert await journey.posted() == []
    await journey.faults({})
    assert await deliver_outbox() == 0, "it is not due yet"
    await let_time_pass(journey.runtime.store, "outbox", "due_at", HOUR)
    assert await deliver_outbox() == 1
    assert await deliver_outbox() == 0
    assert [post["deliveries"] for post in await journey.posted()] == [1]


async def test_a_message_that_does_not_arrive_shows_in_the_run_and_in_its_log(journey: Journey) -> None:
    await journey.faults({"results": {"error_rate": 1.0}})
    review = await journey.review("good")
    store = journey.runtime.store
    await let_time_pass(store, "outbox", "due_at", HOUR)
    state = await deliver_outbox(return_state=True)
    assert (state.type, state.name, state.message) == (
        "COMPLETED",
        "Undelivered",
        "0 messages arrived, 1 failed, 0 dead",
    )
    assert "of sandbox did not arrive by results at attempt 2" in await logged(state)
    async with store.begin() as work:
        await work.execute(MessageRow.__table__.update().values(attempts=len(outbox.WAITS)))
    await let_time_pass(store, "outbox", "due_at", HOUR)
    state = await deliver_outbox(return_state=True)
    assert (state.type, state.message) == ("FAILED", "0 messages arrived, 0 failed, 1 dead: underwriting outbox dead")
    assert "it is dead: underwriting outbox dead" in await logged(state)
    # The run that decided says so, too.
    assert "did not arrive by results at attempt 1" in await logged(review.state)


async def test_a_message_that_cannot_be_written_fails_alone(journey: Journey, monkeypatch: pytest.MonkeyPatch) -> None:
    await journey.faults({"results": {"error_rate": 1.0}})
    broken = (await journey.review("good")).record
    await journey.review("good-company")
    await journey.faults({})
    post = journey.runtime.results.post

    async def damaged(partner: Partner, message_id: str, body: bytes, at: datetime) -> None:
        secret = SecretStr("whsec_!") if broken.id.encode() in body else partner.signing_secret
        await post(partner.model_copy(update={"signing_secret": secret}), message_id, body, at)

    monkeypatch.setattr(journey.runtime.results, "post", damaged)
    await let_time_pass(journey.runtime.store, "outbox", "due_at", HOUR)
    state = await deliver_outbox(return_state=True)
    assert (state.name, state.message) == ("Undelivered", "1 messages arrived, 1 failed, 0 dead")
    assert len(await journey.posted()) == 1


async def logged(state: State[Any]) -> str:
    """The log of a run, once Prefect has it."""
    assert state.state_details.flow_run_id is not None
    wanted = LogFilter(flow_run_id=LogFilterFlowRunId(any_=[state.state_details.flow_run_id]))
    async with get_client() as client:
        for _ in range(40):
            if text := "\n".join(log.message for log in await client.read_logs(wanted) if "arrive" in log.message):
                return text
            await asyncio.sleep(0.25)
    return ""


async def test_a_lost_acknowledgement_is_posted_again_and_can_be_recognised(journey: Journey) -> None:
    await journey.faults({"results": {"lost_rate": 1.0}})
    await journey.review("good")
    await journey.faults({})
    await let_time_pass(journey.runtime.store, "outbox", "due_at", HOUR)
    assert await deliver_outbox() == 1
    (post,) = await journey.posted()
    assert (post["deliveries"], post["changed"]) == (2, False)
