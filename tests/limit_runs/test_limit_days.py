"""Which day a run is about, and what is known by then: nothing early, nothing backwards, the evening included."""

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest
from support.limit_histories import EVERYBODY, lenient, request
from support.limit_store import held_policy

from rules.facts.terms import fact_terms
from rules.limits.tiers import CURRENCY, FIRST_LIMIT, TIERS
from underwriting.domain.application import Product
from underwriting.domain.limits import LimitRunState
from underwriting.limit_runs.comparison import compare
from underwriting.limit_runs.dry_run import run_dry
from underwriting.limit_runs.report_files import summary
from underwriting.limit_runs.run import finish, recalculate
from underwriting.limit_runs.run_context import RunContext
from underwriting.store import profiles, reported_floats
from underwriting.store.errors import RunInTheWay
from underwriting.store.limits import bases as limit_bases
from underwriting.store.limits import held_runs
from underwriting.store.limits import runs as limit_runs
from underwriting.store.models import LimitRunRow
from underwriting.store.session import Store

TENANT = "sandbox"
# The business date ends at 03:59:59 UTC on the day after.
DAY, CLOSE = date(2025, 8, 31), datetime(2025, 9, 1, 3, 59, 59, tzinfo=UTC)
RUN = LimitRunRow(id="lim_1", tenant=TENANT, product=Product.FLOAT, business_date=DAY, judged_at=CLOSE)


@pytest.fixture
def database_kind() -> str:
    """Its SQL runs on both databases in test_limit_runs.py and test_limit_releases.py."""
    return "postgresql"


@pytest.mark.parametrize(("hours", "refused"), [(-1, False), (1, True), (24 * 365, True)])
async def test_nothing_is_decided_before_its_decision_time(
    few_users: Path, context: RunContext, hours: int, refused: bool
) -> None:
    moment = datetime.now(UTC) + timedelta(hours=hours)
    day = {"timezone": "UTC", "decided_at": f"{moment:%H:%M:%S}"}
    asked = request(few_users, moment.date(), policy=lenient(business_day=day))
    if refused:
        with pytest.raises(RunInTheWay, match=r"are decided at .* UTC, not before"):
            await recalculate(context, asked)
        dry = replace(asked, dry_run=True)
        if hours > 24:
            with pytest.raises(RunInTheWay, match=r"are decided at .* UTC, not before"):
                await run_dry(context, dry)
        else:
            # The day under way may be tried.
            assert (await run_dry(context, dry)).totals.users == 60
    else:
        assert (await recalculate(context, asked)).totals.users == 60


async def test_a_held_run_is_not_released_once_a_later_date_is_applied(few_users: Path, context: RunContext) -> None:
    held = await recalculate(context, request(few_users, policy=held_policy()))
    assert held.state is LimitRunState.HELD
    await recalculate(context, request(few_users, DAY + timedelta(days=1)))
    with pytest.raises(RunInTheWay, match="2025-09-01 is applied already"):
        await settle(context, held.run_id, LimitRunState.APPLYING)
    assert (await finish(context, held.run_id)).written == 0
    await settle(context, held.run_id, LimitRunState.DISCARDED)


@pytest.mark.parametrize(("digest", "refused"), [(None, False), (fact_terms().ref.digest, False), ("0" * 64, True)])
async def test_a_run_names_the_numbers_behind_its_facts_and_goes_on_by_no_others(
    few_users: Path, context: RunContext, digest: str | None, refused: bool
) -> None:
    """A run from before they were kept names none, and goes on."""
    report = await recalculate(context, request(few_users))
    assert report.fact_terms == str(fact_terms().ref)
    assert f"by {report.policy}, facts by {report.fact_terms}, 2 shards" in summary(report)
    async with context.store.begin() as work:
        run = await limit_runs.get(work, report.run_id)
        assert (run.fact_terms, run.fact_terms_version, run.fact_terms_digest) == tuple(
            fact_terms().ref.model_dump().values()
        )
        run.fact_terms_digest = digest
    if refused:
        with pytest.raises(RunInTheWay, match=f"the facts of {report.run_id} rest on {fact_terms().ref}, and would"):
            await recalculate(context, request(few_users))
    else:
        assert (await recalculate(context, request(few_users))).calculated == 0


