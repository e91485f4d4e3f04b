"""Incomplete applications and counteroffers on a real Prefect server: who moves them on, and what the partner hears."""

import asyncio
import json
from datetime import timedelta

import pytest
from prefect import get_client
from prefect.client.schemas.filters import ArtifactFilter, ArtifactFilterFlowRunId
from prefect.client.schemas.objects import State
from sqlalchemy import text
from support.journeys import Journey
from support.reviews import let_time_pass
from typer.testing import CliRunner

from flows.answer_application import answer_application
from flows.review_application import review_application
from flows.sweep import sweep
from underwriting.cli import application as command_line
from underwriting.store.waiting import Answer

MONTH = timedelta(days=30)


async def supply(journey: Journey, application_id: str) -> None:
    """From now on the user service has what was missing: it answers with the file of another persona."""
    async with journey.runtime.store.begin() as work:
        changed = text("UPDATE applications SET customer_id = 'good' WHERE id = :id")
        await work.execute(changed, {"id": application_id})


async def answered(application_id: str, said: Answer) -> State[None]:
    state: State[None] = await answer_application(application_id, said, "ann", return_state=True)
    return state


async def heard(journey: Journey) -> list[str]:
    return [json.loads(post["body"])["type"] for post in await journey.posted()]


async def test_an_incomplete_application_says_what_is_missing_and_is_reviewed_again(journey: Journey) -> None:
    record = (await journey.review("incomplete")).record
    assert (record.state, [each.what for each in record.missing]) == ("incomplete", ["identity document"])
    await supply(journey, record.id)
    state = await answered(record.id, Answer.SUPPLIED)
    assert (state.name, (await journey.record(record.id)).verdict) == ("Approved", "approved")
    assert await heard(journey) == ["application.incomplete", "application.approved"]
    account = await journey.account()
    assert account["charges"] == 1


async def test_what_is_still_missing_waits_until_the_same_deadline(journey: Journey) -> None:
    first = (await journey.review("incomplete")).record
    state = await answered(first.id, Answer.SUPPLIED)
    second = await journey.record(first.id)
    assert (state.name, second.state, second.respond_by) == ("Incomplete", "incomplete", first.respond_by)
    assert second.notice_due == first.notice_due == journey.runtime.store.day_of(first.received_at) + MONTH


async def test_the_sweep_reviews_it_again_and_its_deadline_rejects_it(journey: Journey) -> None:
    await (await review_application.ato_deployment("review-application")).aapply()
    record = (await journey.review("incomplete")).record
    assert await sweep() == 0, "it waits"
    for column in ("wake_at", "respond_by", "received_at", "received_on"):
        await let_time_pass(journey.runtime.store, "applications", column, MONTH)
    assert await sweep() == 1
    assert (await journey.record(record.id)).state == "pending"
    ended = (await journey.run(record.id)).record
    assert (ended.verdict, [reason.code for reason in ended.reasons]) == ("rejected", ["identity_incomplete"])
    received_on = journey.runtime.store.day_of(record.received_at)
    assert ended.notice_due == received_on, "received a month earlier, as far as the store knows"


async def test_a_counteroffer_is_explained_and_accepted(journey: Journey) -> None:
    review = await journey.review("near-limit")
    record = review.record
    assert record.offer is not None
    assert (record.state, record.offer.amount, record.offer.term_months) == ("counteroffer", "1500.00", 24)
    assert len(record.checks) == 8, "every check was heard"
    run_id = review.state.state_details.flow_run_id
    assert run_id is not None
    async with get_client() as client:
        wanted = ArtifactFilter(flow_run_id=ArtifactFilterFlowRunId(any_=[run_id]))
        (artifact,) = await client.read_artifacts(artifact_filter=wanted)
    assert "Offered instead: 1,500.00 USD over 24 months, 79.31 USD a month" in str(artifact.data)
    for command, said in (("explain", "over 24 months, 79.31 USD a month"), ("replay", "same answer")):
        result = await asyncio.to_thread(CliRunner().invoke, command_line(command), [command, record.id])
        assert (result.exit_code, said in result.stdout) == (0, True), result.output
    fresh = await asyncio.to_thread(CliRunner().invoke, command_line("replay"), ["replay", record.id, "--fresh"])
    assert (fresh.exit_code, "the sources say the same" in fresh.stdout) == (0, True), fresh.output
    state = await answered(record.id, Answer.ACCEPTED)
    accepted = await journey.record(record.id)
    assert (state.name, accepted.approved_amount, accepted.decided_by) == ("Approved", "1500.00", "customer")
    assert await heard(journey) == ["application.counteroffer", "application.approved"]


async def test_an_offer_that_nobody_answers_expires_into_a_rejection(journey: Journey) -> None:
    record = (await journey.review("near-limit")).record
    await let_time_pass(journey.runtime.store, "applications", "wake_at", 2 * MONTH)
    await let_time_pass(journey.runtime.store, "applications", "respond_by", 2 * MONTH)
    assert await sweep() == 0
    ended = await journey.record(record.id)
    assert (ended.verdict, ended.decided_by) == ("rejected", "deadline")
    assert [reason.code for reason in ended.reasons] == ["exposure_limit"]
    received_on = journey.runtime.store.day_of(record.received_at)
    assert ended.notice_due == record.notice_due == received_on + MONTH, "nobody noted a notice"


async def test_staff_decline_for_a_customer_in_the_shell(journey: Journey) -> None:
    record = (await journey.review("near-limit")).record
    command = ["answer", record.id, "declined"]
    result = await asyncio.to_thread(CliRunner().invoke, command_line("answer"), command)
    assert (result.exit_code, result.stdout) == (0, f"{record.id}: rejected\n")
    other = (await journey.review("near-limit")).record
    taken = await asyncio.to_thread(CliRunner().invoke, command_line("answer"), ["answer", other.id, "accepted"])
    assert (taken.exit_code, taken.stdout) == (0, f"{other.id}: approved 1,500.00 USD\n")
    refused = await asyncio.to_thread(CliRunner().invoke, command_line("answer"), ["answer", record.id, "supplied"])
    assert (refused.exit_code, "nothing can be supplied" in refused.output) == (2, True)


@pytest.mark.parametrize("said", [Answer.ACCEPTED, Answer.SUPPLIED])
async def test_an_answer_that_nothing_waits_for_fails_the_run(journey: Journey, said: Answer) -> None:
    record = (await journey.review("good")).record
    state = await answered(record.id, said)
    assert state.is_failed()
    assert await journey.record(record.id) == record
