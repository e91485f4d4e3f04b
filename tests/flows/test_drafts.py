"""Drafts tried on customers by fresh answers of the sandbox: what is decided, and that nothing is stored."""

import json
from pathlib import Path

import pytest
from prefect import get_client
from sqlalchemy import func, select
from support.documents import ROOT
from support.float_checks import FloatChecks
from support.in_process import shell
from support.journeys import TENANT, Journey

from rules.eligibility.book import shipped_eligibility_books
from rules.prescreening.book import shipped_rulebooks
from underwriting.store import audit
from underwriting.store.models import AuditHeadRow, AuditRow, Base
from underwriting.store.session import Work

BOOKS = ROOT / "rules" / "rulebooks"
REVIEW, SAFETY = shipped_rulebooks()["prescreening"], shipped_eligibility_books()["float-safety"]


@pytest.fixture
def stricter(tmp_path: Path) -> str:
    """The shipped book with a credit score that nobody reaches, as its next version."""
    text = (BOOKS / "prescreening.yaml").read_text()
    draft = tmp_path / "stricter.yaml"
    draft.write_text(
        text.replace("min_score: 620", "min_score: 850").replace(f"version: {REVIEW.version}", "version: 99")
    )
    return str(draft)


async def everything(journey: Journey) -> dict[str, int]:
    """The number of rows of every table but the audit log's, and of Prefect's flow runs."""

    async def counted(work: Work) -> dict[str, int]:
        tables = [
            table for table in Base.metadata.sorted_tables if table not in (AuditRow.__table__, AuditHeadRow.__table__)
        ]
        return {table.name: await work.scalar(select(func.count()).select_from(table)) or 0 for table in tables}

    async with journey.runtime.store.read() as work, get_client() as client:
        return {**await counted(work), "flow runs": len(await client.read_flow_runs())}


async def noted(journey: Journey, customer: str) -> list[tuple[str, dict[str, str]]]:
    """What the audit log has of a customer's paid calls."""
    async with journey.runtime.store.read() as work:
        return [(row.action, json.loads(row.details)) for row in await audit.entries(work, f"{TENANT}/{customer}")]


async def test_a_draft_decides_on_fresh_answers_and_only_the_paid_pull_is_noted(
    journey: Journey, stricter: str
) -> None:
    before = await everything(journey)
    code, told = await shell("review", "good", "--amount", "2500", "--consent", "--yes", "--rulebook", stricter)
    assert code == 0, told
    assert f"rejected by the draft prescreening v99; approved by {REVIEW.ref}\n" in told
    assert "verdict: approved in force, rejected by the draft" in told
    assert await everything(journey) == before
    assert (await journey.account())["charges"] == 1, "the rulebook in force uses the same report"
    (begun, about), (ended, same) = await noted(journey, "good")
    assert (begun, ended, about) == ("effect.intent", "effect.done", same)
    assert (about["effect"], about["purpose"], about["draft"]) == (
        "bureau-pull",
        "credit_transaction",
        "prescreening v99",
    )


async def test_without_a_consent_or_a_yes_nothing_is_paid(journey: Journey, stricter: str) -> None:
    code, told = await shell("review", "good", "--amount", "2500", "--rulebook", stricter, "--json")
    answer = json.loads(told)
    assert (code, answer["draft"]["verdict"], answer["in_force"]["verdict"]) == (0, "referred", "referred")
    assert "id" not in answer["draft"]
    code, told = await shell("review", "good", "--amount", "2500", "--consent", "--rulebook", stricter)
    assert (code, "May a report be pulled?" in told, "no source was asked" in told) == (2, True, True)
    assert (await journey.account())["charges"] == 0
    assert await noted(journey, "good") == []


async def test_a_pull_without_an_answer_is_noted_as_unknown(journey: Journey, stricter: str) -> None:
    await journey.faults({"bureau": {"error_rate": 1.0}})
    told = (await shell("review", "good", "--amount", "2500", "--consent", "--yes", "--rulebook", stricter))[1]
    assert "no answer: bureau: answered 503" in told
    assert [action for action, _ in await noted(journey, "good")] == ["effect.intent", "effect.unknown"]


async def test_the_book_in_force_is_asked_for_checks_that_the_draft_lacks_but_pulls_no_report(
    journey: Journey, tmp_path: Path
) -> None:
    text = (BOOKS / "prescreening.yaml").read_text()
    draft = tmp_path / "young.yaml"
    draft.write_text(text.replace("min_age_years: 18", "min_age_years: 99"))
    told = (await shell("review", "good", "--amount", "2500", "--consent", "--yes", "--rulebook", str(draft)))[1]
    assert f"rejected by the draft {REVIEW.ref}; referred by {REVIEW.ref}" in told
    assert "no answer for credit_report: bureau: no report is pulled for a comparison" in told
    assert (await journey.account())["charges"] == 0


async def test_a_draft_for_users_decides_in_the_place_of_the_book_of_its_name(
    checks: FloatChecks, tmp_path: Path
) -> None:
    text = (BOOKS / "eligibility" / "float-safety.yaml").read_text()
    draft = tmp_path / "draft.yaml"
    draft.write_text(text.replace("rules:", "rules:\n  - AgeOfAccount: {min_age: 100000}"))
    before = await everything(checks.journey)
    code, told = await shell("eligibility", "steady-pay", "--rulebooks", str(draft))
    assert code == 0, told
    assert f"rejected with the draft {SAFETY.ref}; approved by the books in force" in told
    assert "verdict: approved in force, rejected by the draft" in told
    assert await everything(checks.journey) == before, "not even a profile is made"


async def test_a_new_book_joins_those_in_force_and_says_where_it_does_not_apply(
    checks: FloatChecks, tmp_path: Path
) -> None:
    text = (BOOKS / "eligibility" / "float-safety.yaml").read_text()
    draft = tmp_path / "draft.yaml"
    draft.write_text(
        text.replace("name: float-safety", "name: students").replace("rules:", "applies_to: {segments: [none]}\nrules:")
    )
    code, told = await shell("eligibility", "steady-pay", "--rulebooks", str(draft))
    assert code == 0, told
    assert f"students v{SAFETY.version} does not apply to steady-pay" in told
    assert f"approved with the draft students v{SAFETY.version}; approved by the books in force" in told


@pytest.mark.parametrize(
    ("arguments", "why"),
    [
        (
            ("review", "good", "--amount", "1", "--product", "float", "--rulebook", "prescreening.yaml"),
            "not on a float",
        ),
        (("review", "good", "--amount", "1", "--rulebook", "eligibility/loan-safety.yaml"), "a book of eligibility"),
        (("eligibility", "steady-pay", "--rulebooks", "eligibility/loan-safety.yaml"), "add --product loan"),
        (("eligibility", "steady-pay", "--rulebooks", "prescreening.yaml"), "decides on applications"),
        (("eligibility", "steady-pay", "--product", "all", "--rulebooks", "prescreening.yaml"), "one product"),
    ],
)
async def test_a_draft_of_another_kind_or_product_is_refused(arguments: tuple[str, ...], why: str) -> None:
    code, told = await shell(*arguments[:-1], str(BOOKS / arguments[-1]))
    assert (code, why in told) == (2, True), told
