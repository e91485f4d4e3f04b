"""The batch is the single review, many times over, and sees nothing of what came after the loan."""

from collections.abc import AsyncIterator, Sequence
from datetime import UTC, datetime
from pathlib import Path

import pandas as pd
import pytest
from support.applicants import asking
from support.berka import Bank, needs_real_bank, real_applicants

from rules.facts import compute_facts, subjects, tables_of
from rules.prescreening.book import Rulebook, shipped_rulebooks
from rules.prescreening.decide import decide
from rules.prescreening.engine import evaluate
from underwriting.domain.decision import Decision
from underwriting.domain.money import instalment
from underwriting.playground.berka.bank import Applicant, read_bank
from underwriting.playground.berka.figures import risk
from underwriting.playground.berka.load import write_documents
from underwriting.playground.berka.review import RULEBOOK, prescreen
from underwriting.playground.sandbox.app import create_app
from underwriting.playground.sandbox.serving import served
from underwriting.settings import Settings
from underwriting.sources.sources import Sources


@pytest.fixture(scope="module")
def book() -> Rulebook:
    return shipped_rulebooks()[RULEBOOK]


@pytest.fixture
def bank(tmp_path: Path) -> Bank:
    bank = Bank(tmp_path / "bank")
    bank.open_account("101", 14, 12_000, saved=4_000, instalment=3_000)
    bank.open_account("102", 14, 12_000, saved=4_000, instalment=4_000, status="D")
    bank.open_account("103", 14, 12_000, saved=20, instalment=1_000)
    bank.open_account("104", 4, 12_000, saved=5_000, instalment=1_000)
    return bank


def verdicts(applicants: Sequence[Applicant], book: Rulebook) -> dict[str, str]:
    return dict(prescreen(applicants, book)[1].verdicts)


def test_each_loan_is_judged_on_its_statements(bank: Bank, book: Rulebook) -> None:
    found = verdicts(read_bank(bank.folder), book)
    assert {customer: found[customer] for customer in ("berka-101", "berka-102", "berka-103", "berka-104")} == {
        "berka-101": "approved",
        "berka-102": "rejected",  # a third of the income is 3,960
        "berka-103": "rejected",  # 280 are left
        "berka-104": "referred",  # four months do not show whether the income falls
    }


def test_what_came_after_the_loan_changes_nothing(bank: Bank, book: Rulebook) -> None:
    before, evaluated = prescreen(read_bank(bank.folder), book)
    # On the day itself, later, and as no balance could be.
    bank.add(
        "trans.csv",
        "9;101;970315;withdrawal;withdrawal in cash;56000;0;;;",
        "9;102;980101;credit;credit in cash;1000000;999;;;",
        "9;103;970401;withdrawal;;1;-1;sanction interest if negative balance;;",
    )
    facts, evaluation = prescreen(read_bank(bank.folder), book)
    pd.testing.assert_frame_equal(facts, before)
    pd.testing.assert_series_equal(evaluation.verdicts, evaluated.verdicts)


def test_how_the_loan_went_is_no_input(bank: Bank, book: Rulebook) -> None:
    facts, evaluation = prescreen(read_bank(bank.folder), book)
    bank.rows["loan.csv"] = [row[:-1] + "ABCD"[number % 4] for number, row in enumerate(bank.rows["loan.csv"])]
    bank.add("loan.csv")
    other_facts, other = prescreen(read_bank(bank.folder), book)
    assert dict(other.verdicts) == dict(evaluation.verdicts)
    pd.testing.assert_series_equal(risk(other_facts), risk(facts))


def test_an_applicant_s_facts_do_not_depend_on_the_others(bank: Bank, book: Rulebook) -> None:
    applicants = read_bank(bank.folder)
    together, _ = prescreen(applicants, book)
    for applicant in applicants:
        alone, _ = prescreen([applicant], book)
        pd.testing.assert_frame_equal(alone, together.loc[[applicant.customer_id]])


@pytest.fixture
async def sources(tmp_path: Path) -> AsyncIterator[Sources]:
    """The outside services, played by a sandbox with its data in `data`."""
    with served(create_app(Settings(), tmp_path / "data")) as url:
        async with Sources(Settings(sandbox_port=int(url.rpartition(":")[2]))) as sources:
            yield sources


async def decided_alone(applicant: Applicant, book: Rulebook, sources: Sources) -> Decision:
    """The decision on one applicant whose documents come from the outside services, as in a review."""
    documents = [
        await sources.person(applicant.customer_id, applicant.as_of),
        await sources.bank_statements(applicant.customer_id, book.currency, 6, applicant.as_of),
    ]
    due = instalment(applicant.requested, book.terms.annual_rate, applicant.months)
    tables = {
        **subjects("application", applicant.as_of, applicant.requested, due),
        **tables_of("application", documents),
    }
    evaluations = [evaluate(book, compute_facts(check, tables), [check]) for check in book.checks]
    results = [result for evaluation in evaluations for result in evaluation.check_results(0)]
    return decide(book, results, asking(applicant.requested), datetime.now(UTC))


async def test_the_batch_decides_as_single_reviews_do(
    bank: Bank, book: Rulebook, sources: Sources, tmp_path: Path
) -> None:
    applicants = read_bank(bank.folder)
    write_documents(applicants, tmp_path / "data")
    alone = {one.customer_id: (await decided_alone(one, book, sources)).verdict.value for one in applicants}
    assert alone == verdicts(applicants, book)


@needs_real_bank
async def test_the_batch_decides_real_loans_as_single_reviews_do(
    book: Rulebook, sources: Sources, tmp_path: Path
) -> None:
    applicants = real_applicants()
    write_documents(applicants, tmp_path / "data")
    _, evaluation = prescreen(applicants, book)
    reasons = dict(zip(evaluation.verdicts.index, evaluation.principal_reasons, strict=True))
    for applicant in applicants[::10]:
        decision = await decided_alone(applicant, book, sources)
        assert decision.verdict.value == evaluation.verdicts[applicant.customer_id]
        expected = [evaluation.reason_codes[place] for place in reasons[applicant.customer_id] if place >= 0]
        assert [reason.code for reason in decision.reasons] == expected
