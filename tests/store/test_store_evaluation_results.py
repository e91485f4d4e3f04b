"""The final transaction of an evaluation: all of it or nothing, by the fence's owner only."""

import asyncio
import json
from datetime import date, timedelta

import pytest
from sqlalchemy import text
from support.evaluated import (
    BOOKS,
    LOW_BALANCE,
    STANDARD,
    check,
    claim_check,
    claimed_check,
    eligibility,
    evaluated,
    finish_check,
)
from support.reviews import LEASE, NOW, cancel, let_time_pass, rows

from underwriting.domain.application import State
from underwriting.domain.decision import Outcome, Result, Verdict
from underwriting.domain.eligibility import Eligibility
from underwriting.store import audit, claims, evaluations, turns
from underwriting.store.errors import LeaseLost, NotRetryable, StatementRefused, UnknownEvaluation
from underwriting.store.evaluations import EvaluationRecord
from underwriting.store.kinds import APPLICATIONS, EVALUATIONS, kind_of
from underwriting.store.models import Channel
from underwriting.store.queue import outbox
from underwriting.store.queue.outbox import Message
from underwriting.store.session import Store

WRITTEN = ("eligibilities", "evaluation_books", "evaluation_outcomes", "outbox", "audit")


async def written(store: Store) -> list[int]:
    return [await rows(store, table) for table in WRITTEN]


async def due(store: Store, *channels: Channel) -> list[Message]:
    async with store.begin() as work:
        return await outbox.due(work, channels)


async def test_everything_of_a_result_is_stored_at_once(store: Store) -> None:
    record = await evaluated(store, verdict=Verdict.REJECTED)
    assert await written(store) == [1, 2, 3, 1, 1]
    async with store.read() as work:
        stored = await evaluations.get(work, "acme", record.id)
        books = await work.execute(
            text(
                "SELECT rulebook, arm, certain, result, first_failed, cap FROM evaluation_books ORDER BY book_position"
            )
        )
        failed = await work.execute(
            text(
                "SELECT b.rulebook, o.rule, o.reason FROM evaluation_outcomes o JOIN evaluation_books b"
                " USING (evaluation_id, book_position) WHERE o.result = 'fail' ORDER BY book_position"
            )
        )
        (entry,) = await audit.entries(work, record.id)
    assert (stored.state, stored.body, stored.record) == (State.DONE, record.body, record)
    assert [tuple(row) for row in books] == [
        ("stringent-float", "b", False, "fail", "BalanceRequirement", None),
        ("standard-float", None, True, "fail", "AverageBalance", 2000),
    ]
    assert [tuple(row) for row in failed] == [
        ("stringent-float", "BalanceRequirement", LOW_BALANCE.code),
        ("standard-float", "AverageBalance", LOW_BALANCE.code),
    ]
    details = json.loads(entry.details)
    assert (entry.action, details["books_digest"], details["reasons"]) == (
        "evaluation.rejected",
        BOOKS,
        [LOW_BALANCE.code],
    )


async def test_the_record_says_what_why_and_by_which_book(store: Store) -> None:
    record = await evaluated(store)
    assert (record.state, record.verdict, record.approved_amounts) == (State.DONE, Verdict.APPROVED, ("10.00", "20.00"))
    assert (record.deciding, record.affordability_cap, record.currency) == (STANDARD, "50.00", "USD")
    assert [(book.rulebook.name, book.arm, book.cap) for book in record.books] == [
        ("stringent-float", "b", None),
        ("standard-float", None, "20.00"),
    ]
    assert record.books[1].outcomes[0].observed == {"average_available": 12_345}
    assert record.troubles == {"scores": "score service: timed out"}
    assert EvaluationRecord.model_validate_json(record.body) == record


@pytest.mark.parametrize(
    "judged",
    [
        eligibility(),
        eligibility(Verdict.REJECTED),
        eligibility(Verdict.REFERRED, affordability_cap=None),
        eligibility(currency="JPY", approved_amounts=(1000,)),
        eligibility(books=(), facts={}, troubles={}),
    ],
)
async def test_what_was_judged_is_read_back_with_its_facts(store: Store, judged: Eligibility) -> None:
    record = await finish_check(store, await claimed_check(store), judged)
    async with store.read() as work:
        found = await evaluations.judged(work, "acme", record.id)
    assert (found.eligibility, found.books_digest, found.request.id) == (judged, BOOKS, record.id)


async def test_a_fact_that_is_no_number_is_stored_as_not_known(store: Store) -> None:
    odd = {"ratio": float("nan"), "growth": float("inf"), "since": date(2026, 1, 31)}
    record = await evaluated(store, facts=odd)
    async with store.read() as work:
        facts = (await evaluations.judged(work, "acme", record.id)).eligibility.facts
    assert facts == {"ratio": None, "growth": None, "since": "2026-01-31"}


