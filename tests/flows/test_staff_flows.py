"""What staff start from the Prefect UI: an ad-hoc review, and the word on a referral."""

import asyncio
import inspect
import json
import re
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from prefect import get_client
from prefect.client.schemas.filters import ArtifactFilter, ArtifactFilterFlowRunId, LogFilter, LogFilterFlowRunId
from prefect.client.schemas.objects import State
from support.float_checks import FloatChecks
from support.in_process import shell
from support.journeys import Journey
from support.reviews import let_time_pass
from typer.testing import CliRunner

from flows.answer_application import answer_application
from flows.change_profile import change_profile
from flows.decide_evaluation import decide_evaluation
from flows.decide_referral import decide_referral
from flows.evaluate_eligibility import evaluate_eligibility
from flows.recalculate_limits import recalculate_limits
from flows.release_limits import Release, release_limits
from flows.review_customer import review_customer
from flows.rollback_limits import rollback_limits
from rules.limits.tiers import CURRENCY, TIERS
from tasks.forms import FORMS_OFF
from underwriting import referrals
from underwriting.cli import application
from underwriting.domain.application import Product
from underwriting.domain.decision import Verdict
from underwriting.domain.profile import FloatProfile
from underwriting.referrals import StaffVerdict
from underwriting.runtime import Runtime
from underwriting.store import applications, audit, profiles
from underwriting.store.models import Channel
from underwriting.store.queue import outbox
from underwriting.store.waiting import Answer


async def reviewed(customer_id: str, amount: str = "2500.00", **fields: Any) -> State[None]:
    state: State[None] = await review_customer(customer_id, amount, return_state=True, **fields)
    return state


async def page_of(state: State[None]) -> str:
    run = state.state_details.flow_run_id
    assert run is not None
    async with get_client() as client:
        (found,) = await client.read_artifacts(
            artifact_filter=ArtifactFilter(flow_run_id=ArtifactFilterFlowRunId(any_=[run]))
        )
    return str(found.data)


async def lines(state: State[None]) -> str:
    """What Prefect logged of the run."""
    run = state.state_details.flow_run_id
    assert run is not None
    async with get_client() as client, asyncio.timeout(30):
        while not (found := await client.read_logs(LogFilter(flow_run_id=LogFilterFlowRunId(any_=[run])))):
            await asyncio.sleep(0.1)
    return "\n".join(each.message for each in found)


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


EVALUATION = "evl_01KAYB2M4Z5W8Q0V6T3R9N7XJC"
WORD: dict[str, Any] = {
    "evaluation_id": EVALUATION, "decision": StaffVerdict.REJECT, "note": "a note", "decided_by": "ann",
    "reasons": ("income_low",),
}  # fmt: skip


@pytest.mark.parametrize(
    ("field", "value", "remedy"),
    [
        ("evaluation_id", "evl_1", "copy the whole id from the evaluation's run or record; it looks like evl_01KAYB"),
        ("evaluation_id", EVALUATION, "there is no evaluation evl_01KAYB"),
        ("decision", "perhaps", "choose approved or rejected"),
        ("note", " ", "say why, in 3 to 2,000 characters"),
        ("decided_by", "", "write your staff id, such as ann"),
        ("up_to", "10,00", "write a plain amount without currency or thousands separator, such as 20.00"),
        ("reasons", ("income_lo",), "income_lo is no reason that a person may give; did you mean income_low?"),
    ],
)
async def test_a_field_filled_in_wrongly_fails_with_one_sentence(
    runtime: Runtime, field: str, value: object, remedy: str
) -> None:
    state: State[None] = await decide_evaluation(**{**WORD, field: value}, return_state=True)
    assert state.is_failed()
    message = state.message or ""
    assert remedy in message
    assert message.startswith(f"{field}: ") or value == EVALUATION
    assert "\n" not in message
    assert "Traceback" not in await lines(state)


