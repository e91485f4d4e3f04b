"""Which notices are due, of whom, and what was sent: of applications, evaluations and lowered limits."""

import json
from datetime import UTC, date, datetime, timedelta

import pytest
from sqlalchemy import select, text
from support.evaluated import check, evaluated
from support.notices import DUE, RUN, lowered, report
from support.reviews import (
    LEASE,
    NO_SCORE,
    NOW,
    UNTIL,
    accept,
    cancel,
    claimed,
    decision,
    finish,
    let_time_pass,
    request,
    results,
    waits,
)

from rules.limits.policy import shipped_policies
from underwriting.domain.application import Product, State
from underwriting.domain.decision import CheckResult, Outcome, Result, Verdict
from underwriting.domain.limits import LimitRunState
from underwriting.domain.notice import NoticeKind, Owed
from underwriting.notices import about
from underwriting.store import applications, audit, claims, decisions, ledger, notices, waiting
from underwriting.store.crypto import Keyring
from underwriting.store.errors import NoNotice
from underwriting.store.kinds import APPLICATIONS, EVALUATIONS, Kind
from underwriting.store.models import ApplicationRow, EvaluationRow, NoticeRow, undecided
from underwriting.store.session import Store
from underwriting.store.waiting import Answer


async def due(store: Store, until: date = DUE, tenant: str | None = None, **page: object) -> list[Owed]:
    async with store.read() as work:
        return await notices.due(work, tenant, until, **page)


async def rejected(store: Store, tenant: str = "acme", **changes: object) -> str:
    return (await finish(store, await claimed(store, tenant, **changes), Verdict.REJECTED)).id


async def sent(store: Store, owed: Owed, sent_at: datetime = NOW, how: str = "letter") -> NoticeRow:
    async with store.begin() as work:
        return await notices.record(work, owed, how=how, sent_at=sent_at, sent_by="ann", content=b"Dear Ada Byron")


@pytest.mark.parametrize(("until", "found"), [(DUE - timedelta(days=1), 0), (DUE, 1), (DUE + timedelta(days=1), 1)])
async def test_a_rejection_is_due_until_it_is_sent(store: Store, until: date, found: int) -> None:
    application_id = await rejected(store)
    owed = Owed(
        tenant="acme",
        subject_id=application_id,
        customer_id="ada",
        number=1,
        kind=NoticeKind.ADVERSE_ACTION,
        product=Product.LOAN,
        due=DUE,
    )
    assert await due(store, until) == [owed][:found]
    await sent(store, owed)
    assert await due(store, until) == []
    async with store.read() as work:
        assert await notices.get(work, "acme", application_id) == owed, "it can still be shown"


async def test_approvals_owe_no_notice(store: Store) -> None:
    approved = (await finish(store, await claimed(store), Verdict.APPROVED)).id
    await evaluated(store, "bob")
    assert await due(store, date.max) == []
    with pytest.raises(NoNotice, match=f"no notice about {approved} is owed"):
        async with store.read() as work:
            await notices.get(work, "acme", approved)


@pytest.mark.parametrize(("until", "found"), [(DUE - timedelta(days=1), 0), (DUE, 2), (DUE + timedelta(days=1), 2)])
async def test_what_nobody_has_decided_is_due_warned_of_and_counted(store: Store, until: date, found: int) -> None:
    application = await finish(store, await claimed(store), Verdict.REFERRED)
    evaluation = await evaluated(store, verdict=Verdict.REFERRED)
    assert application.notice_due == evaluation.notice_due == DUE
    listed = await due(store, until)
    assert {(owed.subject_id, owed.kind) for owed in listed} == {
        (record.id, NoticeKind.UNDECIDED) for record in (application, evaluation)[:found]
    }
    async with store.begin() as work:
        assert await notices.counts(work, DUE, until) == {"overdue": 0, "due_soon": found}
        coming = await notices.unwarned(work, until)
        assert [await notices.warn(work, owed) for owed in coming] == [True] * found
        assert await notices.unwarned(work, until) == []


