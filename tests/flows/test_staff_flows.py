"""What staff start from the Prefect UI: an ad-hoc review, and the word on a referral."""

import json

import pytest
from prefect.client.schemas.objects import State
from support.journeys import Journey

from flows.decide_referral import Word, decide_referral
from flows.review_customer import review_customer
from underwriting.domain.application import ApplicationRequest
from underwriting.store import applications


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
