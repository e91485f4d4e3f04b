"""What is past its term is deleted as a whole, and never a day too early."""

import random
from collections import Counter
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import func, insert, select, update
from support.evaluated import TIERS, check, claim_check, eligibility, evaluated, finish_check, meet
from support.notices import RUN, lowered
from support.purged import DAY, LAST, TODAY, count, counts, demands, purge, rejected, reviewed, told
from support.reviews import (
    NO_SCORE,
    NOW,
    accept,
    claimed,
    finish,
    results,
    waits,
)

from underwriting import retention
from underwriting.domain.application import Product
from underwriting.domain.decision import CheckResult, Outcome, Result, Verdict
from underwriting.domain.limits import LimitRunState
from underwriting.domain.retention import Kind, Retention, months_after
from underwriting.limit_runs import rollback
from underwriting.store import applications, audit, evaluations, matches, profiles, reported_floats
from underwriting.store.errors import RunInTheWay, UnknownApplication
from underwriting.store.matches import Found
from underwriting.store.models import (
    ApplicationRow,
    AttemptRow,
    Channel,
    EvaluationRow,
    EventRow,
    FloatRankRow,
    LimitRecordRow,
    LimitRunRow,
    LimitShardRow,
    ListMatchRow,
    MessageRow,
    NoticeRow,
    ProfileRow,
    QueueState,
    ReportedFloatRow,
)
from underwriting.store.queue import inbox
from underwriting.store.session import Store


@pytest.mark.parametrize(("today", "gone"), [(LAST - DAY, 0), (LAST, 0), (LAST + DAY, 1)])
async def test_an_application_stays_for_25_months_after_the_notification(store: Store, today: date, gone: int) -> None:
    application_id = await rejected(store)
    await rejected(store, sent_at=NOW + DAY)
    # Its copies may go earlier.
    assert (await purge(store, today, Kind.APPLICATIONS)).get((Kind.APPLICATIONS, "acme"), 0) == gone
    assert await count(store, ApplicationRow) == 2 - gone
    if gone:
        async with store.read() as work:
            with pytest.raises(UnknownApplication):
                await applications.get(work, "acme", application_id)


@pytest.mark.parametrize(
    ("sent_at", "last"),
    [
        (datetime(2026, 3, 31, 23, 59, 59, tzinfo=UTC), date(2028, 4, 30)),
        (datetime(2028, 1, 31, 0, 0, tzinfo=UTC), date(2030, 2, 28)),
        (datetime(2026, 12, 31, 12, tzinfo=UTC), date(2029, 1, 31)),
        (datetime(2030, 1, 31, 12, tzinfo=UTC), date(2032, 2, 29)),
    ],
)
async def test_the_last_day_is_that_of_the_month_and_the_leap_year(store: Store, sent_at: datetime, last: date) -> None:
    await rejected(store, sent_at=sent_at)
    assert await purge(store, last, Kind.APPLICATIONS) == {}
    assert await purge(store, last + DAY, Kind.APPLICATIONS) == {(Kind.APPLICATIONS, "acme"): 1}


@pytest.mark.parametrize("wait", ["no notice", "incomplete", "referred", "pending", "untold"])
async def test_what_is_open_stays_for_ever(store: Store, wait: str) -> None:
    if wait == "no notice":
        await rejected(store, sent_at=None)
    elif wait == "incomplete":
        await waits(store, Verdict.INCOMPLETE)
    elif wait == "referred":
        await finish(store, await claimed(store))
    elif wait == "pending":
        await accept(store)
    else:
        await finish(store, await claimed(store), Verdict.APPROVED, partners=("acme",))
    assert await purge(store, date(2090, 1, 1)) in ({}, {(Kind.LOG, "acme"): 1})
    assert await count(store, ApplicationRow) == 1


def company() -> list[CheckResult]:
    return [
        CheckResult(check="customer_information", facts={"is_company": True}, outcomes=()),
        CheckResult(check="credit_report", facts={}, outcomes=(), trouble="bureau: timed out"),
    ]


async def test_business_credit_stays_for_12_months(store: Store) -> None:
    await reviewed(store, Verdict.REJECTED, company())
    await rejected(store)
    last = months_after(TODAY, 12)
    assert await purge(store, last, Kind.APPLICATIONS, Kind.BUSINESS_APPLICATIONS) == {}
    assert await purge(store, last + DAY, Kind.APPLICATIONS) == {}
    assert await purge(store, last + DAY) == {
        (Kind.BUSINESS_APPLICATIONS, "acme"): 1,
        (Kind.LOG, "acme"): 1,
    }
    assert await count(store, ApplicationRow) == 1


