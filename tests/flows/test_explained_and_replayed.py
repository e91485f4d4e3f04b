"""`explain` and `replay` of what the flows stored, and of what the sandbox answers now, over HTTP."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text
from support.float_checks import FloatChecks
from support.in_process import shell
from support.journeys import Journey

from rules.prescreening.book import parse_rulebook, shipped_rulebooks
from underwriting.domain.decision import Verdict
from underwriting.local import Services
from underwriting.store import decisions, rulebooks


class Answers:
    """What a service of the sandbox says of one customer, instead of what the table has."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self.files: list[Path] = []

    def say(self, service: str, customer_id: str, **answer: Any) -> None:
        file = self._folder / service / f"{customer_id}.json"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(json.dumps(answer))
        self.files.append(file)


@pytest.fixture
def answers(services: Services) -> Iterator[Answers]:
    answers = Answers(services.settings.state_dir / "sandbox")
    yield answers
    for file in answers.files:
        file.unlink()


# Applications.


async def test_a_rejected_application_is_explained_with_what_would_have_passed(journey: Journey) -> None:
    record = (await journey.review("low-score")).record
    code, told = await shell("explain", record.id)
    assert code == 0
    assert f"{record.id}: rejected\n" in told
    assert " UTC  rejected by prescreening v3\n" in told
    assert "x CreditScore: " in told
    assert "would pass with credit_score at least " in told
    assert "+ AdultApplicant: " in told


async def test_an_application_without_answers_is_explained_with_what_was_missing(journey: Journey) -> None:
    await journey.faults({"exposure": {"error_rate": 1.0}})
    code, told = await shell("explain", (await journey.review("good")).record.id)
    assert code == 0
    assert "no answer for internal_exposure: exposure: answered 503" in told
    assert "would settle it; passes with " in told


@pytest.mark.parametrize(
    ("customer", "down", "verdict"),
    [("good", {}, "approved"), ("low-score", {}, "rejected"), ("good", {"loans": {"error_rate": 1.0}}, "referred")],
)
async def test_an_application_comes_out_the_same_also_from_the_sources(
    journey: Journey, customer: str, down: dict[str, dict[str, float]], verdict: str
) -> None:
    await journey.faults(down)
    record = (await journey.review(customer)).record
    charges = (await journey.account())["charges"]
    code, told = await shell("replay", record.id, "--fresh")
    assert (code, record.verdict) == (0, verdict), told
    assert told.startswith(f"same answer: {verdict}, from ")
    assert told.endswith("the sources say the same\n")
    assert (await journey.account())["charges"] == charges == 1, "the bureau is not paid again"


async def test_other_answers_are_data_drift_with_what_would_come_of_it(journey: Journey, answers: Answers) -> None:
    record = (await journey.review("good")).record
    answers.say("exposure", "good", currency="USD", outstanding=90_000_00)
    assert (await shell("replay", record.id))[0] == 0, "stored facts do not ask"
    code, told = await shell("replay", record.id, "--fresh")
    assert code == 1
    assert "data drift: the sources say otherwise now, which comes to rejected" in told
    assert "exposure_with_request: 2,500.00 USD then, 92,500.00 USD now" in told
    same, drift = json.loads((await shell("replay", record.id, "--fresh", "--json"))[1])["findings"]
    assert (same["what"], drift["what"]) == ("same", "data drift")
    assert {"place": "exposure_with_request", "then": "2,500.00 USD", "now": "92,500.00 USD"} in drift["differences"]
    assert await journey.record(record.id) == record


async def test_a_stage_that_settles_nothing_now_asks_the_next_and_pays_for_none(
    journey: Journey, answers: Answers
) -> None:
    record = (await journey.review("underage")).record
    person = await journey.runtime.sources.person("good", datetime.now(UTC).date())
    answers.say("users", "underage", **person.model_dump(mode="json"))
    code, told = await shell("replay", record.id, "--fresh")
    assert code == 1
    assert "no answer for credit_report: bureau: no report was pulled then, and a replay pays for none" in told
    assert "data drift: the sources say otherwise now, which comes to referred" in told
    assert "age_years: " in told
    assert (await journey.account())["charges"] == 0


async def test_a_persons_word_is_not_replayed_but_the_rulebooks_is(journey: Journey) -> None:
    await journey.faults({"loans": {"error_rate": 1.0}})
    record = (await journey.review("good")).record
    async with journey.runtime.store.begin() as work:
        await decisions.decide_referral(
            work,
            record.id,
            tenant=None,
            verdict=Verdict.APPROVED,
            note="seen the contracts",
            decided_by="ann",
            now=datetime.now(UTC),
            partners=(),
        )
    code, told = await shell("replay", record.id)
    assert (code, told[:21]) == (0, "same answer: referred")