async def settle(context: RunContext, run_id: str, word: LimitRunState) -> None:
    async with context.store.begin() as work:
        await held_runs.decide(work, run_id, word, "ann", "looked at it")


@pytest.mark.parametrize(
    ("changed_at", "raised_on"),
    [
        (datetime(2025, 8, 30, 12, tzinfo=UTC), date(2025, 8, 30)),
        (datetime(2025, 8, 31, 23, 59, tzinfo=UTC), DAY),
        (datetime(2025, 9, 1, 0, 30, tzinfo=UTC), DAY),
        (CLOSE, DAY),
        (CLOSE + timedelta(seconds=1), date(2025, 9, 1)),
        (datetime(2025, 9, 2, tzinfo=UTC), date(2025, 9, 2)),
    ],
)
async def test_a_change_of_the_evening_is_of_the_business_date(
    store: Store, changed_at: datetime, raised_on: date
) -> None:
    """In New York; else the limit of whoever was changed after 20:00 would not be known that night."""
    async with store.begin() as work:
        first = await profiles.on_first_contact(work, TENANT, "ada", changed_at, CURRENCY, TIERS)
        await profiles.put(work, TENANT, "ada", first.with_limit(3_000), [], "by_hand", None, "ann", changed_at)
    async with store.read() as work:
        (base,) = (await limit_bases.bases(work, RUN, EVERYBODY, changed_at, FIRST_LIMIT)).to_pylist()
    assert (base["amount"], base["raised_on"]) == (3_000, raised_on)


async def test_east_of_greenwich_a_change_after_the_close_is_of_the_next_day(store: Store) -> None:
    close = datetime(2025, 8, 31, 14, 59, 59, tzinfo=UTC)
    async with store.begin() as work:
        first = await profiles.on_first_contact(work, TENANT, "ada", close, CURRENCY, TIERS)
        later = close + timedelta(hours=1)
        await profiles.put(work, TENANT, "ada", first.with_limit(3_000), [], "by_hand", None, "ann", later)
    tokyo = LimitRunRow(id="lim_1", tenant=TENANT, product=Product.FLOAT, business_date=DAY, judged_at=close)
    async with store.read() as work:
        (base,) = (await limit_bases.bases(work, tokyo, EVERYBODY, later, FIRST_LIMIT)).to_pylist()
    assert base["raised_on"] == date(2025, 9, 1)


async def test_floats_that_events_told_of_by_then_are_known_to_the_run_of_their_tenant(store: Store) -> None:
    moments = {
        "flt 1": datetime(2025, 8, 1, tzinfo=UTC),
        "flt 2": CLOSE - timedelta(hours=1),
        "flt 3": datetime(2025, 9, 2, tzinfo=UTC),
    }
    async with store.begin() as work:
        for name, at in moments.items():
            await reported_floats.record(work, TENANT, "ada", name, "evl_1", at)
        await reported_floats.record(work, "acme", "ada", "theirs", "evl_1", CLOSE)
    async with store.read() as work:
        (base,) = (await limit_bases.bases(work, RUN, EVERYBODY, CLOSE, FIRST_LIMIT)).to_pylist()
    assert (base["subject_id"], base["amount"]) == ("ada", FIRST_LIMIT)
    assert base["reported_floats"] == [
        {"float_id": "flt 1", "taken_on": date(2025, 8, 1)},
        {"float_id": "flt 2", "taken_on": date(2025, 9, 1)},
    ]


async def test_a_float_that_an_event_told_of_raises_nobody_in_run_dry_run_and_comparison(
    few_users: Path, context: RunContext
) -> None:
    raised = (await run_dry(context, request(few_users, dry_run=True))).totals.raised
    assert raised > 0
    async with context.store.begin() as work:
        for number in range(60):
            # In the evening, which is the next day in UTC.
            await reported_floats.record(work, TENANT, f"u{number:09}", f"new-{number}", "evl_1", CLOSE)
    dry = await run_dry(context, request(few_users, dry_run=True))
    assert (dry.totals.raised, dry.totals.reasons["limit_float_open"]) == (0, dry.totals.held)
    compared = await compare(context, request(few_users), lenient())
    assert compared.comparison.moves_first == compared.comparison.moves_second
    assert compared.comparison.moves_first["raised"] == 0
    report = await recalculate(context, request(few_users))
    assert report.totals == dry.totals
