"""What staff start from the Prefect UI: an ad-hoc review, and the word on a referral."""

import asyncio
import json
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
from prefect.client.schemas.objects import State
from support.float_checks import FloatChecks
from support.in_process import shell
from support.journeys import Journey
from support.reviews import let_time_pass
from support.staff import changed, lines, met, page_of, reviewed
from typer.testing import CliRunner

from flows.answer_application import answer_application
from flows.decide_evaluation import decide_evaluation
from flows.decide_referral import decide_referral
from flows.release_limits import Release, release_limits
from flows.rollback_limits import rollback_limits
from tasks.forms import FORMS_OFF
from underwriting import referrals
from underwriting.cli import application
from underwriting.domain.application import Product
from underwriting.domain.decision import Verdict
from underwriting.referrals import StaffVerdict
from underwriting.store import applications, audit, profiles
from underwriting.store.models import Channel
from underwriting.store.queue import outbox
from underwriting.store.waiting import Answer


async def test_an_ad_hoc_review_ends_as_its_verdict(journey: Journey) -> None:
    state = await reviewed("underage")
    assert state.name == "Rejected"
    assert "# ✗ Rejected" in await page_of(state), "it is shown in the run that was started"
    async with journey.runtime.store.read() as work:
        (stored,) = await applications.listing(work, "staff")
    assert stored.record.reasons[0].code == "under_age"


async def test_a_review_without_consent_waits_for_a_person_and_no_task_of_it_fails(journey: Journey) -> None:
    state = await reviewed("good")
    page = await page_of(state)
    assert "# Referred, waits for a person" in page
    assert "if the customer has consented, apply again with consent" in page
    assert "`consented_at`" in page
    assert "- No answer for credit_report: bureau: no report is pulled" in page
    assert "| **NoCreditAlert**" in page
    assert "The bureau's file has no alert" in page, "what a rule without properties asks"
    assert "exception" not in await lines(state)


async def test_an_ad_hoc_review_in_a_currency_nobody_lends_stores_nothing(journey: Journey) -> None:
    state = await reviewed("good", currency="EUR")
    assert state.is_failed()
    assert "EUR is not lent here; USD is" in (state.message or "")
    async with journey.runtime.store.read() as work:
        assert await applications.listing(work, "staff") == []


@pytest.mark.parametrize(("word", "verdict"), [(StaffVerdict.APPROVE, "approved"), (StaffVerdict.REJECT, "rejected")])
async def test_a_referral_is_decided_by_a_person_and_posted(journey: Journey, word: StaffVerdict, verdict: str) -> None:
    referred = (await journey.review("thin-file")).record
    reasons = ("income_unverified",) if word is StaffVerdict.REJECT else ()
    state: State[None] = await decide_referral(
        referred.id, word, "spoke to the employer", "ann", reasons, return_state=True
    )
    record = await journey.record(referred.id)
    assert [reason.code for reason in record.reasons] == list(reasons), "not those of the referral"
    assert (state.name, record.verdict, record.decided_by, record.state) == (verdict.title(), verdict, "ann", "done")
    posts = [json.loads(post["body"])["type"] for post in await journey.posted()]
    assert posts == ["application.referred", f"application.{verdict}"]


async def test_what_is_not_referred_cannot_be_decided_by_a_person(journey: Journey) -> None:
    approved = (await journey.review("good")).record
    state: State[None] = await decide_referral(
        approved.id, StaffVerdict.REJECT, "I do not like it", "ann", ("income_low",), return_state=True
    )
    assert state.is_failed()
    assert "does not wait for a person" in (state.message or "")
    assert await journey.record(approved.id) == approved


async def decided(evaluation_id: str, *word: object, up_to: str = "") -> State[None]:
    reasons = ("income_low",) if StaffVerdict.REJECT in word else ()
    state: State[None] = await decide_evaluation(evaluation_id, *word, up_to=up_to, reasons=reasons, return_state=True)
    return state


