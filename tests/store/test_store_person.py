"""What the store knows of one person is erased but for what is demanded, which is named."""

import json
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from sqlalchemy import func, select, update
from support.evaluated import TIERS, check, meet
from support.notices import RUN
from support.persons import (
    AUDIT,
    DAY,
    LATER,
    NAME,
    NOTE,
    NOWHERE,
    SOON,
    WHO,
    demands,
    erase,
    in_limit_runs,
    known_everywhere,
    places,
    sent,
)
from support.reviews import NOW, claimed, finish

from underwriting import erasure as erasing
from underwriting import retention
from underwriting.domain.application import Product
from underwriting.domain.decision import Verdict
from underwriting.domain.retention import Kind, Retention, months_after
from underwriting.limit_runs import files
from underwriting.settings import settings
from underwriting.store import audit, decisions, person, profiles
from underwriting.store.errors import UnknownPerson
from underwriting.store.models import (
    ApplicationRow,
    AttemptRow,
    AuditRow,
    Base,
    CallbackRow,
    Channel,
    DecisionRow,
    EventRow,
    LimitRecordRow,
    LimitRunRow,
    LimitShardRow,
    MessageRow,
    ProfileRow,
)
from underwriting.store.queue import inbox
from underwriting.store.session import Store


async def test_every_table_is_about_persons_or_about_nobody() -> None:
    known = [*person.tables(), *person.ABOUT_NOBODY]
    assert sorted(table.__tablename__ for table in known) == sorted(Base.metadata.tables)


async def test_once_nothing_demands_it_no_column_knows_the_person(store: Store) -> None:
    await known_everywhere(store)
    await in_limit_runs(store)
    assert len(await places(store, WHO)) > 15
    assert len(await places(store, NAME)) > 5
    assert len(await places(store, NOTE)) >= 3
    erasure = await erase(store, LATER)
    assert erasure.kept == {}
    assert await places(store, WHO, NAME, NOTE) == AUDIT
    async with store.read() as work:
        assert await audit.verify(work) == []
        [entry] = await audit.entries(work, erasure.id)
        assert (entry.action, entry.actor) == ("person.erased", "ann")
        assert WHO not in entry.details
    with pytest.raises(UnknownPerson, match=f"nothing is stored about {WHO} of acme"):
        await erase(store, LATER)


async def test_what_is_demanded_is_kept_and_named_with_its_day_and_reason(store: Store) -> None:
    await known_everywhere(store)
    await in_limit_runs(store)
    erasure = await erase(store, SOON)
    assert erasure.erased == {Kind.LIMITS: 1, Kind.MESSAGES: 6, Kind.EVENTS: 2, Kind.LOG: 3}
    kept = {(kind, why): (len(records), erasing.longest(records)) for (kind, why), records in erasure.kept.items()}
    years = months_after(NOW.date(), 120)
    law = "31 CFR 501.601, 120 months"
    assert kept == {
        (Kind.APPLICATIONS, law): (1, years),
        (Kind.EVALUATIONS, law): (2, years),
        (Kind.FLOATS, "the evaluation that authorised it is kept"): (1, None),
        (Kind.PROFILES, "an evaluation that is kept rests on it"): (1, None),
        (Kind.PROFILES, "12 CFR 1002.12(b), 25 months"): (2, months_after(NOW.date(), 25)),
        (Kind.SCREENING, law): (1, years),
    }
    left = {table for table, _ in await places(store, WHO, NAME, NOTE)}
    about_these = {
        "applications", "decisions", "checks", "effects", "outbox", "evaluations", "eligibilities", "notices",
        "historical_evaluations", "reported_floats", "float_ranks", "float_profiles", "list_matches", "audit",
    }  # fmt: skip
    assert left == about_these
    async with store.read() as work:
        channels = set(await work.scalars(select(MessageRow.channel)))
        assert channels == {Channel.RESULTS, Channel.CALLBACK}, "what the partner was told is a part of the record"
        assert await work.scalar(select(func.count()).select_from(CallbackRow)) == 0
        assert await work.scalar(select(func.count()).select_from(AttemptRow)) == 0
        events = list(await work.scalars(select(EventRow)))
        assert {event.user_id for event in events} == {"erased"}
        assert await audit.verify(work) == []
        # What is kept answers as before.
        stored = (await work.scalars(select(ApplicationRow.id))).one()
        assert (await decisions.history(work, stored))[-1].note == f"{NOTE} of {NAME}"
        runs = {run.id: run for run in await work.scalars(select(LimitRunRow))}
        shard = (await work.scalars(select(LimitShardRow))).one()
    assert {run.scope for run in runs.values()} == {"", f"user:{RUN[:-1]}A"}
    assert (shard.first_id, shard.trouble) == ("eve", "2 workers died (users from eve up to the last)")
    # An event that is repeated is known still.
    async with store.begin() as work:
        assert not await inbox.receive(work, "bus", "evt-1", "user_created", "acme", WHO, b"{}", NOW)


