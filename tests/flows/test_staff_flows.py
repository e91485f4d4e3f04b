"""What staff start from the Prefect UI: an ad-hoc review, and the word on a referral."""

import json
from datetime import UTC, datetime, timedelta

import pytest
from prefect.client.schemas.objects import State
from support.journeys import Journey

from flows.change_profile import ProfileChange, change_profile
from flows.decide_referral import Word, decide_referral
from flows.review_customer import review_customer
from underwriting.domain.application import ApplicationRequest, Product
from underwriting.domain.profile import FloatProfile
from underwriting.store import applications, profiles


def asking(customer_id: str, **changes: str) -> ApplicationRequest:
    return ApplicationRequest.model_validate(
        {"customer_id": customer_id, "amount": "2500.00", "currency": "USD", **changes}
    )


async def test_an_ad_hoc_review_ends_as_its_verdict(journey: Journey) -> None:
    state: State[None] = await review_customer(asking("underage"), return_state=True)
    assert state.name == "Rejected"
    async with journey.place.store.read() as work:
        (stored,) = await applications.listing(work, "staff")
    assert stored.record.reasons[0].code == "under_age"


async def test_an_ad_hoc_review_in_a_currency_nobody_lends_stores_nothing(journey: Journey) -> None:
    state: State[None] = await review_customer(asking("good", currency="EUR"), return_state=True)
    assert state.is_failed()
    assert "EUR is not lent here; USD is" in (state.message or "")
    async with journey.place.store.read() as work:
        assert await applications.listing(work, "staff") == []


@pytest.mark.parametrize(("word", "verdict"), [(Word.APPROVE, "approved"), (Word.REJECT, "rejected")])
async def test_a_referral_is_decided_by_a_person_and_posted(journey: Journey, word: Word, verdict: str) -> None:
    referred = (await journey.review("thin-file")).record
    state: State[None] = await decide_referral(referred.id, word, "spoke to the employer", "ann", return_state=True)
    record = await journey.record(referred.id)
    assert (state.name, record.verdict, record.decided_by, record.state) == (verdict.title(), verdict, "ann", "done")
    posts = [json.loads(post["body"])["type"] for post in await journey.posted()]
    assert posts == ["application.referred", f"application.{verdict}"]


async def test_what_is_not_referred_cannot_be_decided_by_a_person(journey: Journey) -> None:
    approved = (await journey.review("good")).record
    state: State[None] = await decide_referral(approved.id, Word.REJECT, "I do not like it", "ann", return_state=True)
    assert state.is_failed()
    assert "does not wait for a person" in (state.message or "")
    assert await journey.record(approved.id) == approved


async def in_force(journey: Journey, user_id: str = "steady-pay") -> FloatProfile | None:
    async with journey.place.store.read() as work:
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