async def test_only_the_fences_owner_finishes(store: Store) -> None:
    first = await claimed_check(store)
    await let_time_pass(store, "evaluations", "lease_until", LEASE)
    second = await claim_check(store, first.subject.id)
    assert second is not None
    with pytest.raises(LeaseLost, match=first.subject.id):
        await finish_check(store, first)
    assert await written(store) == [0, 0, 0, 0, 0]
    assert (await finish_check(store, second)).verdict is Verdict.APPROVED


async def test_of_two_that_finish_with_one_claim_one_does(store: Store) -> None:
    owned = await claimed_check(store)
    answers = await asyncio.gather(*(finish_check(store, owned) for _ in range(2)), return_exceptions=True)
    assert sorted(type(answer).__name__ for answer in answers) == ["EvaluationRecord", "LeaseLost"]
    assert await rows(store, "eligibilities") == 1


async def test_an_error_on_the_way_leaves_nothing(store: Store) -> None:
    owned = await claimed_check(store)
    unnamed = Outcome.model_construct(rule=None, result=Result.PASS, reason=None, refers=False, observed={})
    book = eligibility().books[0].model_copy(update={"outcomes": (unnamed,)})
    with pytest.raises(StatementRefused, match=r"(?i)null"):
        await finish_check(store, owned, eligibility(books=(book,)))
    assert await written(store) == [0, 0, 0, 0, 0]
    assert (await finish_check(store, owned)).state is State.DONE


async def test_each_channel_hears_what_it_may(store: Store) -> None:
    owned = await claimed_check(store, callback="https://partner.example/called")
    assert not (await check(store, callback="https://other.example/called")).new
    record = await finish_check(store, owned, channels=(Channel.RESULTS, Channel.EVENTS, Channel.ANALYTICS))
    heard = {message.channel: message for message in await due(store, *Channel)}
    assert set(heard) == set(Channel)
    for channel, message in heard.items():
        told = json.loads(message.body)
        assert (told["type"], message.subject_id, message.customer_id) == ("evaluation.approved", record.id, "ada")
        if channel in (Channel.RESULTS, Channel.CALLBACK):
            assert told["data"] == json.loads(record.body)
        else:
            assert (told["data"]["approved_amounts"], "books" in told["data"]) == ([1000, 2000], False)


async def test_every_address_that_waits_is_called_once(store: Store) -> None:
    """Twenty callers come while the check is finished: whoever is told to wait is called back."""
    first = await claimed_check(store)
    callers = [f"https://partner.example/{number}" for number in range(20)]
    asked = (check(store, callback=caller) for caller in callers)
    *answers, _ = await asyncio.gather(*asked, finish_check(store, first))
    for evaluation_id in {answer.stored.subject.id for answer in answers if answer.new}:
        await finish_check(store, await claim_check(store, evaluation_id))
    async with store.read() as work:
        called = await work.scalars(text("SELECT target FROM outbox WHERE channel = 'callback'"))
    assert sorted(called) == sorted(callers)


async def test_an_evaluation_that_never_ends_is_quarantined_and_put_back_by_a_person(store: Store) -> None:
    evaluation_id = (await check(store)).stored.subject.id
    assert await claim_check(store, evaluation_id, max_attempts=1)
    await let_time_pass(store, "evaluations", "lease_until", LEASE)
    assert await claim_check(store, evaluation_id, max_attempts=1) is None
    async with store.begin() as work:
        await claims.retry(work, kind_of(evaluation_id), evaluation_id, by="olga")
    assert await claim_check(store, evaluation_id)
    async with store.read() as work:
        actions = [entry.action for entry in await audit.entries(work, evaluation_id)]
    assert actions == ["evaluation.quarantined", "evaluation.retried"]


async def test_what_is_evaluated_anew_cannot_be_put_back(store: Store) -> None:
    owned = await claimed_check(store)
    async with store.begin() as work:
        await cancel(work, owned)
    anew = await claimed_check(store)
    with pytest.raises(NotRetryable, match="is under way anew"):
        async with store.begin() as work:
            await claims.retry(work, EVALUATIONS, owned.subject.id, by="olga")
    await finish_check(store, anew)
    async with store.begin() as work:
        await claims.retry(work, EVALUATIONS, owned.subject.id, by="olga")
        with pytest.raises(UnknownEvaluation):
            await claims.retry(work, EVALUATIONS, "evl_01JZZZZZZZZZZZZZZZZZZZZZZZ", by="olga")


async def test_evaluations_are_owed_beside_applications(store: Store) -> None:
    accepted = await check(store)  # asked for at NOW, which is long ago
    async with store.begin() as work:
        assert await turns.take(work, EVALUATIONS, 2) == [(accepted.stored.subject, 1)]
        assert await turns.take(work, APPLICATIONS, 2) == []
    async with store.begin() as work:
        assert await claims.dispatched(work, EVALUATIONS, accepted.stored.subject.id, 1, "run-1")
    async with store.read() as work:
        assert await claims.unclaimed(work, EVALUATIONS, timedelta(seconds=15)) == []


async def test_the_day_of_notice_is_kept(store: Store) -> None:
    record = await finish_check(store, await claimed_check(store), eligibility(Verdict.REJECTED))
    assert record.notice_due == (NOW + timedelta(days=30)).date()