async def refused(flow: Any, *places: str, **fields: Any) -> None:
    """The form is refused with a sentence for each of these places, in their order, and for no other."""
    state: State[None] = await flow(**fields, return_state=True)
    assert state.is_failed()
    message = state.message or ""
    assert "Traceback" not in await lines(state)
    names = "|".join(inspect.signature(flow.fn).parameters)
    assert re.findall(rf"(?:^|; )((?:(?:{names})(?:, )?)+): ", message) == list(places), message


@pytest.mark.settings(segments=["student"], user_service_url="https://users.example")
async def test_all_that_is_wrong_with_a_form_is_said_at_once(runtime: Runtime) -> None:
    decision = {"decision": StaffVerdict.REJECT, "note": "", "decided_by": "ann"}
    both = ("note", "reasons", "clears_match")
    await refused(
        decide_referral, "application_id", *both, **decision, application_id="app_1", reasons=(), clears_match=True
    )
    evaluation = decision | {"evaluation_id": EVALUATION, "reasons": ("nope", "nein"), "up_to": "10.00"}
    await refused(decide_evaluation, "note", "reasons", "reasons", "up_to", **evaluation)
    await refused(decide_evaluation, "decision", "note", "up_to", **evaluation | {
        "decision": "perhaps", "up_to": "1,0", "reasons": (),
    })  # fmt: skip
    await refused(
        review_customer, "customer_id", "term_months", "amount", "currency",
        customer_id="J. Doe", amount="0", currency="EUR", term_months=0,
    )  # fmt: skip
    await refused(
        change_profile, "reason", "changed_by", "enabled, paused",
        user_id="steady-pay", tenant="sandbox", reason="", changed_by="",
    )  # fmt: skip
    await refused(
        change_profile, "user_id", "enabled", "paused", "expires_on", user_id="J. Doe", tenant="sandbox", reason="x",
        changed_by="ann", enabled=["8"], paused=["none", "loan"], expires_on=datetime(2026, 1, 1, tzinfo=UTC),
    )  # fmt: skip
    await refused(evaluate_eligibility, "product", "as_of", "user_id", product="car", as_of=date(2999, 1, 1))
    await refused(
        recalculate_limits, "business_date", "shards", "policy", "segment", "history",
        business_date="soon", policy="nope", segment="nope", history="/etc", shards=0,
    )  # fmt: skip
    await refused(
        release_limits, "run_id", "decision", "note", "decided_by",
        run_id="lim_1", decision="perhaps", note="", decided_by="",
    )  # fmt: skip


@pytest.mark.parametrize(
    ("field", "value", "sentence"),
    [
        ("customer_id", "J. Doe", "customer_id: write letters, digits, - and _, at most 64 of them, such as good"),
        ("amount", "$2,500", "amount: write a plain amount without currency or thousands separator, such as 2500.00"),
        ("amount", "0", "amount: must be more than zero"),
        ("amount", "10.001", "amount: 10.001 USD is finer than the currency's 2 decimal places"),
        ("currency", "usd", "currency: write the three capital letters of a currency, such as USD"),
        ("term_months", 0, "term_months: write a number of months from 1 to 120"),
        ("as_of", date(2999, 1, 1), "as_of: 2999-01-01 is in the future; the latest is today"),
        ("consented_at", datetime(2999, 1, 1, tzinfo=UTC), "consented_at: is in the future; send the moment"),
    ],
)
async def test_an_application_filled_in_wrongly_names_the_field_and_stores_nothing(
    runtime: Runtime, field: str, value: Any, sentence: str
) -> None:
    state = await reviewed(**{"customer_id": "good", field: value})
    assert state.is_failed()
    assert (state.message or "").startswith(sentence)
    async with runtime.store.read() as work:
        assert await applications.listing(work, "staff") == []


async def test_a_rejection_without_reasons_fails_the_run_and_changes_nothing(
    journey: Journey, checks: FloatChecks
) -> None:
    application = (await journey.review("thin-file")).record
    evaluation = (await checks.evaluate("unscored")).record
    for flow, subject in ((decide_referral, application), (decide_evaluation, evaluation)):
        state: State[None] = await flow(subject.id, StaffVerdict.REJECT, "on a whim", "ann", return_state=True)
        assert state.is_failed()
        assert "a rejection needs its reasons" in (state.message or "")
    assert await journey.record(application.id) == application
    assert (await checks.stored(evaluation.id)).record == evaluation