async def stuck(store: Store, kind: Kind, state: State) -> str:
    """An application or evaluation that nobody decides, in this state."""
    accepted = await accept(store) if kind is APPLICATIONS else (await check(store)).stored.subject
    async with store.begin() as work:
        if state is not State.PENDING:
            owned = await claims.claim(work, kind, accepted.id, "run", LEASE, 1)
        if state is State.CANCELLED:
            await cancel(work, owned)
    if state is State.QUARANTINED:
        await let_time_pass(store, kind.row.__tablename__, "lease_until", 2 * LEASE)
        async with store.begin() as work:
            assert await claims.claim(work, kind, accepted.id, "run", LEASE, 1) is None
    return accepted.id


@pytest.mark.parametrize("kind", [APPLICATIONS, EVALUATIONS], ids=lambda kind: kind.name)
@pytest.mark.parametrize("state", [State.PENDING, State.RUNNING, State.CANCELLED, State.QUARANTINED])
async def test_what_no_worker_ends_is_due_30_days_after_its_receipt(store: Store, kind: Kind, state: State) -> None:
    subject_id = await stuck(store, kind, state)
    assert await due(store, DUE - timedelta(days=1)) == []
    (owed,) = await due(store, DUE)
    assert (owed.subject_id, owed.kind, owed.due, owed.customer_id) == (subject_id, NoticeKind.UNDECIDED, DUE, "ada")
    assert await due(store, DUE, "globex") == []
    async with store.read() as work:
        assert await notices.get(work, "acme", subject_id) == owed
        assert await work.scalar(select(kind.row.state)) == state
        assert [each.subject_id for each in await notices.unwarned(work, DUE)] == [subject_id]


NEW_YORK = shipped_policies()["cfi"].business_day.day_of


@pytest.mark.parametrize(
    ("moment", "day"),
    [
        # In winter New York is five hours behind, in summer four.
        (datetime(2026, 3, 1, 4, 59, 59, tzinfo=UTC), date(2026, 3, 30)),
        (datetime(2026, 3, 1, 5, tzinfo=UTC), date(2026, 3, 31)),
        # Summer time begins on 8 March at 07:00 UTC, and ends on 1 November at 06:00 UTC.
        (datetime(2026, 3, 8, 4, 59, 59, tzinfo=UTC), date(2026, 4, 6)),
        (datetime(2026, 3, 8, 5, tzinfo=UTC), date(2026, 4, 7)),
        (datetime(2026, 3, 9, 3, 59, 59, tzinfo=UTC), date(2026, 4, 7)),
        (datetime(2026, 3, 9, 4, tzinfo=UTC), date(2026, 4, 8)),
        (datetime(2026, 11, 1, 3, 59, 59, tzinfo=UTC), date(2026, 11, 30)),
        (datetime(2026, 11, 1, 4, tzinfo=UTC), date(2026, 12, 1)),
        (datetime(2026, 11, 2, 4, 59, 59, tzinfo=UTC), date(2026, 12, 1)),
        (datetime(2026, 11, 2, 5, tzinfo=UTC), date(2026, 12, 2)),
    ],
)
async def test_what_comes_in_the_evening_is_received_on_the_lenders_day(
    database_url: str, keyring: Keyring, moment: datetime, day: date
) -> None:
    async with Store.open(database_url, keyring, NEW_YORK) as store:
        async with store.begin() as work:
            asked = request(customer_id="ada")
            application = (await applications.accept(work, "acme", asked, "k", moment)).stored.subject
        evaluation = (await check(store, now=moment)).stored.subject
        assert {owed.subject_id: owed.due for owed in await due(store, date.max)} == {
            application.id: day,
            evaluation.id: day,
        }
        assert application.received_on == evaluation.requested_on == day - timedelta(days=30)