async def test_a_newer_rulebook_is_named_and_the_answer_stands(journey: Journey) -> None:
    record = (await journey.review("good")).record
    shipped = shipped_rulebooks()["prescreening"]
    newer = parse_rulebook(json.dumps(json.loads(shipped.text) | {"version": shipped.version + 1}))
    async with journey.runtime.store.begin() as work:
        await rulebooks.publish(work, newer.ref, newer.product, newer.text, "test")
    code, told = await shell("replay", record.id)
    assert (code, told.splitlines()[1:]) == (0, [f"rule: {newer.ref} is in force today"])


async def test_a_rulebook_that_is_not_what_it_was_is_rule_drift(journey: Journey) -> None:
    record = (await journey.review("good")).record
    await change(journey, "UPDATE rulebooks SET text = replace(text, '18}', '19}')")
    code, told = await shell("replay", record.id, "--fresh")
    assert code == 1
    assert f"rule drift: {shipped_rulebooks()['prescreening'].ref} judged with digest" in told


async def test_another_decision_by_the_same_facts_and_book_is_code_drift(journey: Journey) -> None:
    """As if the program of then had let it pass: the stored decision is changed."""
    record = (await journey.review("low-score")).record
    await change(journey, "UPDATE decisions SET verdict = 'approved', reasons = '[]'")
    code, told = await shell("replay", record.id)
    assert code == 1
    assert "code drift: the same facts and rulebook give another answer\n  verdict: approved then, rejected now" in told
    assert "reasons: none then, credit_score_low now" in told


async def test_an_undecided_application_has_nothing_to_replay(journey: Journey) -> None:
    accepted = await journey.accept()
    code, told = await shell("replay", accepted.id)
    assert (code, f"nothing is decided about {accepted.id} yet" in told) == (2, True)
    tried = f"  it is not decided; to see what was tried:\n  underwriting explain {accepted.id} --log\n"
    assert await shell("explain", accepted.id) == (0, f"{accepted.id}: pending\n{tried}")


async def change(journey: Journey, statement: str) -> None:
    """What no program of ours would do."""
    async with journey.runtime.store.begin() as work:
        await work.execute(text(statement))


# Evaluations.


async def test_an_evaluation_is_explained_book_by_book(checks: FloatChecks) -> None:
    record = (await checks.evaluate("bounced")).record
    code, told = await shell("explain", record.id)
    assert code == 0
    assert f"{record.id}: float as of {record.as_of}: rejected" in told
    assert "float-stringent v3 (priority" in told
    assert "x ReturnedDebits: " in told
    assert "saw returned_debits_90d = " in told
    assert "Nearest to an approval:" in told


@pytest.mark.parametrize(("user", "verdict"), [("steady-pay", "approved"), ("bounced", "rejected")])
async def test_an_evaluation_comes_out_the_same_also_from_the_sources(
    checks: FloatChecks, user: str, verdict: str
) -> None:
    record = (await checks.evaluate(user)).record
    code, told = await shell("replay", record.id, "--fresh")
    assert (code, record.verdict) == (0, verdict), told
    assert told.startswith(f"same answer: {verdict}, from ")
    assert told.endswith("the sources say the same\n")


async def test_other_scores_are_data_drift_of_an_evaluation(checks: FloatChecks, answers: Answers) -> None:
    record = (await checks.evaluate()).record
    answers.say("scores", "steady-pay")
    code, told = await shell("replay", record.id, "--fresh")
    assert code == 1
    assert "data drift: the sources say otherwise now, which comes to " in told
    assert "payback_prediction: " in told
    assert "then, unknown now" in told
    assert (await checks.stored(record.id)).record == record


async def test_a_source_that_is_down_is_named_and_drifts_to_unknown(journey: Journey, checks: FloatChecks) -> None:
    record = (await checks.evaluate()).record
    await journey.faults({"users": {"error_rate": 1.0}})
    code, told = await shell("replay", record.id, "--fresh")
    assert code == 1
    assert "trouble with list_screening: users: answered 503" in told
    assert "which comes to referred" in told


async def test_a_draft_is_tried_on_a_stored_application(journey: Journey, tmp_path: Path) -> None:
    record = (await journey.review("low-score")).record
    shipped = (Path(__file__).parents[2] / "rules" / "rulebooks" / "prescreening.yaml").read_text()
    draft = tmp_path / "draft.yaml"
    draft.write_text(shipped.replace("min_score: 620", "min_score: 300"))
    code, told = await shell("replay", record.id, "--rulebook", str(draft))
    assert code == 0
    assert told.startswith("referred by the draft prescreening v3; rejected by prescreening v3")
    assert "unknown, since the review did not reach them: fraud, internal_exposure, ongoing_loans" in told
    assert "credit_report: CreditScore: fail then, pass now" in told
