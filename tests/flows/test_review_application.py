"""The pre-screening of one applicant, on a real Prefect server, against the sandbox over HTTP."""

import json
import logging
import re
from io import StringIO

import pytest
from prefect import get_client
from prefect.client.schemas.filters import ArtifactFilter, ArtifactFilterFlowRunId
from support.journeys import Journey, task_of, task_runs, tries

from underwriting.playground.sandbox.personas import TABLE, Persona
from underwriting.process import logs
from underwriting.store import applications, execution

CHECKS = [
    "customer_information",
    "bank_statements",
    "financial_statements",
    "credit_report",
    "internal_exposure",
    "fraud",
    "ongoing_loans",
    "payment_history",
]


@pytest.mark.parametrize("persona", TABLE, ids=lambda persona: persona.id)
async def test_every_kind_of_customer_is_decided_as_the_table_says(journey: Journey, persona: Persona) -> None:
    review = await journey.review(persona.id)
    first_reason = review.record.reasons[0].code if review.record.reasons else ""
    assert (review.record.verdict, first_reason) == (persona.verdict, persona.reason)
    assert review.state.name == persona.verdict.value.title()


async def test_an_approval_is_heard_by_every_check_in_order_and_for_the_amount_asked(journey: Journey) -> None:
    record = (await journey.review("good", amount="1234.56")).record
    assert [check.check for check in record.checks] == CHECKS
    assert record.approved_amount == "1234.56"
    assert {outcome.result for check in record.checks for outcome in check.outcomes} == {"pass"}


async def test_the_first_failed_stage_ends_the_review_and_the_bureau_is_not_paid(journey: Journey) -> None:
    review = await journey.review("underage")
    assert [check.check for check in review.record.checks] == CHECKS[:1]
    account = await journey.account()
    assert account["charges"] == 0
    assert set(account["calls"]) == {"users", "results"}


async def test_the_last_stages_checks_run_at_the_same_time(journey: Journey) -> None:
    await journey.faults({"loans": {"latency": 0.5}, "payments": {"latency": 0.5}})
    runs = {task_of(run): run for run in await task_runs(await journey.review("good"))}
    loans, payments = runs["ongoing_loans"], runs["payment_history"]
    assert max(loans.start_time, payments.start_time) < min(loans.end_time, payments.end_time)


async def test_every_line_that_a_review_logs_names_it(journey: Journey) -> None:
    """Prefect's own lines, too, as long as the review is ours: from the claim to the decision."""
    stream, logger = StringIO(), logging.getLogger("prefect.task_runs")
    handler = logging.StreamHandler(stream)
    handler.setFormatter(logs._Json.of_ours())
    logger.addHandler(handler)
    await journey.faults({"bureau": {"error_rate": 1.0}})
    try:
        review = await journey.review("good")
    finally:
        logger.removeHandler(handler)
    lines = [json.loads(line) for line in stream.getvalue().splitlines()]
    retried = [line for line in lines if "Retry" in line["message"]]
    assert {(line["application_id"], line["tenant"]) for line in retried} == {(review.record.id, "sandbox")}
    assert all(line["flow_run_id"] for line in retried)


async def test_without_purpose_and_consent_the_bureau_is_not_asked(journey: Journey) -> None:
    review = await journey.review("good", bureau_consent=None)
    assert review.record.verdict == "referred"
    assert [reason.code for reason in review.record.reasons] == ["bureau_consent_missing"]
    (check,) = [each for each in review.record.checks if each.check == "credit_report"]
    assert check.trouble is not None
    assert "bureau_consent" in check.trouble
    account = await journey.account()
    assert (account["charges"], account["calls"].get("bureau", 0)) == (0, 0)


async def test_an_outage_is_tried_again(journey: Journey) -> None:
    await journey.faults({"exposure": {"error_rate": 1.0, "first": 1}})
    review = await journey.review("good")
    assert review.record.verdict == "approved"
    assert tries(await task_runs(review))["internal_exposure"] == 2


