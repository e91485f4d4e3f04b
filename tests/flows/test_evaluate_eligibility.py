"""A user is evaluated: what the table of the sandbox's users says, on whatever the sources are able to tell."""

import asyncio
import json
import re
from datetime import UTC, datetime, timedelta
from typing import Any

from prefect import get_client
from prefect.client.schemas.filters import ArtifactFilter, ArtifactFilterFlowRunId, FlowRunFilter, FlowRunFilterId
from prefect.client.schemas.objects import TaskRun
from support.evaluated import pause
from support.float_checks import Evaluated, FloatChecks
from support.journeys import TENANT, Journey, task_of
from support.reviews import let_time_pass, rows

from flows.handle_events import handle_events
from rules.limits.tiers import CURRENCY, TIERS
from tasks.record_evaluation import record_evaluation
from tasks.run_books import decide_evaluation, run_books
from tasks.user_check import UserCheck
from underwriting.domain.application import Product
from underwriting.playground.sandbox.users import TABLE
from underwriting.runtime import Runtime
from underwriting.store import claims, evaluations, profiles, reported_floats
from underwriting.store.kinds import EVALUATIONS
from underwriting.store.models import Channel
from underwriting.store.queue import outbox

HOUR = timedelta(hours=1)
SOURCES = {
    "user_record",
    "subscription",
    "list_screening",
    "transaction_feed",
    "float_history",
    "ongoing_loans",
    "scores",
}
HOOK = "https://hooks.partner.example/done"


async def task_runs(evaluated: Evaluated) -> dict[str, TaskRun]:
    """What Prefect recorded of the run's tasks, once it has heard of all of them."""
    run_id = evaluated.state.state_details.flow_run_id
    assert run_id is not None
    async with get_client() as client, asyncio.timeout(30):
        while True:
            found = await client.read_task_runs(flow_run_filter=FlowRunFilter(id=FlowRunFilterId(any_=[run_id])))
            ended = {task_of(run): run for run in found if run.state is not None and run.state.is_final()}
            if ended.keys() >= SOURCES:
                return ended
            await asyncio.sleep(0.05)


async def test_every_kind_of_user_is_judged_as_the_table_says(checks: FloatChecks) -> None:
    free = asyncio.Semaphore(4)

    async def said(user_id: str) -> tuple[str, str]:
        async with free:
            return (await checks.evaluate(user_id)).said

    found = await asyncio.gather(*(said(user.id) for user in TABLE))
    assert {user.id: told for user, told in zip(TABLE, found, strict=True)} == {
        user.id: (user.verdict, user.reason) for user in TABLE
    }


async def test_an_approval_has_the_tiers_of_the_profile_and_the_word_of_every_book(checks: FloatChecks) -> None:
    evaluated = await checks.evaluate()
    record = evaluated.record
    assert evaluated.state.name == "Approved"
    assert record.approved_amounts == ("10.00", "20.00")
    assert record.deciding is not None
    assert record.deciding.name == "float-stringent"
    names = [book.rulebook.name for book in record.books]
    assert names[:3] == ["float-safety", "float-stringent", "float-switchers"]
    assert names[3:] in (["float-standard"], ["float-standard-variant"]), "one arm of the experiment"
    assert {outcome.result for book in record.books[:2] for outcome in book.outcomes} == {"pass"}
    assert (record.troubles, record.profile_version) == ({}, 1)
    assert await rows(checks.store, "evaluation_callbacks") == 0


async def test_an_amount_above_the_profile_takes_a_new_profile(checks: FloatChecks) -> None:
    first = (await checks.evaluate()).record
    async with checks.store.begin() as work:
        profile = await profiles.current(work, TENANT, "steady-pay", datetime.now(UTC))
        assert profile is not None
        tiers = tuple(tier.model_copy(update={"enabled": True}) for tier in profile.tiers)
        now = datetime.now(UTC)
        await profiles.put(work, TENANT, "steady-pay", tiers, (), "goodwill", None, "ann", now)
    second = (await checks.evaluate()).record
    assert (first.profile_version, second.profile_version) == (1, 2)
    caps = (float(second.affordability_cap or 0), float(second.approved_amounts[-1]))
    assert 20 < caps[1] <= caps[0], "the profile opens all amounts, and the cap closes those that cannot be afforded"