async def in_force(journey: Journey, user_id: str = "steady-pay") -> FloatProfile | None:
    async with journey.runtime.store.read() as work:
        return await profiles.current(work, "sandbox", user_id, datetime.now(UTC))


async def changed(journey: Journey, **change: Any) -> State[None]:
    state: State[None] = await change_profile(
        "steady-pay", "sandbox", **{"reason": "goodwill", "changed_by": "ann", **change}, return_state=True
    )
    return state


async def met(journey: Journey) -> None:
    """The user was evaluated before, and has a profile."""
    async with journey.runtime.store.begin() as work:
        await profiles.on_first_contact(work, "sandbox", "steady-pay", datetime.now(UTC), CURRENCY, TIERS)


async def test_staff_change_a_profile_for_good_or_for_a_while(journey: Journey) -> None:
    await met(journey)
    state = await changed(journey, enabled=["1", "2", "3"], reason="goodwill")
    assert (state.name, state.message) == ("Changed", "Version 2 of the profile is stored.")
    paused = await changed(journey, paused=["loan"])
    assert paused.message == "Version 3 of the profile is stored."
    until = datetime.now(UTC) + timedelta(seconds=2)
    await changed(journey, enabled=["special"], expires_on=until)
    temporary = await in_force(journey)
    assert temporary is not None
    assert (temporary.limit, temporary.expires_on, temporary.created_by) == (20_000, until, "ann")
    assert temporary.paused == {Product.LOAN}


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ({"enabled": ["8"]}, "there is no tier 8"),
        ({}, "fill in what is to change"),
        ({"enabled": [], "paused": []}, "fill in what is to change"),
        ({"enabled": ["none", "1"]}, 'enabled: choose "none" alone'),
        ({"paused": ["house"]}, "paused: choose loan, float or none"),
        ({"paused": ["loan"], "reason": ""}, "reason: write one short word"),
        ({"enabled": ["1"], "expires_on": datetime(2026, 1, 1, tzinfo=UTC)}, "has to expire after now"),
    ],
)
async def test_an_impossible_change_fails_the_run_and_writes_nothing(
    journey: Journey, change: dict[str, object], why: str
) -> None:
    await met(journey)
    state = await changed(journey, **change)
    assert state.is_failed()
    assert why in (state.message or "")
    assert [version.version for version in [await in_force(journey)] if version] == [1]


async def test_none_takes_all_tiers_and_pauses_away_and_an_empty_field_leaves_them(journey: Journey) -> None:
    await met(journey)
    await changed(journey, paused=["float", "loan"], enabled=["1", "2"])
    await changed(journey, paused=["none"], enabled=[], expires_on="")
    kept = await in_force(journey)
    assert kept is not None
    assert (kept.paused, kept.limit, kept.expires_on) == (set(), 2_000, None)
    await changed(journey, enabled=["none"], paused=None)
    nothing = await in_force(journey)
    assert nothing is not None
    assert [tier.id for tier in nothing.tiers if tier.enabled] == []


async def test_a_user_whom_the_tenant_does_not_have_is_not_changed(journey: Journey) -> None:
    state = await changed(journey, enabled=["1"])
    assert "user_id: sandbox has no such user; the first check of a user makes the profile" in (state.message or "")
    assert await in_force(journey) is None


async def test_of_two_changes_at_once_neither_undoes_the_other(journey: Journey) -> None:
    """Staff cut the tiers because of fraud, and somebody else pauses loans at the same moment."""
    await met(journey)
    states = await asyncio.gather(
        *(changed(journey, enabled=["1"], reason="fraud") for _ in range(2)),
        *(changed(journey, paused=["loan"]) for _ in range(4)),
    )
    assert {state.name for state in states} == {"Changed"}
    last = await in_force(journey)
    assert last is not None
    assert (last.version, last.limit, last.paused) == (7, 1_000, {Product.LOAN})


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