@pytest.mark.parametrize(
    ("word", "up_to", "verdict", "amounts"),
    [
        (StaffVerdict.APPROVE, "", "approved", ("10.00", "20.00")),
        (StaffVerdict.APPROVE, "10.00", "approved", ("10.00",)),
        (StaffVerdict.REJECT, "", "rejected", ()),
    ],
)
async def test_a_referred_evaluation_is_decided_by_a_person_and_told(
    checks: FloatChecks, word: StaffVerdict, up_to: str, verdict: str, amounts: tuple[str, ...]
) -> None:
    request = await checks.accept("unscored", callback="https://hooks.partner.example/done")
    assert (await checks.run(request)).record.verdict == "referred"
    state = await decided(request.id, word, "spoke to the employer", "ann", up_to=up_to)
    record = (await checks.stored(request.id)).record
    assert state.name == verdict.title(), state.message
    assert (record.verdict, record.approved_amounts, record.decided_by) == (verdict, amounts, "person")
    assert [reason.code for reason in record.reasons] == (["income_low"] if word is StaffVerdict.REJECT else [])
    await let_time_pass(checks.store, "outbox", "due_at", timedelta(days=2))
    async with checks.store.begin() as work:
        messages = await outbox.due(work, (Channel.CALLBACK,))
    assert [json.loads(message.body)["type"] for message in messages] == ["evaluation.referred"], "in their order"
    again = await decided(request.id, word, "spoke to the employer", "ann", up_to=up_to)
    other = await decided(request.id, word, "spoke to nobody", "bob", up_to=up_to)
    assert again.name == verdict.title()
    assert f"was {verdict} by ann already" in (other.message or "")
    code, told = await asyncio.to_thread(explained, request.id)
    assert (code, f"  {verdict} by ann: spoke to the employer" in told) == (0, True)
    assert f"may take {', '.join(f'{amount} USD' for amount in amounts)}" in told or not amounts


def explained(evaluation_id: str) -> tuple[int, str]:
    result = CliRunner().invoke(application("explain"), ["explain", evaluation_id])
    return result.exit_code, result.stdout


async def test_the_command_line_decides_a_referral_as_the_forms_do(checks: FloatChecks) -> None:
    referred = (await checks.evaluate("unscored")).record
    code, told = await shell("explain", referred.id)
    assert f'underwriting decide {referred.id} approved --note "…"' in told
    decide = ("decide", referred.id, "approved", "--note", "spoke to the employer")
    code, error = await shell(*decide, "--up-to", "20.01")
    assert (code, error) == (2, "underwriting: at most 20.00 USD can be approved: no higher amount is enabled\n")
    for _ in range(2):
        assert await shell(*decide, "--up-to", "10") == (0, f"{referred.id}: approved 10.00 USD\n")
    record = (await checks.stored(referred.id)).record
    assert (record.verdict, record.approved_amounts, record.decided_by) == ("approved", ("10.00",), "person")
    code, error = await shell("decide", referred.id, "rejected", "--note", "a whim", "--reason", "income_low")
    assert (code, "was approved by" in error) == (2, True)


async def test_an_application_too_is_decided_on_the_command_line(journey: Journey) -> None:
    referred = (await journey.review("thin-file")).record
    listed = (await shell("status", "referred"))[1]
    assert f'underwriting decide {referred.id} rejected --note "…" \\\n    --reason CODE\n' in listed
    rejected = ("decide", referred.id, "rejected", "--note", "no payslips", "--reason", "income_unverified")
    code, told = await shell(*rejected, "--json")
    assert (code, json.loads(told)["verdict"]) == (0, "rejected")
    record = await journey.record(referred.id)
    assert [reason.code for reason in record.reasons] == ["income_unverified"]


async def test_a_loan_too_is_decided_by_a_person(checks: FloatChecks) -> None:
    referred = (await checks.evaluate("dead-feed", product=Product.LOAN)).record
    assert referred.verdict == "referred"
    state = await decided(referred.id, StaffVerdict.APPROVE, "seen the payslips", "ann", up_to="250")
    record = (await checks.stored(referred.id)).record
    assert state.name == "Approved", state.message
    assert {Decimal(amount) <= 250 for amount in record.approved_amounts} == {True}