async def test_a_loan_is_judged_by_the_books_for_loans(checks: FloatChecks) -> None:
    record = (await checks.evaluate(product=Product.LOAN)).record
    assert {book.rulebook.name for book in record.books} == {"loan-safety", "loan-standard"}
    assert (record.verdict, record.approved_amounts) == ("approved", ("200.00", "250.00", "300.00", "350.00"))


async def test_a_paused_product_is_rejected_whatever_the_books_say(checks: FloatChecks) -> None:
    await checks.evaluate()
    async with checks.store.begin() as work:
        await pause(work, TENANT, "steady-pay", datetime.now(UTC))
    assert (await checks.evaluate()).said == ("rejected", "product_paused")


# Sources.


async def test_sources_are_asked_at_the_same_time(journey: Journey, checks: FloatChecks) -> None:
    slow = {name: {"latency": 0.5} for name in ("users", "floats", "transactions", "scores")}
    await journey.faults(slow)
    ran = await task_runs(await checks.evaluate())
    starts, ends = zip(*((ran[name].start_time, ran[name].end_time) for name in SOURCES), strict=True)
    assert max(starts) < min(ends)


async def test_every_source_down_refers_and_never_approves(journey: Journey, checks: FloatChecks) -> None:
    await journey.faults({}, others={"error_rate": 1.0})
    record = (await checks.evaluate()).record
    assert (record.verdict, record.approved_amounts) == ("referred", ())
    assert record.troubles.keys() == SOURCES
    assert all("503" in trouble for trouble in record.troubles.values())


async def test_a_dead_source_leaves_the_rest_and_says_why(journey: Journey, checks: FloatChecks) -> None:
    await journey.faults({"scores": {"error_rate": 1.0}, "floats": {"latency": 0.3}})
    record = (await checks.evaluate("below-zero")).record
    assert record.troubles == {"scores": "scores: answered 503"}
    assert record.verdict == "rejected"
    heard = {outcome.rule: outcome.result for book in record.books for outcome in book.outcomes}
    assert (heard["CashAdvanceScore"], heard["OnTimeFloatPayback"]) == ("unknown", "pass")


async def test_a_user_whom_the_user_service_does_not_know_is_rejected_and_asked_for_once(checks: FloatChecks) -> None:
    evaluated = await checks.evaluate("nobody-like-that")
    assert evaluated.said == ("rejected", "customer_not_found")
    assert evaluated.record.troubles["user_record"] == "users: does not know the customer"
    ran = await task_runs(evaluated)
    assert {ran[name].run_count for name in SOURCES} == {1}
    assert {ran[name].state_name for name in SOURCES} == {"Completed"}, "an answer is no failure of ours"
    # Nobody gets a profile by being asked about, and the same question again is answered by the same evaluation.
    assert await rows(checks.store, "float_profiles") == 0
    assert evaluated.record.profile_version == 0
    assert await checks.fresh("nobody-like-that") == evaluated.record.body
    await checks.evaluate("steady-pay")
    assert await rows(checks.store, "float_profiles") == 1


async def test_an_outage_is_tried_again(journey: Journey, checks: FloatChecks) -> None:
    await journey.faults({"scores": {"error_rate": 1.0, "first": 1}})
    evaluated = await checks.evaluate()
    assert evaluated.record.verdict == "approved"
    ran = await task_runs(evaluated)
    assert (ran["scores"].run_count, ran["float_history"].run_count) == (2, 1)


# Once, by one.


