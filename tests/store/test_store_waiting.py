"""Applications that wait for their customer: an answer or the deadline moves each on, once."""

import asyncio
from datetime import date, timedelta

import pytest
from support.reviews import BOOK, LEASE, NO_SCORE, NOW, claim, claimed, results, rows

from underwriting.domain.application import Application, State
from underwriting.domain.decision import Decision, Missing, Offer, Verdict
from underwriting.domain.money import Money
from underwriting.store import applications, audit, decisions, turns, waiting
from underwriting.store.applications import StoredApplication
from underwriting.store.errors import NotReferred, NotWaiting, UnknownApplication
from underwriting.store.kinds import APPLICATIONS
from underwriting.store.session import Store
from underwriting.store.waiting import Answer

UNTIL = NOW + timedelta(days=20)
WAKES = NOW + timedelta(days=5)
LATER = NOW + timedelta(days=3)
OFFER = Offer(
    amount=Money(minor=200_000, currency="USD"), term_months=36, instalment=Money(minor=7_846, currency="USD")
)
STREET = Missing(code="identity_incomplete", sentence="Personal details are missing.", what="street")


def waits(verdict: Verdict) -> Decision:
    return Decision(
        verdict=verdict,
        reasons=(NO_SCORE,),
        missing=(STREET,) if verdict is Verdict.INCOMPLETE else (),
        offer=OFFER if verdict is Verdict.COUNTEROFFER else None,
        respond_by=UNTIL,
        rulebook=BOOK,
        decided_at=NOW,
        notice_due=date(2026, 4, 1),
    )


async def waiting_for(store: Store, verdict: Verdict, **changes: object) -> Application:
    owned = await claimed(store, **changes)
    wake_at = WAKES if verdict is Verdict.INCOMPLETE else UNTIL
    async with store.begin() as work:
        await decisions.finish(work, owned, results(), waits(verdict), ("acme",), wake_at)
    return owned.subject


async def answered(store: Store, application: Application, said: Answer, **changes: object) -> StoredApplication:
    given = {"tenant": "acme", "by": "ann", "now": LATER, "partners": ("acme",), **changes}
    async with store.begin() as work:
        return await waiting.answer(work, application.id, said, **given)


async def woken(store: Store, application: Application, now: object = UNTIL) -> StoredApplication:
    async with store.begin() as work:
        await waiting.wake(work, application.id, now, ("acme",))
        return await applications.get(work, None, application.id)


async def actions(store: Store, application: Application) -> list[str]:
    async with store.read() as work:
        return [entry.action for entry in await audit.entries(work, application.id)]


async def test_what_waits_says_for_what_and_until_when(store: Store) -> None:
    incomplete = await waiting_for(store, Verdict.INCOMPLETE)
    offer = await waiting_for(store, Verdict.COUNTEROFFER)
    async with store.read() as work:
        first, second = [(await applications.get(work, "acme", it.id)) for it in (incomplete, offer)]
        assert await decisions.history(work, incomplete.id) == [waits(Verdict.INCOMPLETE)]
        assert await decisions.history(work, offer.id) == [waits(Verdict.COUNTEROFFER)]
    assert (first.state, first.record.state, first.record.missing) == (State.INCOMPLETE, "incomplete", (STREET,))
    assert second.record.offer is not None
    assert second.record.offer.model_dump() == {"amount": "2000.00", "term_months": 36, "instalment": "78.46"}
    assert (second.state, second.record.respond_by, second.record.approved_amount) == (State.COUNTEROFFER, UNTIL, None)


async def test_what_was_supplied_is_reviewed_again_under_the_same_id(store: Store) -> None:
    application = await waiting_for(store, Verdict.INCOMPLETE)
    assert await claim(store, application.id) is None, "nobody works on what waits"
    stored = await answered(store, application, Answer.SUPPLIED)
    assert (stored.state, stored.record.state, stored.record.verdict) == (State.PENDING, State.PENDING, None)
    again = await answered(store, application, Answer.SUPPLIED)
    assert (again.state, await actions(store, application)) == (
        State.PENDING,
        ["application.incomplete", "application.reopened"],
    )
    async with store.begin() as work:
        ((owed, _),) = await turns.take(work, APPLICATIONS, 1)
    assert owed.id == application.id
    owned = await claim(store, application.id)
    assert owned is not None
    asked = owned.subject
    assert {asked.completed_on, asked.complete_since, asked.as_of} == {LATER.date()}
    async with store.begin() as work:
        approved = waits(Verdict.APPROVED).model_copy(update={"respond_by": None, "approved": asked.requested})
        await decisions.finish(work, owned, results(), approved, ("acme",))
        stored = await applications.get(work, "acme", application.id)
        assert [each.verdict for each in await decisions.history(work, application.id)] == ["incomplete", "approved"]
        assert [check.facts for check in await decisions.checks(work, stored)] == [each.facts for each in results()]
    assert (stored.state, stored.record.as_of) == (State.DONE, LATER.date())
    assert await rows(store, "outbox") == 2