async def test_what_is_supplied_or_told_in_the_evening_counts_from_the_lenders_day(
    database_url: str, keyring: Keyring
) -> None:
    evening = datetime(2026, 3, 5, 1, 30, tzinfo=UTC)
    async with Store.open(database_url, keyring, NEW_YORK) as store:
        incomplete, offered = await waits(store, Verdict.INCOMPLETE), await waits(store, Verdict.COUNTEROFFER)
        (owed,) = [each for each in await due(store) if each.subject_id == offered]
        await sent(store, owed, evening)
        async with store.begin() as work:
            given = {"tenant": "acme", "by": "ann", "now": evening, "partners": ()}
            await waiting.answer(work, incomplete, Answer.SUPPLIED, **given)
            await waiting.wake(work, offered, UNTIL, ())
        days = {owed.subject_id: owed.due for owed in await due(store, date.max)}
    assert days == {
        incomplete: date(2026, 3, 4) + timedelta(days=30),
        offered: date(2026, 3, 4) + timedelta(days=90),
    }


async def test_an_evaluation_that_was_cancelled_is_answered_by_a_later_one(store: Store) -> None:
    await stuck(store, EVALUATIONS, State.CANCELLED)
    await evaluated(store, verdict=Verdict.REFERRED)
    assert [owed.kind for owed in await due(store)] == [NoticeKind.UNDECIDED] * 2
    await evaluated(store)
    assert await due(store) == []


async def test_an_application_that_is_reviewed_again_is_undecided_until_it_is(store: Store) -> None:
    incomplete, completed = await waits(store, Verdict.INCOMPLETE), NOW + timedelta(days=3)
    await sent(store, *await due(store))
    async with store.begin() as work:
        given = {"tenant": "acme", "by": "ann", "now": completed, "partners": ()}
        await waiting.answer(work, incomplete, Answer.SUPPLIED, **given)
    (owed,) = await due(store, date.max)
    assert (owed.subject_id, owed.kind, owed.due) == (
        incomplete,
        NoticeKind.UNDECIDED,
        (completed + timedelta(days=30)).date(),
    )


async def test_what_nobody_decided_is_found_by_an_index(store: Store) -> None:
    async with store.read() as work:
        on_postgresql = work.get_bind().dialect.name == "postgresql"
        for row in (ApplicationRow, EvaluationRow):
            if on_postgresql:
                await work.execute(text("SET enable_seqscan = off"))
            literal = {"literal_binds": True}
            query = select(row.id).where(undecided(row)).compile(work.get_bind(), compile_kwargs=literal)
            explain = "EXPLAIN" if on_postgresql else "EXPLAIN QUERY PLAN"
            plan = "\n".join(str(line[-1]) for line in await work.execute(text(f"{explain} {query}")))
            assert f"ix_{row.__tablename__}_undecided" in plan, plan


@pytest.mark.parametrize("verdict", [Verdict.APPROVED, Verdict.REJECTED])
async def test_an_answer_ends_the_referral_of_a_user_and_another_referral_does_not(
    store: Store, verdict: Verdict
) -> None:
    first = await evaluated(store, verdict=Verdict.REFERRED)
    second = await evaluated(store, verdict=Verdict.REFERRED, notice_due=DUE + timedelta(days=3))
    others = [await evaluated(store, *whose, verdict=Verdict.REFERRED) for whose in (("bob",), ("ada", "globex"))]
    await evaluated(store, "bob", "globex", verdict=verdict)
    waiting = {owed.subject_id: owed.due for owed in await due(store, date.max) if owed.kind is NoticeKind.UNDECIDED}
    assert waiting == {record.id: record.notice_due for record in (first, second, *others)}
    answer = await evaluated(store, verdict=verdict)
    left = {owed.subject_id: owed.kind for owed in await due(store, date.max) if owed.customer_id == "ada"}
    rejected_too = {answer.id: NoticeKind.ADVERSE_ACTION} if verdict is Verdict.REJECTED else {}
    assert left == {others[1].id: NoticeKind.UNDECIDED, **rejected_too}