async def test_what_concerns_a_listed_person_stays_for_ten_years(store: Store) -> None:
    found = Outcome(rule="NotListed", result=Result.FAIL, reason=NO_SCORE, observed={"list_match_score": 0.97})
    await reviewed(store, Verdict.REJECTED, [CheckResult(check="fraud", facts={}, outcomes=(found,))])
    unknown = found.model_copy(update={"result": Result.UNKNOWN, "observed": {"list_match_score": None}})
    await reviewed(store, Verdict.REJECTED, [CheckResult(check="fraud", facts={}, outcomes=(unknown,))])
    assert await purge(store, LAST + DAY, Kind.APPLICATIONS) == {(Kind.APPLICATIONS, "acme"): 1}
    last = months_after(TODAY, 120)
    assert await purge(store, last, Kind.APPLICATIONS) == {}
    assert await purge(store, last + DAY, Kind.APPLICATIONS) == {(Kind.APPLICATIONS, "acme"): 1}


async def test_a_loan_stays_until_its_term_ends(store: Store) -> None:
    await finish(store, await claimed(store, term_months=36), Verdict.APPROVED)
    last = months_after(TODAY, 36)
    assert await purge(store, last, Kind.APPLICATIONS) == {}
    assert await purge(store, last + DAY, Kind.APPLICATIONS) == {(Kind.APPLICATIONS, "acme"): 1}


async def test_settings_and_options_ask_for_more_and_holds_for_everything(store: Store) -> None:
    for tenant in ("acme", "umbrella"):
        await rejected(store, tenant)
    longer = {"acme": Retention(months={Kind.APPLICATIONS: 84})}
    held = {"acme": Retention(holds={"ada"})}
    today = LAST + DAY
    assert await purge(store, today, Kind.APPLICATIONS, asked=26) == {}
    assert await purge(store, date(2090, 1, 1), tenant="acme", lenders=held) == {}
    assert await purge(store, today, Kind.APPLICATIONS, lenders=longer) == {(Kind.APPLICATIONS, "umbrella"): 1}
    assert await purge(store, months_after(TODAY, 84), Kind.APPLICATIONS, lenders=longer) == {}
    assert await purge(store, months_after(TODAY, 84) + DAY, Kind.APPLICATIONS, lenders=longer) != {}


async def test_a_tenant_is_purged_alone(store: Store) -> None:
    for tenant in ("acme", "umbrella"):
        await rejected(store, tenant)
        await evaluated(store, tenant=tenant)
    assert set(await purge(store, date(2060, 1, 1), tenant="acme")) == {
        (Kind.APPLICATIONS, "acme"),
        (Kind.EVALUATIONS, "acme"),
    }
    assert await count(store, ApplicationRow, ApplicationRow.tenant == "umbrella") == 1
    assert await count(store, EvaluationRow, EvaluationRow.tenant == "umbrella") == 1


async def test_nothing_of_an_application_or_evaluation_is_left_and_the_audit_log_counts_it(store: Store) -> None:
    before = await counts(store)
    await rejected(store)
    accepted = await check(store, idempotency_key="once", callback="https://acme.example/done")
    owned = await claim_check(store, accepted.stored.subject.id)
    assert owned
    await finish_check(store, owned, eligibility(Verdict.REJECTED), channels=(Channel.EVENTS, Channel.RESULTS))
    await told(store, accepted.stored.subject.id)
    expected = {(Kind.APPLICATIONS, "acme"): 1, (Kind.EVALUATIONS, "acme"): 1}
    look = await retention.past_their_terms(store, demands(LAST + DAY), (Kind.APPLICATIONS, Kind.EVALUATIONS))
    assert look == expected
    assert await purge(store, LAST + DAY, Kind.APPLICATIONS, Kind.EVALUATIONS) == expected
    after = await counts(store)
    assert {name for name in after if after[name] != before[name]} == {"audit"}
    async with store.read() as work:
        assert await audit.verify(work) == []
        [entry] = [one for one in await audit.entries(work, "acme") if one.action == "purged.applications"]
    assert entry.actor == "ann"
    assert "ada" not in entry.details


async def test_the_evaluation_of_an_open_float_stays(store: Store) -> None:
    first = await evaluated(store)
    async with store.begin() as work:
        assert await evaluations.freeze(work, "acme", "ada", first.id, "flt-1", "evt-1", NOW)
        await work.execute(update(EvaluationRow).values(received_at=NOW - DAY))
    second = await evaluated(store, facts={"outstanding_floats": 1})
    await told_if_any(store, second.id)
    today = LAST + DAY
    assert await purge(store, today, Kind.EVALUATIONS, Kind.FLOATS) == {(Kind.EVALUATIONS, "acme"): 1}
    assert await count(store, EvaluationRow, EvaluationRow.id == first.id) == (await count(store, ReportedFloatRow))