async def test_the_log_has_every_source_its_tries_and_its_waits(journey: Journey) -> None:
    await journey.faults({"exposure": {"error_rate": 1.0, "first": 1}})
    review = await journey.review("good")
    async with journey.runtime.store.read() as work:
        log = await execution.read(work, await applications.get(work, None, review.record.id))
    steps = [entry for entry in log.entries if entry.what in {"asked", "waited"}]
    asked = {(step.source, step.tries, step.result) for step in steps if step.what == "asked"}
    sources = ("users", "statements", "bureau", "fraud", "loans", "payments")
    expected: set[tuple[str, int, str]] = {(source, 1, "answered") for source in sources}
    assert asked == expected | {("exposure", 1, "outage"), ("exposure", 2, "answered")}
    assert {(step.source, step.why) for step in steps if step.what == "waited"} == {
        ("bureau", "for a free slot"),
        ("exposure", "before the next try"),
    }
    began = next(entry for entry in log.entries if entry.what == "began")
    assert began.flow_run_id == str(review.state.state_details.flow_run_id)
    assert [entry.source for entry in log.entries if entry.what == "paid_call_done"] == ["bureau-pull"]


async def test_a_customer_whom_the_user_service_does_not_have_ends_the_review_at_once(journey: Journey) -> None:
    review = await journey.review("nobody-like-that")
    assert review.record.verdict == "incomplete"
    assert [reason.code for reason in review.record.reasons] == ["customer_not_found"]
    # A refusal is not tried again, and no other source is asked.
    tried = tries(await task_runs(review))
    assert (tried["customer_information"], tried["bank_statements"]) == (1, 0)
    assert review.record.checks[0].trouble == "users: does not know the customer"


async def test_a_failed_check_does_not_cancel_its_siblings(journey: Journey) -> None:
    await journey.faults({"loans": {"error_rate": 1.0}, "payments": {"latency": 0.3}})
    checks = {check.check: check for check in (await journey.review("late-payer")).record.checks}
    assert checks["ongoing_loans"].trouble == "loans: answered 503"
    assert {outcome.result for outcome in checks["payment_history"].outcomes} >= {"fail"}


async def test_a_listed_person_is_rejected_also_while_the_fraud_service_is_down(journey: Journey) -> None:
    await journey.faults({"fraud": {"error_rate": 1.0}})
    assert (await journey.review("listed")).record.verdict == "rejected"


async def test_every_source_down_refers_and_never_approves(journey: Journey) -> None:
    await journey.faults({}, others={"error_rate": 1.0})
    record = (await journey.review("good")).record
    assert record.verdict == "referred"
    # What the loan costs is known without any source.
    said = {outcome.rule: outcome.result for check in record.checks for outcome in check.outcomes}
    assert said.pop("MilitaryLending") == "pass"
    assert set(said.values()) == {"unknown"}


async def test_the_result_is_posted_signed_once(journey: Journey) -> None:
    record = (await journey.review("low-score")).record
    (post,) = await journey.posted()
    assert (post["tenant"], post["deliveries"]) == ("sandbox", 1)
    message = json.loads(post["body"])
    assert (message["type"], message["data"]["id"]) == ("application.rejected", record.id)
    assert message["data"]["reasons"][0]["code"] == "credit_score_low"


async def test_the_ui_shows_outcomes_with_reasons_and_facts_and_the_ways_to_the_record(journey: Journey) -> None:
    review = await journey.review("low-score")
    run_id = review.state.state_details.flow_run_id
    assert run_id is not None
    async with get_client() as client:
        wanted = ArtifactFilter(flow_run_id=ArtifactFilterFlowRunId(any_=[run_id]))
        artifacts = {artifact.type: artifact for artifact in await client.read_artifacts(artifact_filter=wanted)}
        run = await client.read_flow_run(run_id)
    page = str(artifacts["markdown"].data)
    assert page.startswith("# ✗ Rejected\n")
    row = r"\| \*\*CreditScore\*\*<br>credit_report<br>credit_score_low \| min_score = \d+ \| credit_score = 4\d\d \|"
    assert re.search(row, page)
    assert page.index("**CreditScore**") < page.index("## ✓ Passed") < page.index("**AdultApplicant**")
    assert f"`underwriting explain {review.record.id}`" in page
    assert f"`GET /v1/applications/{review.record.id}` with a token" in page
    assert f"]({journey.runtime.config.api_url}/docs)" in page
    assert run.name == f"review-{review.record.id}"
    assert "rejected" in run.tags