async def test_a_persons_rejection_owes_one_and_names_its_decision(store: Store) -> None:
    referred = (await finish(store, await claimed(store), Verdict.REFERRED)).id
    async with store.begin() as work:
        await decisions.decide_referral(
            work,
            referred,
            tenant="acme",
            verdict=Verdict.REJECTED,
            note="no payslip",
            reasons=(NO_SCORE,),
            decided_by="ann",
            now=NOW + timedelta(days=24),
            partners=(),
        )
    (owed,) = await due(store)
    assert (owed.number, owed.kind, owed.due) == (2, NoticeKind.ADVERSE_ACTION, DUE), (
        "30 days after the receipt, however long the person took"
    )


async def test_only_the_newest_decision_owes_a_notice(store: Store) -> None:
    incomplete, offered = await waits(store, Verdict.INCOMPLETE), await waits(store, Verdict.COUNTEROFFER)
    kinds = {owed.subject_id: owed.kind for owed in await due(store)}
    assert kinds == {incomplete: NoticeKind.INCOMPLETENESS, offered: NoticeKind.COUNTEROFFER}
    async with store.begin() as work:
        given = {"tenant": "acme", "by": "ann", "now": NOW, "partners": ()}
        await waiting.answer(work, offered, Answer.ACCEPTED, **given)
    assert [owed.subject_id for owed in await due(store)] == [incomplete]


@pytest.mark.parametrize(
    ("told", "expected"),
    [(None, DUE), (NOW + timedelta(days=10), date(2026, 6, 10))],
)
async def test_after_an_offer_that_expired_90_days_run_from_its_notice(
    store: Store, told: datetime | None, expected: date
) -> None:
    offered = await waits(store, Verdict.COUNTEROFFER)
    if told is not None:
        (owed,) = await due(store)
        await sent(store, owed, told)
        assert await due(store) == []
    async with store.begin() as work:
        await waiting.wake(work, offered, UNTIL, ())
    (owed,) = await due(store, date.max)
    assert (owed.number, owed.kind, owed.due) == (2, NoticeKind.ADVERSE_ACTION, expected)


async def test_rejected_evaluations_and_lowered_limits_owe_one(store: Store) -> None:
    evaluation = await evaluated(store, verdict=Verdict.REJECTED, notice_due=DUE)
    await lowered(store)
    found = {(owed.subject_id, owed.customer_id, owed.product) for owed in await due(store)}
    assert found == {(evaluation.id, "ada", Product.FLOAT), (RUN, "ada", Product.FLOAT)}


async def test_a_decrease_that_was_taken_back_owes_nothing(store: Store) -> None:
    await lowered(store, state=LimitRunState.ROLLED_BACK)
    async with store.begin() as work:
        await work.execute(text("UPDATE limit_records SET in_force = 5000"))
    assert await due(store) == []


async def test_pages_are_in_order_and_complete(store: Store) -> None:
    ids = [await rejected(store, customer_id=f"c{number}") for number in range(5)]
    seen: list[Owed] = []
    while page := await due(store, limit=2, after=seen[-1].cursor if seen else None):
        seen += page
    assert [owed.subject_id for owed in seen] == sorted(ids)


async def test_a_tenant_sees_its_own_notices_only(store: Store) -> None:
    mine, theirs = await rejected(store, "acme"), await rejected(store, "globex")
    await lowered(store, "globex")
    assert [owed.subject_id for owed in await due(store, tenant="acme")] == [mine]
    assert {owed.subject_id for owed in await due(store)} == {mine, theirs, RUN}
    for subject_id, customer_id in ((theirs, None), (RUN, "ada")):
        with pytest.raises(NoNotice):
            async with store.read() as work:
                await notices.get(work, "acme", subject_id, customer_id)


async def test_of_a_limit_run_the_customer_is_named(store: Store) -> None:
    await lowered(store)
    async with store.read() as work:
        owed = await notices.get(work, "acme", RUN, "ada")
        said = await about.read(work, owed)
    assert (said.limit_before, said.limit_after, said.currency, said.decided_on) == (
        "50.00",
        "40.00",
        "USD",
        NOW.date(),
    )
    assert [reason.code for reason in said.reasons] == ["limit_income_stopped", "limit_pay_low"]
    for nobody in ("bob", "eve", "nobody"):
        with pytest.raises(NoNotice, match=f"to {nobody}"):
            async with store.read() as work:
                await notices.get(work, "acme", RUN, nobody)