async def test_concurrent_runs_of_one_evaluation_judge_once(checks: FloatChecks) -> None:
    request = await checks.accept()
    ran = await asyncio.gather(*(checks.run(request) for _ in range(3)))
    assert sorted(each.state.name or "" for each in ran) == ["Approved", "NotOwed", "NotOwed"]
    # Who came second may have ended first, and read an evaluation that was under way.
    (judged,) = (each.record for each in ran if each.state.name == "Approved")
    again = await checks.run(request)
    assert (again.state.name, again.record) == ("NotOwed", judged)
    assert await rows(checks.store, "eligibilities") == 1


async def test_a_worker_that_lost_its_evaluation_stores_nothing(journey: Journey, checks: FloatChecks) -> None:
    await journey.faults({"floats": {"latency": 0.8}})
    request = await checks.accept()
    running = asyncio.create_task(checks.run(request))
    while (await checks.stored(request.id)).state != "running":
        await asyncio.sleep(0.05)
    await let_time_pass(checks.store, "evaluations", "lease_until", HOUR)
    async with checks.store.begin() as work:
        other = await claims.claim(work, EVALUATIONS, request.id, "another run", HOUR, 5)
    ran = await running
    assert ran.state.is_failed()
    assert "another worker took over" in (ran.state.message or "")
    assert (ran.record.state, await rows(checks.store, "eligibilities")) == ("running", 0)
    assert other is not None


async def test_staff_evaluate_from_the_form_also_for_an_earlier_day(checks: FloatChecks) -> None:
    earlier = datetime.now(UTC).date() - timedelta(days=40)
    states = [await checks.ad_hoc("steady-pay"), await checks.ad_hoc("steady-pay", earlier)]
    assert [state.name for state in states] == ["Approved", "Approved"]
    async with checks.store.read() as work:
        found = await evaluations.history(work, "staff", "steady-pay")
        assert await evaluations.history(work, TENANT, "steady-pay") == []
    assert [stored.subject.as_of for stored in found] == [earlier, datetime.now(UTC).date()]
    ages = [fact(stored.record, "AgeOfAccount", "history_days") for stored in found]
    assert all(int(str(days)) > 390 for days in ages), "the feed is that of the day, and begins 400 days before it"


async def test_a_day_to_come_is_refused(checks: FloatChecks) -> None:
    state = await checks.ad_hoc("steady-pay", datetime.now(UTC).date() + timedelta(days=2))
    assert state.is_failed()
    assert await rows(checks.store, "evaluations") == 0


def fact(record: evaluations.EvaluationRecord, rule: str, name: str) -> object:
    return next(outcome.observed[name] for book in record.books for outcome in book.outcomes if outcome.rule == rule)


# What others see.


async def test_the_ui_shows_books_and_outcomes_and_the_ways_to_the_record(checks: FloatChecks) -> None:
    evaluated = await checks.evaluate("bounced")
    run_id = evaluated.state.state_details.flow_run_id
    assert run_id is not None
    async with get_client() as client:
        wanted = ArtifactFilter(flow_run_id=ArtifactFilterFlowRunId(any_=[run_id]))
        artifacts = {artifact.type: artifact for artifact in await client.read_artifacts(artifact_filter=wanted)}
        run = await client.read_flow_run(run_id)
    page = str(artifacts["markdown"].data)
    rule, asks = (
        r"\*\*ReturnedDebits\*\*<br>float-stringent v\d+<br>debits_returned",
        "max_count = 0<br>number_of_days = 90",
    )
    assert re.search(rf"\| {rule} \| {asks} \| returned_debits_90d = \d+ \|", page)
    assert page.startswith("# ✗ Rejected")
    assert f"`underwriting explain {evaluated.record.id}`" in page
    assert f"`GET /v1/bounced/underwriting/evaluations/{evaluated.record.id}` with a token" in page
    assert run.name == f"evaluate-{evaluated.record.id}"
    assert "rejected" in run.tags


