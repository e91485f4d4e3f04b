"""A form that is filled in wrongly ends as Failed, with all that is wrong, and changes nothing."""

import inspect
import re
from datetime import UTC, date, datetime
from typing import Any

import pytest
from prefect.client.schemas.objects import State
from support.float_checks import FloatChecks
from support.journeys import Journey
from support.staff import lines, reviewed

from flows.change_profile import change_profile
from flows.decide_evaluation import decide_evaluation
from flows.decide_referral import decide_referral
from flows.evaluate_eligibility import evaluate_eligibility
from flows.recalculate_limits import recalculate_limits
from flows.release_limits import release_limits
from flows.review_customer import review_customer
from underwriting.referrals import StaffVerdict
from underwriting.runtime import Runtime
from underwriting.store import applications

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