async def told_if_any(store: Store, subject_id: str) -> None:
    async with store.begin() as work:
        await work.execute(
            update(MessageRow).where(MessageRow.subject_id == subject_id).values(state=QueueState.DONE, done_at=NOW)
        )


async def test_a_reported_float_stays_while_an_answer_may_rest_on_the_number_of_floats(store: Store) -> None:
    async with store.begin() as work:
        await reported_floats.record(work, "acme", "ada", "flt-1", "evl_none", NOW, NOW)
        await work.execute(update(ReportedFloatRow).values(authorised=False))
        rank = {"tenant": "acme", "user_id": "ada", "product": Product.FLOAT, "floats_taken": 1}
        last = {"last_float_id": "flt-1", "last_evaluation_id": "evl_none", "updated_at": NOW}
        await work.execute(insert(FloatRankRow).values(**rank, **last))
    today = LAST + DAY
    await check(store)
    assert await purge(store, today, Kind.FLOATS) == {}
    async with store.begin() as work:
        await work.execute(update(EvaluationRow).values(state="cancelled", received_on=today - 31 * DAY))
    assert await purge(store, today, Kind.FLOATS) == {}
    async with store.begin() as work:
        await work.execute(update(EvaluationRow).values(received_on=today - 32 * DAY))
    assert await purge(store, LAST, Kind.FLOATS) == {}
    assert await purge(store, today, Kind.FLOATS) == {(Kind.FLOATS, "acme"): 1}
    assert await count(store, FloatRankRow) == 0


async def test_of_profiles_only_versions_go_that_nothing_rests_on(store: Store) -> None:
    await meet(store)
    async with store.begin() as work:
        for number, enabled in enumerate((1, 2, 2), 1):
            tiers = [tier.model_copy(update={"enabled": at < enabled}) for at, tier in enumerate(TIERS)]
            await profiles.put(work, "acme", "ada", tiers, (), "staff", "seen", "ann", NOW + number * DAY)
    # Versions 1 (20.00), 2 (10.00), 3 and 4 (20.00): the limit of today holds since version 3.
    assert await purge(store, LAST + 2 * DAY, Kind.PROFILES) == {(Kind.PROFILES, "acme"): 1}
    assert await purge(store, date(2090, 1, 1), Kind.PROFILES) == {(Kind.PROFILES, "acme"): 1}
    async with store.read() as work:
        assert list(await work.scalars(select(ProfileRow.version).order_by(ProfileRow.version))) == [3, 4]


async def test_a_version_stays_as_long_as_an_evaluation_that_rests_on_it(store: Store) -> None:
    await meet(store)
    async with store.begin() as work:
        await profiles.put(work, "acme", "ada", [TIERS[0]], (), "staff", None, "ann", NOW)
    await finish_check(store, await own(store), eligibility(Verdict.REJECTED, profile_version=1))
    assert await purge(store, date(2090, 1, 1), Kind.PROFILES) == {}


async def own(store: Store) -> Any:
    accepted = await check(store)
    return await claim_check(store, accepted.stored.subject.id)


async def test_screening_records_stay_for_ten_years_after_they_were_cleared(store: Store) -> None:
    found = [Found("ofac", number, "person", 0.97, False, "name", "digest") for number in ("1", "2")]
    async with store.begin() as work:
        await matches.keep(work, "acme", "ada", found, ("person",))
        await work.execute(
            update(ListMatchRow).where(ListMatchRow.entry_id == "1").values(cleared_at=NOW, cleared_by="ann")
        )
    last = months_after(TODAY, 120)
    assert await purge(store, last, Kind.SCREENING) == {}
    assert await purge(store, last + DAY, Kind.SCREENING) == {(Kind.SCREENING, "acme"): 1}
    assert await purge(store, date(2090, 1, 1), Kind.SCREENING) == {}, "nobody cleared the other"


async def test_copies_and_traces_go_once_they_are_done(store: Store) -> None:
    await rejected(store)
    await evaluated(store)
    async with store.begin() as work:
        for number in range(3):
            await inbox.receive(work, "bus", str(number), "user_created", "acme", "ada", b"{}", NOW)
        states = ((EventRow.event_id == "0", "done"), (EventRow.event_id == "1", "dead"))
        for which, state in states:
            await work.execute(update(EventRow).where(which).values(state=state, done_at=NOW))
        events = MessageRow.channel == Channel.EVENTS
        await work.execute(update(MessageRow).where(events).values(state=QueueState.DONE, done_at=NOW))
        await work.execute(update(AttemptRow).values(renewed_at=NOW))
    kinds = (Kind.MESSAGES, Kind.EVENTS, Kind.LOG)
    month, quarter = months_after(TODAY, 1), months_after(TODAY, 3)
    assert await purge(store, month, *kinds) == {}
    assert await purge(store, month + DAY, *kinds) == {(Kind.MESSAGES, "acme"): 1, (Kind.LOG, "acme"): 2}
    assert await purge(store, quarter, *kinds) == {}
    assert await purge(store, quarter + DAY, *kinds) == {(Kind.EVENTS, "acme"): 1}
    assert await count(store, EventRow) == 2
    assert await count(store, MessageRow, MessageRow.channel == Channel.RESULTS) == 1