async def test_a_day_that_the_request_named_stays(store: Store) -> None:
    application = await waiting_for(store, Verdict.INCOMPLETE, as_of="2026-02-01")
    assert (await answered(store, application, Answer.SUPPLIED)).subject.as_of == date(2026, 2, 1)


@pytest.mark.parametrize(("now", "found"), [(-1, 0), (0, 1)])
async def test_without_an_answer_it_is_reviewed_again_when_it_is_time(store: Store, now: int, found: int) -> None:
    application = await waiting_for(store, Verdict.INCOMPLETE)
    moment = WAKES + timedelta(seconds=now)
    async with store.read() as work:
        assert len(await waiting.overdue(work, moment)) == found
    stored = await woken(store, application, WAKES)
    assert (stored.state, stored.subject.completed_on) == (State.PENDING, None), "the customer supplied nothing"
    async with store.read() as work:
        assert await waiting.overdue(work, UNTIL) == []


async def test_an_offer_that_is_accepted_is_an_approval_of_its_amount(store: Store) -> None:
    application = await waiting_for(store, Verdict.COUNTEROFFER)
    record = (await answered(store, application, Answer.ACCEPTED)).record
    assert (record.state, record.verdict, record.approved_amount) == (State.DONE, Verdict.APPROVED, "2000.00")
    assert (record.offer and record.offer.term_months, record.reasons, record.notice_due) == (36, (), None)
    assert (record.decided_by, record.decided_at, record.respond_by) == ("customer", LATER, None)
    assert (await answered(store, application, Answer.ACCEPTED)).record == record
    assert await rows(store, "decisions") == 2
    with pytest.raises(NotWaiting, match="cannot be declined"):
        await answered(store, application, Answer.DECLINED)


async def test_an_offer_that_is_declined_is_a_rejection_of_the_request(store: Store) -> None:
    application = await waiting_for(store, Verdict.COUNTEROFFER)
    record = (await answered(store, application, Answer.DECLINED)).record
    assert (record.verdict, record.reasons, record.approved_amount) == (Verdict.REJECTED, (NO_SCORE,), None)
    assert record.notice_due == date(2026, 5, 31), "90 days after the counteroffer"


@pytest.mark.parametrize(("seconds", "accepted"), [(-1, True), (0, False)])
async def test_an_offer_stands_until_its_moment(store: Store, seconds: int, accepted: bool) -> None:
    application = await waiting_for(store, Verdict.COUNTEROFFER)
    moment = UNTIL + timedelta(seconds=seconds)
    assert (await woken(store, application, UNTIL - timedelta(seconds=1))).state is State.COUNTEROFFER
    if accepted:
        assert (await answered(store, application, Answer.ACCEPTED, now=moment)).state is State.DONE
        return
    with pytest.raises(NotWaiting, match="its offer expired"):
        await answered(store, application, Answer.ACCEPTED, now=moment)
    record = (await woken(store, application, moment)).record
    assert (record.verdict, record.decided_by) == ("rejected", "deadline")
    assert record.notice_due == date(2026, 4, 1), "no notice of the offer was sent, as far as the store knows"
    assert await actions(store, application) == ["application.counteroffer", "application.rejected"]


async def test_of_two_answers_one_counts(store: Store) -> None:
    application = await waiting_for(store, Verdict.COUNTEROFFER)
    both = (answered(store, application, said) for said in (Answer.ACCEPTED, Answer.DECLINED))
    outcomes = sorted(type(each).__name__ for each in await asyncio.gather(*both, return_exceptions=True))
    assert outcomes == ["NotWaiting", "Stored"]
    assert await rows(store, "decisions") == 2


@pytest.mark.parametrize(
    ("verdict", "said", "why"),
    [
        (Verdict.INCOMPLETE, Answer.ACCEPTED, "waits for no answer to an offer"),
        (Verdict.COUNTEROFFER, Answer.SUPPLIED, "nothing can be supplied"),
    ],
)
async def test_an_answer_to_something_else_is_refused(store: Store, verdict: Verdict, said: Answer, why: str) -> None:
    application = await waiting_for(store, verdict)
    with pytest.raises(NotWaiting, match=why):
        await answered(store, application, said)
    with pytest.raises(UnknownApplication):
        await answered(store, application, said, tenant="globex")
    with pytest.raises(NotReferred):
        async with store.begin() as work:
            await decisions.decide_referral(
                work,
                application.id,
                tenant="acme",
                verdict=Verdict.APPROVED,
                note="a person does not answer for the customer",
                decided_by="ann",
                now=LATER,
                partners=(),
            )


async def test_a_new_lease_is_needed_for_the_further_review(store: Store) -> None:
    application = await waiting_for(store, Verdict.INCOMPLETE)
    await answered(store, application, Answer.SUPPLIED)
    first = await claim(store, application.id, LEASE)
    assert first is not None
    assert (first.fence, first.attempt) == (2, 1), "all its attempts are before it"