async def test_another_tenant_and_another_person_keep_everything(store: Store) -> None:
    for tenant in ("acme", "umbrella"):
        await known_everywhere(store, tenant)
    await finish(store, await claimed(store, customer_id="bob"), Verdict.APPROVED)
    async with store.read() as work:
        before = await person.exported(work, "umbrella", WHO)
    await erase(store, LATER)
    async with store.read() as work:
        assert await person.exported(work, "umbrella", WHO) == before
        assert list(await work.scalars(select(ApplicationRow.customer_id).order_by(ApplicationRow.id))) == [WHO, "bob"]


@pytest.mark.parametrize("what", ["application", "evaluation", "event", "hold"])
async def test_nothing_is_erased_while_something_is_under_way_or_held(store: Store, what: str) -> None:
    held = {"acme": Retention(holds={WHO})} if what == "hold" else {}
    await known_everywhere(store)
    if what == "application":
        await claimed(store, customer_id=WHO)
    elif what == "evaluation":
        await check(store, WHO)
    elif what == "event":
        async with store.begin() as work:
            await inbox.receive(work, "bus", "evt-3", "user_created", "acme", WHO, b"{}", NOW)
    before = await places(store, WHO)
    says = {"hold": "on hold", "event": "is not handled"}.get(what, "is under way")
    with pytest.raises(erasing.CannotErase, match=says):
        await erasing.erase(store, demands(LATER, lenders=held), NOWHERE, "acme", WHO, "ann")
    with pytest.raises(erasing.CannotErase, match=says):
        await erasing.erasable(store, demands(LATER, lenders=held), "acme", WHO)
    assert await places(store, WHO) == before


async def test_a_look_erases_nothing_and_says_the_same(store: Store) -> None:
    await known_everywhere(store)
    before = await places(store, WHO, NAME, NOTE)
    look = await erasing.erasable(store, demands(SOON), "acme", WHO)
    assert await places(store, WHO, NAME, NOTE) == before
    erasure = await erase(store, SOON)
    assert (look.id, look.erased, look.kept) == ("", erasure.erased, erasure.kept)


async def test_messages_that_wait_for_the_bus_are_erased_and_those_for_the_partner_are_sent_first(
    store: Store,
) -> None:
    await finish(store, await claimed(store, customer_id=WHO), Verdict.APPROVED, partners=("acme",))
    await meet(store, WHO)
    erasure = await erase(store, LATER)
    assert erasure.erased[Kind.MESSAGES] == 1
    assert [why for _, why in erasure.kept] == ["the partner has not been told"]
    async with store.read() as work:
        assert list(await work.scalars(select(MessageRow.channel))) == [Channel.RESULTS]
    await sent(store)
    assert (await erase(store, LATER)).kept == {}


async def test_a_pause_outlives_the_erasure(store: Store) -> None:
    await meet(store, WHO)
    async with store.begin() as work:
        await profiles.put(work, "acme", WHO, TIERS, {Product.FLOAT}, "fraud", NOTE, "ann", NOW)
    erasure = await erase(store, LATER)
    why = ["a product is paused for the user", "it says since when the limit is in force"]
    assert [why for _, why in erasure.kept] == why
    async with store.read() as work:
        assert list(await work.scalars(select(ProfileRow.version).order_by(ProfileRow.version))) == [1, 2]
    assert ("float_profiles", "notes") not in await places(store, NOTE)


