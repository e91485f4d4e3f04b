"""A person's word on a referred evaluation: once, while it is the answer, and before the rulebooks' from then on."""

import asyncio
import json
from datetime import datetime, timedelta

import pytest
from sqlalchemy import text
from support.evaluated import (
    BOOKS,
    DAY,
    check,
    claim_check,
    claimed_check,
    eligibility,
    evaluated,
    finish_check,
    meet,
    pause,
)
from support.reviews import NOW, rows

from rules.core.reasons import reason
from rules.eligibility.manual_decision import rejected
from underwriting.domain.application import Product
from underwriting.domain.decision import Verdict
from underwriting.domain.eligibility import Decider, Eligibility
from underwriting.store import audit, evaluations, rotation
from underwriting.store.errors import NotReferred
from underwriting.store.evaluations import EvaluationRecord
from underwriting.store.models import Channel
from underwriting.store.queue import outbox
from underwriting.store.session import Store

LATER = NOW + timedelta(hours=1)
REFERRED = eligibility(Verdict.REFERRED)
APPROVED = REFERRED.model_copy(
    update={
        "verdict": Verdict.APPROVED,
        "approved_amounts": (1000,),
        "reasons": (),
        "notice_due": None,
        "decided_by": Decider.PERSON,
    }
)
HOOK = "https://hooks.partner.example/done"


async def referred(store: Store, user_id: str = "ada") -> str:
    """The id of an evaluation that waits for a person, of a user who has a profile."""
    await meet(store, user_id)
    return (await finish_check(store, await claimed_check(store, user_id), REFERRED)).id


async def settle(
    store: Store,
    evaluation_id: str,
    settled: Eligibility = APPROVED,
    *,
    note: str = "payslip seen",
    by: str = "ann",
    at: datetime = LATER,
    books: str = BOOKS,
) -> EvaluationRecord:
    async with store.begin() as work:
        return await evaluations.decide_referral(
            work,
            await evaluations.judged(work, None, evaluation_id),
            settled.model_copy(update={"decided_at": at}),
            note=note,
            decided_by=by,
            window=DAY,
            books_digest=books,
            channels=(Channel.EVENTS, Channel.ANALYTICS),
        )


async def fresh(store: Store, at: datetime = LATER) -> bytes | None:
    async with store.read() as work:
        return await evaluations.fresh(work, "acme", "ada", Product.FLOAT, at, DAY, BOOKS)


async def test_a_settled_evaluation_is_the_answer_everywhere(store: Store) -> None:
    evaluation_id = await referred(store)
    record = await settle(store, evaluation_id)
    assert (record.verdict, record.approved_amounts, record.decided_by) == (Verdict.APPROVED, ("10.00",), "person")
    async with store.read() as work:
        stored = await evaluations.get(work, "acme", evaluation_id)
        (listed,) = await evaluations.history(work, "acme", "ada")
        judged = await evaluations.judged(work, "acme", evaluation_id)
    assert stored.body == listed.body == record.body == await fresh(store)
    assert judged.eligibility == REFERRED, "what the rulebooks said is kept"
    assert b"ann" not in record.body
    assert b"payslip" not in record.body


async def test_a_float_is_frozen_with_what_a_person_said(store: Store) -> None:
    evaluation_id = await referred(store)
    record = await settle(store, evaluation_id)
    async with store.begin() as work:
        frozen = await evaluations.freeze(work, "acme", "ada", evaluation_id, "flt-1", "evt-1", LATER)
    assert frozen.body == record.body


async def test_a_rejection_has_the_reasons_that_the_person_chose_and_owes_a_notice(store: Store) -> None:
    evaluation_id = await referred(store)
    record = await settle(store, evaluation_id, rejected(REFERRED, (reason("income_low"),), NOW.date(), LATER))
    assert (record.verdict, record.reasons, record.approved_amounts) == (Verdict.REJECTED, (reason("income_low"),), ())
    assert str(record.notice_due) == "2026-04-01"