async def followed(store: Store, *days: date, scope: str = "", state: LimitRunState = LimitRunState.APPLIED) -> None:
    """Later runs that took effect on these days."""
    async with store.begin() as work:
        run = (await work.scalars(select(LimitRunRow).where(LimitRunRow.id == RUN))).one()
        same = {column.name: getattr(run, column.name) for column in LimitRunRow.__table__.columns}
        for number, day in enumerate(days, await work.scalar(select(func.count()).select_from(LimitRunRow))):
            moment = datetime(day.year, day.month, day.day, 9, tzinfo=UTC)
            changes = {"business_date": day, "applied_at": moment, "created_at": moment, "scope": scope}
            later = {**same, **changes, "id": f"{RUN[:-1]}{number}", "state": state}
            await work.execute(insert(LimitRunRow).values(later))


async def test_the_records_of_limit_runs_go_once_a_later_old_run_goes_on_from_them(
    store: Store, tmp_path: Path
) -> None:
    await lowered(store)
    folder = tmp_path / RUN
    folder.mkdir()
    (folder / "records-0000.parquet").write_text("records")
    today, kinds = LAST + 2 * DAY, (Kind.LIMITS,)
    async with store.begin() as work:
        await work.execute(update(LimitShardRow).values(first_id="ada", trouble="users from ada"))
    await followed(store, today - DAY)
    assert await retention.purge(store, demands(today), tmp_path, "ann", kinds) == Counter(), (
        "the next may go on from it"
    )
    await followed(store, TODAY + DAY, scope="segment:x")
    assert await retention.purge(store, demands(today), tmp_path, "ann", kinds) == Counter(), "not of everybody"
    async with store.begin() as work:
        await work.execute(update(LimitRunRow).where(LimitRunRow.id != RUN).values(applied_at=NOW, scope=""))
    await retention.purge(store, demands(LAST), tmp_path, "ann", kinds)
    assert await count(store, LimitRecordRow) == 3, "not a day too early"
    assert folder.exists()
    assert await retention.purge(store, demands(today), tmp_path, "ann", kinds) == {(Kind.LIMITS, "acme"): 2}
    assert await count(store, LimitRecordRow) == 1, "ada has no notice yet"
    await told(store, RUN, NOW, "ada")
    assert await retention.purge(store, demands(today), tmp_path, "ann", kinds) == {(Kind.LIMITS, "acme"): 1}
    assert not folder.exists()
    async with store.read() as work:
        run = await work.get_one(LimitRunRow, RUN)
        shard = (await work.scalars(select(LimitShardRow))).one()
    assert (shard.first_id, shard.trouble) == (None, None)
    with pytest.raises(RunInTheWay, match=r"were deleted on .* cannot be rolled back"):
        rollback._check(run)


async def test_a_purge_deletes_nothing_that_is_younger_than_its_minimum(store: Store) -> None:
    """Random days, random verdicts: what is left is what the law demands, computed another way."""
    dice = random.Random(20260302)
    started = date(2026, 3, 2)
    kept_until: dict[str, date] = {}
    for _ in range(40):
        sent_at = NOW + timedelta(days=dice.randrange(1200), hours=dice.randrange(14))
        verdict = dice.choice([Verdict.REJECTED, Verdict.APPROVED])
        business = dice.random() < 0.3
        checks = company() if business else results()
        application_id = await reviewed(store, verdict, checks, term_months=dice.choice([None, 6, 48]))
        async with store.begin() as work:
            row = await work.get_one(ApplicationRow, application_id)
            term = row.term_months or 0
            if verdict is Verdict.REJECTED:
                await work.execute(
                    update(NoticeRow).where(NoticeRow.subject_id == application_id).values(sent_at=sent_at)
                )
        told_on = sent_at.date() if verdict is Verdict.REJECTED else started
        until = months_after(told_on, 12 if business else 25)
        kept_until[application_id] = max(until, months_after(started, term)) if verdict is Verdict.APPROVED else until
    for today in sorted(date(2026, 1, 1) + timedelta(days=dice.randrange(2600)) for _ in range(25)):
        await purge(store, today)
        async with store.read() as work:
            left = set(await work.scalars(select(ApplicationRow.id)))
        assert left == {application_id for application_id, until in kept_until.items() if until >= today}
