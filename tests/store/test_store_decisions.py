"""The final transaction: all of it or nothing, by the fence's owner only; and a person's word afterwards."""

import asyncio
import json
from datetime import date, timedelta

import pytest
from sqlalchemy import text
from support.reviews import BOOK, LEASE, NO_SCORE, NOW, claim, claimed, decision, finish, let_time_pass, results, rows

from underwriting.domain.application import State
from underwriting.domain.decision import CheckResult, Decision, Outcome, Reason, Result, Verdict
from underwriting.store import applications, audit, decisions
from underwriting.store.claims import Claim
from underwriting.store.errors import LeaseLost, NotReferred, StatementRefused, UnknownApplication
from underwriting.store.models import Channel
from underwriting.store.queue import outbox
from underwriting.store.session import Store

INCOME_LOW = Reason(code="income_low", sentence="Your monthly income is too low.")
WRITTEN = ("decisions", "checks", "outcomes", "outbox", "audit")


async def settle(
    store: Store,
    owned: Claim,
    verdict: Verdict = Verdict.APPROVED,
    *,
    tenant: str | None = "acme",
    note: str = "payslip seen",
    by: str = "ann",
    reasons: tuple[Reason, ...] | None = None,
) -> Decision:
    given = ((INCOME_LOW,) if verdict is Verdict.REJECTED else ()) if reasons is None else reasons
    async with store.begin() as work:
        return await decisions.decide_referral(
            work,
            owned.subject.id,
            tenant=tenant,
            verdict=verdict,
            note=note,
            decided_by=by,
            now=NOW + timedelta(hours=1),
            partners=("acme",),
            reasons=given,
        )


async def test_everything_of_a_decision_is_stored_at_once(store: Store) -> None:
    owned = await claimed(store)
    record = await finish(store, owned, Verdict.REJECTED, partners=("acme",))
    async with store.read() as work:
        stored = await applications.get(work, "acme", owned.subject.id)
        history = await decisions.history(work, owned.subject.id)
        outcomes = list(
            await work.execute(text("SELECT check_name, rule, result, reason FROM outcomes ORDER BY position"))
        )
        entries = await audit.entries(work, owned.subject.id)
    assert (stored.state, stored.body, stored.record) == (State.DONE, record.body, record)
    assert history == [decision(owned.subject, Verdict.REJECTED)]
    assert [tuple(row) for row in outcomes] == [
        ("customer_information", "AdultApplicant", "pass", None),
        ("credit_report", "CreditScore", "unknown", NO_SCORE.code),
    ]
    assert [entry.action for entry in entries] == ["application.rejected"]
    assert json.loads(entries[0].details)["rulebook"] == "prescreening v1"


async def test_the_record_says_what_why_and_by_whom(store: Store) -> None:
    record = await finish(store, await claimed(store), Verdict.REJECTED)
    assert (record.state, record.verdict, record.approved_amount) == (State.DONE, Verdict.REJECTED, None)
    assert record.reasons == (NO_SCORE,)
    assert (record.rulebook, record.decided_by, record.decided_at) == (BOOK, "rulebook", NOW)
    assert record.notice_due == date(2026, 4, 1)
    assert [check.trouble for check in record.checks] == [None, "bureau: timed out"]
    assert record.checks[0].outcomes[0].observed == {"age_years": 36}


async def test_an_approval_names_the_approved_amount(store: Store) -> None:
    record = await finish(store, await claimed(store, amount="1200.50"), Verdict.APPROVED)
    assert (record.approved_amount, record.reasons, record.notice_due) == ("1200.50", (), None)


async def test_only_the_fences_owner_finishes(store: Store) -> None:
    first = await claimed(store)
    await let_time_pass(store, "applications", "lease_until", LEASE)
    second = await claim(store, first.subject.id)
    assert second is not None
    with pytest.raises(LeaseLost, match=first.subject.id):
        await finish(store, first, Verdict.APPROVED, partners=("acme",))
    assert [await rows(store, table) for table in WRITTEN] == [0, 0, 0, 0, 0]
    assert (await finish(store, second, Verdict.REJECTED, partners=("acme",))).verdict is Verdict.REJECTED
    assert [await rows(store, table) for table in WRITTEN] == [1, 2, 2, 1, 1]


async def test_of_two_that_finish_with_one_claim_one_does(store: Store) -> None:
    owned = await claimed(store)
    answers = await asyncio.gather(
        finish(store, owned, Verdict.APPROVED), finish(store, owned, Verdict.REJECTED), return_exceptions=True
    )
    assert sorted(type(answer).__name__ for answer in answers) == ["LeaseLost", "Record"]
    assert await rows(store, "decisions") == 1


async def test_an_error_on_the_way_leaves_nothing(store: Store) -> None:
    owned = await claimed(store)
    twice = [*results(), *results()]  # the same check a second time breaks a constraint, late
    with pytest.raises(StatementRefused, match=r"(?i)unique"):
        async with store.begin() as work:
            await decisions.finish(work, owned, twice, decision(owned.subject), ("acme",))
    assert [await rows(store, table) for table in WRITTEN] == [0, 0, 0, 0, 0]
    assert (await finish(store, owned)).state is State.REFERRED