async def test_who_heard_of_the_referral_hears_of_the_word_and_the_log_names_the_person(store: Store) -> None:
    await meet(store)
    accepted = await check(store, callback=HOOK)
    claim = await claim_check(store, accepted.stored.subject.id)
    assert claim is not None
    evaluation_id = (await finish_check(store, claim, REFERRED, channels=())).id
    async with store.begin() as work:
        for told in await outbox.due(work, list(Channel)):
            await outbox.QUEUE.done(work, told.id)
    record = await settle(store, evaluation_id)
    async with store.begin() as work:
        owed = {message.channel: json.loads(message.body) for message in await outbox.due(work, list(Channel))}
        entries = await audit.entries(work, evaluation_id)
        assert await audit.verify(work) == []
    assert owed.keys() == {Channel.EVENTS, Channel.ANALYTICS, Channel.CALLBACK}
    assert {message["type"] for message in owed.values()} == {"evaluation.approved"}
    assert owed[Channel.CALLBACK]["data"] == json.loads(record.body)
    assert owed[Channel.EVENTS]["data"]["decided_by"] == "person"
    assert [(entry.action, entry.actor) for entry in entries][-2:] == [
        ("evaluation.referred", "rulebook"),
        ("evaluation.approved", "ann"),
    ]


async def test_the_same_word_again_gives_the_stored_record_and_any_other_is_refused(store: Store) -> None:
    evaluation_id = await referred(store)
    first = await settle(store, evaluation_id)
    assert await settle(store, evaluation_id, at=LATER + 2 * DAY) == first
    others = (
        {"note": "another"},
        {"by": "bob"},
        {"settled": rejected(REFERRED, (reason("income_low"),), NOW.date(), LATER)},
        {"settled": APPROVED.model_copy(update={"approved_amounts": (1000, 2000)})},
    )
    for other in others:
        with pytest.raises(NotReferred, match="was approved by ann already"):
            await settle(store, evaluation_id, **other)
    assert await rows(store, "settlements") == 1


async def test_of_two_persons_at_once_one_decides(store: Store) -> None:
    evaluation_id = await referred(store)
    answers = await asyncio.gather(
        settle(store, evaluation_id),
        settle(store, evaluation_id, rejected(REFERRED, (reason("income_low"),), NOW.date(), LATER), by="bob"),
        return_exceptions=True,
    )
    assert sorted(type(answer).__name__ for answer in answers) == ["EvaluationRecord", "NotReferred"]


@pytest.mark.parametrize("verdict", [Verdict.APPROVED, Verdict.REJECTED])
async def test_what_the_rulebooks_decided_is_not_a_persons(store: Store, verdict: Verdict) -> None:
    await meet(store)
    record = await evaluated(store, verdict=verdict)
    with pytest.raises(NotReferred, match="does not wait for a person"):
        await settle(store, record.id)
    assert (await fresh(store), await rows(store, "settlements")) == (record.body, 0)


async def test_what_is_not_the_answer_any_more_is_not_settled(store: Store) -> None:
    evaluation_id = await referred(store)
    with pytest.raises(NotReferred, match="is not the answer any more"):
        await settle(store, evaluation_id, at=NOW + DAY)
    with pytest.raises(NotReferred, match="is not the answer any more"):
        await settle(store, evaluation_id, books="e" * 64)
    async with store.begin() as work:
        await pause(work, "acme", "ada", NOW)
    with pytest.raises(NotReferred, match="is not the answer any more"):
        await settle(store, evaluation_id)
    assert await rows(store, "settlements") == 0


async def test_a_later_evaluation_leaves_nothing_to_settle(store: Store) -> None:
    evaluation_id = await referred(store)
    later = await evaluated(store)
    with pytest.raises(NotReferred, match="is not the answer any more"):
        await settle(store, evaluation_id)
    assert await fresh(store) == later.body


async def test_a_profile_that_changes_later_ends_the_word_too(store: Store) -> None:
    await settle(store, await referred(store))
    async with store.begin() as work:
        await pause(work, "acme", "ada", LATER)
    assert await fresh(store) is None


async def test_the_note_is_sealed(store: Store) -> None:
    await settle(store, await referred(store))
    async with store.begin() as work:
        note = await work.scalar(text("SELECT note FROM settlements"))
        assert b"payslip" not in bytes(note)
    assert await rotation.reseal(store) == 0, "the newest key has sealed it"