async def test_what_was_sent_is_kept_sealed_and_audited(store: Store) -> None:
    application_id = await rejected(store)
    (owed,) = await due(store)
    first = await sent(store, owed)
    assert (await sent(store, owed)).id == first.id, "the same sending once more"
    second = await sent(store, owed, NOW + timedelta(days=1), "e-mail")
    async with store.read() as work:
        kept = await notices.sent(work, owed)
        entries = [entry for entry in await audit.entries(work, application_id) if entry.action == "notice.sent"]
        assert notices.content(work, kept[0]) == b"Dear Ada Byron"
    assert [(row.id, row.how, row.sent_by) for row in kept] == [
        (first.id, "letter", "ann"),
        (second.id, "e-mail", "ann"),
    ]
    assert b"Ada" not in kept[0].content
    assert [(entry.actor, json.loads(entry.details)["how"]) for entry in entries] == [
        ("ann", "letter"),
        ("ann", "e-mail"),
    ]


@pytest.mark.parametrize(("until", "found"), [(DUE - timedelta(days=1), 0), (DUE, 1)])
async def test_a_deadline_is_warned_of_once(store: Store, until: date, found: int) -> None:
    await rejected(store)
    for expected in (found, 0):
        async with store.begin() as work:
            coming = await notices.unwarned(work, until)
            assert [await notices.warn(work, owed) for owed in coming] == [True] * expected


async def test_what_is_late_and_what_is_soon_is_counted(store: Store) -> None:
    await rejected(store)
    for today, overdue, soon in ((DUE, 0, 1), (DUE + timedelta(days=1), 1, 0), (DUE - timedelta(days=8), 0, 0)):
        async with store.read() as work:
            counted = await notices.counts(work, today, today + timedelta(days=7))
        assert counted == {"overdue": overdue, "due_soon": soon}


@pytest.mark.parametrize(
    ("result", "by_person", "used"),
    [(Result.PASS, False, False), (Result.UNKNOWN, False, True), (Result.FAIL, False, True), (Result.PASS, True, True)],
)
async def test_a_report_that_played_no_part_is_not_disclosed(
    store: Store, result: Result, by_person: bool, used: bool
) -> None:
    owned = await claimed(store)
    age = Outcome(rule="AdultApplicant", result=Result.FAIL, reason=NO_SCORE)
    heard = Outcome(rule="CreditScore", result=result)
    checks = [
        CheckResult(check="customer_information", outcomes=(age,)),
        CheckResult(check="credit_report", outcomes=(heard,)),
    ]
    verdict = Verdict.REFERRED if by_person else Verdict.REJECTED
    async with store.begin() as work:
        await ledger.begin(work, owned, about.BUREAU_PULL)
        await ledger.done(work, owned, about.BUREAU_PULL, report())
        await decisions.finish(work, owned, checks, decision(owned.subject, verdict), ())
        if by_person:
            word = {"verdict": Verdict.REJECTED, "note": "no payslip", "reasons": (NO_SCORE,), "decided_by": "ann"}
            await decisions.decide_referral(work, owned.subject.id, tenant="acme", now=NOW, partners=(), **word)
        said = await about.read(work, await notices.get(work, None, owned.subject.id))
    assert (said.report is not None) is used


async def test_an_applications_notice_has_its_amount_its_reasons_and_its_report(store: Store) -> None:
    owned = await claimed(store)
    async with store.begin() as work:
        await ledger.begin(work, owned, about.BUREAU_PULL)
        await ledger.done(work, owned, about.BUREAU_PULL, report())
        await decisions.finish(work, owned, results(), decision(owned.subject, Verdict.REJECTED), ())
        owed = await notices.get(work, None, owned.subject.id)
        said = await about.read(work, owed)
        stored = await applications.get(work, None, owned.subject.id)
    assert (said.amount, said.currency, said.reasons) == ("2500.00", "USD", stored.record.reasons)
    assert (said.report, said.decided_on, said.due) == (report(), NOW.astimezone(UTC).date(), DUE)