async def test_a_fact_that_is_no_number_is_stored_as_not_known(store: Store) -> None:
    owned = await claimed(store)
    odd = {"ratio": float("nan"), "growth": float("inf"), "since": date(2026, 1, 31)}
    result = CheckResult(check="c", outcomes=(Outcome(rule="R", result=Result.PASS, observed=odd),), facts=odd)
    async with store.begin() as work:
        record = await decisions.finish(work, owned, [result], decision(owned.subject), ())
    known = {"ratio": None, "growth": None, "since": "2026-01-31"}
    assert json.loads(record.body)["checks"][0]["outcomes"][0]["observed"] == known
    async with store.read() as work:
        assert json.loads(await work.scalar(text("SELECT CAST(facts AS TEXT) FROM checks"))) == known


async def test_the_message_to_the_partner_carries_the_record(store: Store) -> None:
    record = await finish(store, await claimed(store), Verdict.APPROVED, partners=("acme", "globex"))
    async with store.begin() as work:
        (message,) = await outbox.due(work, [Channel.RESULTS])
    assert (message.tenant, message.subject_id) == ("acme", record.id)
    assert json.loads(message.body) == {
        "type": "application.approved",
        "timestamp": "2026-03-02T09:30:00Z",
        "data": json.loads(record.body),
    }


async def test_no_message_for_a_tenant_who_gets_none(store: Store) -> None:
    await finish(store, await claimed(store), Verdict.APPROVED, partners=("globex",))
    assert await rows(store, "outbox") == 0


async def test_a_person_approves_a_referral(store: Store) -> None:
    owned = await claimed(store)
    await finish(store, owned, Verdict.REFERRED, partners=("acme",))
    settled = await settle(store, owned, Verdict.APPROVED)
    async with store.begin() as work:
        stored = await applications.get(work, "acme", owned.subject.id)
        history = await decisions.history(work, owned.subject.id)
        first = await outbox.due(work, [Channel.RESULTS])
        await outbox.QUEUE.done(work, first[0].id)
        second = await outbox.due(work, [Channel.RESULTS])
    assert history == [decision(owned.subject, Verdict.REFERRED), settled]
    assert (settled.note, settled.decided_by, settled.approved) == ("payslip seen", "ann", owned.subject.requested)
    assert (stored.state, stored.record.verdict, stored.record.decided_by) == (State.DONE, Verdict.APPROVED, "ann")
    assert [check.check for check in stored.record.checks] == ["customer_information", "credit_report"]
    types = [json.loads(message.body)["type"] for message in (*first, *second)]
    assert types == ["application.referred", "application.approved"]


async def test_a_persons_rejection_has_the_reasons_that_the_person_chose_and_owes_a_notice(store: Store) -> None:
    owned = await claimed(store)
    await finish(store, owned, Verdict.REFERRED)
    for verdict, reasons in ((Verdict.REJECTED, ()), (Verdict.APPROVED, (INCOME_LOW,))):
        with pytest.raises(ValueError, match="a rejection has reasons, and nothing else does"):
            await settle(store, owned, verdict, reasons=reasons)
    settled = await settle(store, owned, Verdict.REJECTED)
    assert (settled.reasons, settled.approved, settled.notice_due) == ((INCOME_LOW,), None, date(2026, 4, 1))
    with pytest.raises(NotReferred, match="rejected by ann already"):
        await settle(store, owned, Verdict.REJECTED, reasons=(NO_SCORE,))


async def test_the_same_word_again_gives_the_stored_decision(store: Store) -> None:
    owned = await claimed(store)
    await finish(store, owned, Verdict.REFERRED)
    first = await settle(store, owned)
    assert await settle(store, owned) == first
    assert await rows(store, "decisions") == 2
    for other in ({"note": "another"}, {"by": "bob"}, {"verdict": Verdict.REJECTED}):
        with pytest.raises(NotReferred, match="approved by ann already"):
            await settle(store, owned, **other)


async def test_of_two_persons_at_once_one_decides(store: Store) -> None:
    owned = await claimed(store)
    await finish(store, owned, Verdict.REFERRED)
    answers = await asyncio.gather(
        settle(store, owned, Verdict.APPROVED, by="ann"),
        settle(store, owned, Verdict.REJECTED, by="bob"),
        return_exceptions=True,
    )
    assert sorted(type(answer).__name__ for answer in answers) == ["Decision", "NotReferred"]


async def test_only_a_referred_application_of_ones_own_can_be_settled(store: Store) -> None:
    pending, done = await claimed(store), await claimed(store)
    await finish(store, done, Verdict.APPROVED)
    for owned in (pending, done):
        with pytest.raises(NotReferred, match="does not wait for a person"):
            await settle(store, owned)
    referred = await claimed(store)
    await finish(store, referred, Verdict.REFERRED)
    with pytest.raises(UnknownApplication):
        await settle(store, referred, tenant="globex")
    assert (await settle(store, referred, tenant=None)).verdict is Verdict.APPROVED


async def test_a_person_cannot_refer(store: Store) -> None:
    with pytest.raises(ValueError, match="approves or rejects"):
        await settle(store, await claimed(store), Verdict.REFERRED)
