"""What staff start from the Prefect UI: an ad-hoc review, and the word on a referral."""

import asyncio
import json
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
from prefect.client.schemas.objects import State
from prefect.exceptions import ParameterTypeError
from support.float_checks import FloatChecks
from support.journeys import Journey
from support.reviews import let_time_pass
from typer.testing import CliRunner

from flows.change_profile import ProfileChange, change_profile
from flows.decide_evaluation import decide_evaluation
from flows.decide_referral import StaffVerdict, decide_referral
from flows.review_customer import review_customer
from underwriting.cli import application
from underwriting.domain.application import ApplicationRequest, Product
from underwriting.domain.profile import FloatProfile
from underwriting.runtime import Runtime
from underwriting.store import applications, profiles
from underwriting.store.models import Channel
from underwriting.store.queue import outbox


def asking(customer_id: str, **changes: str) -> ApplicationRequest:
    return ApplicationRequest.model_validate(
        {"customer_id": customer_id, "amount": "2500.00", "currency": "USD", **changes}
    )


async def test_an_ad_hoc_review_ends_as_its_verdict(journey: Journey) -> None:
    state: State[None] = await review_customer(asking("underage"), return_state=True)
    assert state.name == "Rejected"
    async with journey.runtime.store.read() as work:
        (stored,) = await applications.listing(work, "staff")
    assert stored.record.reasons[0].code == "under_age"


async def test_an_ad_hoc_review_in_a_currency_nobody_lends_stores_nothing(journey: Journey) -> None:
    state: State[None] = await review_customer(asking("good", currency="EUR"), return_state=True)
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


async def decided(evaluation_id: str, *word: object, up_to: str | None = None) -> State[None]:
    reasons = ("income_low",) if StaffVerdict.REJECT in word else ()
    state: State[None] = await decide_evaluation(evaluation_id, *word, up_to=up_to, reasons=reasons, return_state=True)
    return state


@pytest.mark.parametrize(
    ("word", "up_to", "verdict", "amounts"),
    [
        (StaffVerdict.APPROVE, None, "approved", ("10.00", "20.00")),
        (StaffVerdict.APPROVE, "10.00", "approved", ("10.00",)),
        (StaffVerdict.REJECT, None, "rejected", ()),
    ],
)
async def test_a_referred_evaluation_is_decided_by_a_person_and_told(
    checks: FloatChecks, word: StaffVerdict, up_to: str | None, verdict: str, amounts: tuple[str, ...]
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
    assert (code, f"  a person: {verdict}, {', '.join(amounts) or 'no amount'}" in told) == (0, True)


def explained(evaluation_id: str) -> tuple[int, str]:
    result = CliRunner().invoke(application("explain"), ["explain", evaluation_id])
    return result.exit_code, result.stdout


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
        ("steady-pay", StaffVerdict.REJECT, None, "does not wait for a person"),
    ],
)
async def test_a_word_that_cannot_be_fails_the_run_and_changes_nothing(
    checks: FloatChecks, user: str, word: StaffVerdict, up_to: str | None, why: str
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


@pytest.mark.parametrize(
    "form",
    [
        ("evl_1", StaffVerdict.REJECT, "a note", "ann", None),
        ("evl_01KAYB2M4Z5W8Q0V6T3R9N7XJC", "perhaps", "a note", "ann", None),
        ("evl_01KAYB2M4Z5W8Q0V6T3R9N7XJC", StaffVerdict.REJECT, "", "ann", None),
        ("evl_01KAYB2M4Z5W8Q0V6T3R9N7XJC", StaffVerdict.REJECT, "a note", "", None),
        ("evl_01KAYB2M4Z5W8Q0V6T3R9N7XJC", StaffVerdict.APPROVE, "a note", "ann", "ten"),
        ("evl_01KAYB2M4Z5W8Q0V6T3R9N7XJC", StaffVerdict.REJECT, "a note", "ann", None, ("because",)),
    ],
)
async def test_the_form_refuses_what_it_cannot_take(runtime: Runtime, form: tuple[object, ...]) -> None:
    with pytest.raises(ParameterTypeError):
        await decide_evaluation(*form)


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


async def changed(journey: Journey, **change: object) -> State[None]:
    wanted = ProfileChange.model_validate(change)
    return await change_profile("steady-pay", wanted, "ann", "sandbox", return_state=True)


async def test_staff_change_a_profile_for_good_or_for_a_while(journey: Journey) -> None:
    state = await changed(journey, enabled=["1", "2", "3"], reason="goodwill")
    assert (state.name, state.message) == ("Changed", "steady-pay: version 2, up to 30.00 USD")
    paused = await changed(journey, paused=["loan"])
    assert paused.message == "steady-pay: version 3, up to 30.00 USD, paused: loan"
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
        ({"expires_on": datetime(2026, 1, 1, tzinfo=UTC)}, "has to expire after now"),
    ],
)
async def test_an_impossible_change_fails_the_run_and_writes_nothing(
    journey: Journey, change: dict[str, object], why: str
) -> None:
    state = await changed(journey, **change)
    assert state.is_failed()
    assert why in (state.message or "")
    assert await in_force(journey) is None