@pytest.mark.parametrize(
    ("user", "word", "up_to", "why"),
    [
        ("unscored", StaffVerdict.APPROVE, "20.01", "at most 20.00 USD can be approved"),
        ("unscored", StaffVerdict.REJECT, "10.00", "a rejection approves no amount"),
        ("steady-pay", StaffVerdict.REJECT, "", "does not wait for a person"),
    ],
)
async def test_a_word_that_cannot_be_fails_the_run_and_changes_nothing(
    checks: FloatChecks, user: str, word: StaffVerdict, up_to: str, why: str
) -> None:
    record = (await checks.evaluate(user)).record
    state = await decided(record.id, word, "on a whim", "ann", up_to=up_to)
    assert state.is_failed()
    assert why in (state.message or "")
    assert (await checks.stored(record.id)).record == record


async def test_an_evaluation_that_is_unknown_or_not_current_cannot_be_decided(checks: FloatChecks) -> None:
    unknown = await decided("evl_01KAYB2M4Z5W8Q0V6T3R9N7XJC", StaffVerdict.REJECT, "who is it", "ann")
    assert "there is no evaluation evl_01KAYB2M4Z5W8Q0V6T3R9N7XJC" in (unknown.message or "")
    referred = (await checks.evaluate("unscored")).record
    async with checks.store.begin() as work:
        await profiles.refresh(work, "sandbox", "unscored", "bob", datetime.now(UTC))
    outdated = await decided(referred.id, StaffVerdict.APPROVE, "seen the payslips", "ann")
    assert "is not the answer any more" in (outdated.message or "")


async def test_a_staff_id_that_was_typed_is_marked_as_not_proven_in_the_audit_log(journey: Journey) -> None:
    """And nobody else's entries are, though the same run makes them; nor are those of a token's bearer."""
    typed, by_token = [(await journey.review("thin-file")).record for _ in range(2)]
    await decide_referral(typed.id, StaffVerdict.APPROVE, "spoke to the employer", "ann", return_state=True)
    async with journey.runtime.store.begin() as work:
        await referrals.decide_application(
            work, journey.runtime.config, by_token.id, Verdict.APPROVED, tenant=None, note="seen", decided_by="ann"
        )
    await met(journey)
    await changed(journey, paused=["loan"])
    async with journey.runtime.store.read() as work:
        found = {
            subject: await audit.entries(work, subject) for subject in (typed.id, by_token.id, "sandbox/steady-pay")
        }
    proven = {
        subject: [json.loads(entry.details).get("proven", True) for entry in entries if entry.actor == "ann"]
        for subject, entries in found.items()
    }
    assert proven == {typed.id: [False], by_token.id: [True], "sandbox/steady-pay": [False]}
    others = [entry for entries in found.values() for entry in entries if entry.actor != "ann"]
    assert others
    assert not [entry for entry in others if "proven" in entry.details]


@pytest.mark.settings(staff_forms=False)
async def test_forms_that_prove_nobodys_staff_id_can_be_switched_off(journey: Journey) -> None:
    referred = (await journey.review("thin-file")).record
    await met(journey)
    run, evaluation = "lim_01KAYB2M4Z5W8Q0V6T3R9N7XJC", "evl_01KAYB2M4Z5W8Q0V6T3R9N7XJC"
    states: list[State[None]] = [
        await decide_referral(referred.id, StaffVerdict.APPROVE, "seen", "ann", return_state=True),
        await decide_evaluation(evaluation, StaffVerdict.APPROVE, "seen", "ann", return_state=True),
        await answer_application(referred.id, Answer.SUPPLIED, "ann", return_state=True),
        await changed(journey, paused=["loan"]),
        await release_limits(run, Release.DISCARD, "seen", "ann", return_state=True),
        await rollback_limits(run, "ann", return_state=True),
    ]
    assert all(state.is_failed() for state in states)
    assert {state.message for state in states} == {FORMS_OFF}
    assert await journey.record(referred.id) == referred