async def test_an_erasure_that_is_stopped_changes_nothing(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    await known_everywhere(store)
    before = await places(store, WHO, NAME, NOTE)

    def stop(name: str) -> None:
        raise RuntimeError(name)

    monkeypatch.setattr(erasing, "failpoint", stop)
    with pytest.raises(RuntimeError, match="inside-erasure"):
        await erase(store, LATER)
    assert await places(store, WHO, NAME, NOTE) == before
    monkeypatch.undo()
    await erase(store, LATER)
    assert await places(store, WHO, NAME, NOTE) == AUDIT


@pytest.mark.parametrize("sealed", [False, True])
async def test_rows_in_the_files_of_limit_runs_are_erased_with_their_records(
    store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, *, sealed: bool
) -> None:
    monkeypatch.setenv("UNDERWRITING_STATE_DIR", str(tmp_path))
    settings.cache_clear()
    await meet(store, WHO)
    await in_limit_runs(store)
    folder = files.make_folder(tmp_path / RUN)
    for name in ("records-0000", "bases-0000"):
        rows = pa.table({"subject_id": [WHO, None, "bob"], "amount": [1, 2, 3]})
        files.write_table(folder / f"{name}.parquet", rows, sealed=sealed)
    erasure = await erase(store, LATER, place=tmp_path)
    assert erasure.folders == [str(folder)]
    for file in files.find(folder, "*.parquet"):
        assert files.read_table(file).to_pydict() == {"subject_id": [None, "bob"], "amount": [2, 3]}
        assert files.is_sealed(file) is sealed
    settings.cache_clear()


async def test_a_raise_is_kept_so_that_its_run_can_be_rolled_back(store: Store) -> None:
    await in_limit_runs(store)
    async with store.begin() as work:
        mine = update(LimitRecordRow).where(LimitRecordRow.user_id == WHO)
        await work.execute(mine.values(move="raised", before=4000, after=5000, applied_version=2))
    assert (await erase(store, SOON)).erased == {}
    assert (await erase(store, LATER)).erased == {Kind.LIMITS: 1}


async def test_files_of_a_run_whose_record_is_kept_stay(store: Store, tmp_path: Path) -> None:
    await in_limit_runs(store)
    async with store.begin() as work:
        mine = update(LimitRecordRow).where(LimitRecordRow.user_id == WHO)
        await work.execute(mine.values(move="lowered", applied_version=None))
    folder = tmp_path / RUN
    folder.mkdir()
    pq.write_table(pa.table({"subject_id": [WHO]}), folder / "records-0000.parquet")
    erasure = await erase(store, SOON, place=tmp_path)
    assert list(erasure.kept) == [(Kind.LIMITS, "12 CFR 1002.12(b), 25 months")]
    assert pq.read_table(folder / "records-0000.parquet").num_rows == 1


async def test_reports_add_up(store: Store) -> None:
    """What is there and what was deleted is what was made, by the audit log's own counts."""
    for _ in range(3):
        await finish(store, await claimed(store, customer_id=WHO), Verdict.APPROVED)
    await finish(store, await claimed(store, customer_id="bob"), Verdict.APPROVED)
    today = months_after(NOW.date(), 25) + DAY
    await erase(store, today)
    await retention.purge(store, demands(today), NOWHERE, "ann", (Kind.APPLICATIONS,))
    async with store.read() as work:
        made = await work.scalar(select(func.count()).where(AuditRow.action == "application.approved"))
        left = await work.scalar(select(func.count()).select_from(DecisionRow))
        gone = 0
        for action, details in await work.execute(select(AuditRow.action, AuditRow.details)):
            counted = json.loads(details)
            gone += {"person.erased": counted.get("applications"), "purged.applications": counted.get("records")}.get(
                action
            ) or 0
    assert (made, left, gone) == (4, 0, 4)