async def test_whoever_waits_is_owed_a_message_and_one_that_cannot_be_posted_stays_owed(checks: FloatChecks) -> None:
    request = await checks.accept(callback=HOOK)
    evaluated = await checks.run(request)
    assert evaluated.state.name == "Approved", "a partner without an endpoint does not fail the evaluation"
    await let_time_pass(checks.store, "outbox", "due_at", HOUR)
    async with checks.store.begin() as work:
        (message,) = await outbox.due(work, (Channel.CALLBACK,))
    told = json.loads(message.body)
    assert (message.target, message.subject_id, message.attempt) == (HOOK, request.id, 2)
    assert told["type"] == "evaluation.approved"
    assert told["data"] == json.loads(evaluated.record.body)


def created(evaluation_id: str, float_id: str, event_id: str, user_id: str = "steady-pay") -> dict[str, Any]:
    return {
        "source": "float.service",
        "id": event_id,
        "type": "user_float_created",
        "tenant": TENANT,
        "user_id": user_id,
        "at": datetime.now(UTC).isoformat(),
        "payload": {"evaluation_id": evaluation_id, "float_id": float_id},
    }


async def test_a_float_freezes_the_very_evaluation_that_approved_it(runtime: Runtime, checks: FloatChecks) -> None:
    request = await checks.accept()
    await checks.run(request)
    await handle_events(created(request.id, "flt-1", "evt-1"))
    async with runtime.store.read() as work:
        frozen = await evaluations.frozen(work, TENANT, "flt-1")
    assert frozen is not None
    assert frozen.body == (await checks.stored(request.id)).body


async def test_a_float_that_its_service_does_not_list_yet_counts_as_open(checks: FloatChecks) -> None:
    """It was told of once for a float and once for the loan; the second float on the evaluation counts too."""
    first = (await checks.evaluate()).record
    assert first.verdict == "approved"
    for float_id, event_id in (("flt-1", "evt-1"), ("flt-2", "evt-2"), ("flt-1", "evt-3")):
        await handle_events(created(first.id, float_id, event_id))
        again = await checks.evaluate()
        assert again.said == ("rejected", "floats_outstanding")
    assert (await checks.evaluate(product=Product.LOAN)).said == ("rejected", "floats_outstanding")
    (safety,) = [book for book in again.record.books if book.rulebook.name == "float-safety"]
    (outstanding,) = [outcome for outcome in safety.outcomes if outcome.rule == "OutstandingFloats"]
    assert outstanding.observed == {"outstanding_floats": 2}
    assert (await checks.evaluate("weekly-pay")).said == (await checks.evaluate("weekly-pay")).said


async def test_a_float_whose_event_nobody_could_handle_yet_counts_as_open(checks: FloatChecks) -> None:
    await handle_events(created("evl_01KAYB2M4Z5W8Q0V6T3R9N7XJC", "flt-1", "evt-1"))
    assert (await checks.evaluate()).said == ("rejected", "floats_outstanding")


async def test_what_changes_while_the_books_are_run_has_the_user_judged_again(
    runtime: Runtime, checks: FloatChecks
) -> None:
    request = await checks.accept()
    async with runtime.store.begin() as work:
        claim = await claims.claim(work, EVALUATIONS, request.id, "run", HOUR, 5)
        profile = await profiles.on_first_contact(work, TENANT, "steady-pay", datetime.now(UTC), CURRENCY, TIERS)
    assert claim is not None
    check = UserCheck(runtime, claim, profile)
    ran = await run_books(check)
    async with runtime.store.begin() as work:
        await reported_floats.record(work, TENANT, "steady-pay", "flt-1", request.id, datetime.now(UTC))
    assert not await record_evaluation(check, decide_evaluation(check, ran), ran)
    ran = await run_books(check)
    async with runtime.store.begin() as work:
        await pause(work, TENANT, "steady-pay", datetime.now(UTC))
    assert not await record_evaluation(check, decide_evaluation(check, ran), ran)
    assert (await checks.stored(request.id)).state == "running"
    async with runtime.store.read() as work:
        check.profile = await profiles.current(work, TENANT, "steady-pay", datetime.now(UTC))
    assert await record_evaluation(check, decide_evaluation(check, ran), ran)
    assert (await checks.stored(request.id)).record.verdict == "rejected"
