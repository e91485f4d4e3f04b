"""The limits that a shard starts from: of ids in a range, byte by byte and by the index, and what each rests on."""

from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import ColumnElement, and_, literal, select, text

from rules.limits.tiers import CURRENCY, TIERS
from underwriting.domain.application import Product
from underwriting.domain.limits import IdRange, LimitRunState, LimitShardState
from underwriting.store.limits.bases import bases, within
from underwriting.store.limits.profiles import adopt
from underwriting.store.limits.records import of_shard
from underwriting.store.limits.runs import last_applied
from underwriting.store.models import LimitRecordRow, LimitRunRow, LimitShardRow, ProfileRow
from underwriting.store.session import Store

IDS = ["A-1", "Z", "a-1", "a1", "b", "é"]
RANGES = [IdRange(None, None), IdRange(None, "a"), IdRange("Z", "a1"), IdRange("a1", None), IdRange("b", "b")]


@pytest.mark.parametrize("ids", RANGES, ids=str)
async def test_ids_are_in_a_range_as_their_bytes_are(store: Store, ids: IdRange) -> None:
    async with store.begin() as work:
        await adopt(work, "acme", [(user_id, 2_000, datetime.now(UTC)) for user_id in IDS], CURRENCY, TIERS, "test")
    async with store.read() as work:
        found = await work.scalars(select(ProfileRow.user_id).where(within(ProfileRow.user_id, ids)))
        assert sorted(found) == [user_id for user_id in IDS if user_id in ids]


INSIDE = [
    (ProfileRow, and_(ProfileRow.tenant == "acme", within(ProfileRow.user_id, IdRange("a", "b")))),
    (LimitRecordRow, of_shard("lim", 1, IdRange("a", "b"))),
]


@pytest.mark.parametrize(("table", "inside"), INSIDE, ids=["profiles", "records of a shard"])
async def test_a_range_of_ids_is_found_by_the_index(
    store: Store, table: type[ProfileRow | LimitRecordRow], inside: ColumnElement[bool]
) -> None:
    async with store.read() as work:
        connection = await work.connection()
        is_postgresql = connection.dialect.name == "postgresql"
        if is_postgresql:
            # A table this small is read as a whole, unless that is forbidden.
            await connection.exec_driver_sql("SET LOCAL enable_seqscan = off")
        query = select(literal(1)).select_from(table).where(inside)
        statement = query.compile(connection.sync_connection, compile_kwargs={"literal_binds": True})
        explain = "EXPLAIN" if is_postgresql else "EXPLAIN QUERY PLAN"
        plan = "\n".join(str(row[-1]) for row in await connection.exec_driver_sql(f"{explain} {statement}"))
        if is_postgresql:
            # Then the index is in this order also where the database orders by a language.
            collations = select(text("collation_name")).select_from(text("information_schema.columns"))
            mine = text(f"table_name = '{table.__tablename__}' AND column_name = 'user_id'")
            assert await work.scalar(collations.where(mine)) == "C"
    by_index = [line for line in plan.splitlines() if "Index Cond" in line or "USING" in line]
    assert by_index, plan
    assert all("user_id" in line for line in by_index), plan


FIRST_LIMIT = 2_000
NOW = datetime(2026, 3, 1, 4, tzinfo=UTC)
# Late in the evening of the 9th where the day is counted in UTC, and nowhere else.
MADE = datetime.fromisoformat("2026-02-10T01:30:00+02:00")
LONG_AGO, LONG_AGO_ON = datetime(2025, 9, 1, 12, tzinfo=UTC), date(2025, 9, 1)
MADE_ON, RAISED_ON, BEFORE_THAT = date(2026, 2, 9), date(2026, 1, 15), date(2025, 12, 1)
LOWERED_ON, LONG_BEFORE, SINCE, SINCE_BEFORE = date(2026, 1, 5), date(2025, 11, 1), date(2026, 2, 18), date(2026, 2, 19)


def profile(
    limit: int,
    version: int = 1,
    paused: tuple[str, ...] = (),
    until: datetime | None = None,
    made: datetime = MADE,
    by: str = "staff",
) -> ProfileRow:
    """A version of whoever's profile; temporary with `until`."""
    tiers = [{"id": str(amount), "amount": amount, "enabled": amount <= limit} for amount in (2_000, 3_000, 5_000)]
    return ProfileRow(
        tenant="acme",
        version=version,
        currency="USD",
        tiers=tiers,
        amount=limit,
        paused=list(paused),
        created_on=made,
        created_by=by,
        reason="test",
        expires_on=until,
    )


def record(in_force: int, after: int | None = None, run: str = "full", **values: Any) -> LimitRecordRow:
    """What a run says of whomever; applied unless `after` is another limit."""
    given = {"before": in_force, "after": in_force if after is None else after, "raised_on": RAISED_ON, "runs_below": 2}
    given |= {"lowered_on": LOWERED_ON, "below_since": SINCE, "paused": False}
    of_the_base = {"base_raised_on": BEFORE_THAT, "base_runs_below": 1, "base_version": 3}
    of_the_base |= {"base_lowered_on": LONG_BEFORE, "base_below_since": SINCE_BEFORE}
    texts = dict.fromkeys(("reasons", "gates_held"), "")
    values = {**given, **of_the_base, **texts, "facts": "{}", "move": "held", **values}
    return LimitRecordRow(run_id=run, shard=0, in_force=in_force, **values)


@dataclass(frozen=True)
class Case:
    """What the store has of one user, and what a run starts from.

    That is the amount, the days of the last raise and decrease, runs below and since when, the version, paused.
    """

    why: str
    base: tuple[int, date | None, date | None, int, date | None, int, bool] | None
    rows: list[ProfileRow | LimitRecordRow] = field(default_factory=list)


def cases() -> list[Case]:
    """Rows of this call's own: a store makes them its own."""
    return [
        Case("nobody knows the user", None),
        Case("a first profile at the first limit", (2_000, None, None, 0, None, 1, False), [profile(2_000)]),
        Case("a first profile above it was a raise", (3_000, MADE_ON, None, 0, None, 1, False), [profile(3_000)]),
        Case("no tier is left", (0, None, None, 0, None, 1, False), [profile(0)]),
        Case(
            "the newest version counts", (5_000, MADE_ON, None, 0, None, 2, False), [profile(2_000), profile(5_000, 2)]
        ),
        Case(
            "the limit is the last run's",
            (3_000, RAISED_ON, LOWERED_ON, 2, SINCE, 1, False),
            [profile(3_000), record(3_000)],
        ),
        Case(
            "staff lowered it since", (2_000, RAISED_ON, MADE_ON, 0, None, 2, False), [profile(2_000, 2), record(3_000)]
        ),
        Case(
            "staff raised it since", (5_000, MADE_ON, LOWERED_ON, 0, None, 2, False), [profile(5_000, 2), record(3_000)]
        ),
        Case(
            "a version that changes something else raises nothing",
            (3_000, LONG_AGO_ON, None, 0, None, 2, False),
            [profile(3_000, made=LONG_AGO), profile(3_000, 2, ("loan",))],
        ),
        Case(
            "the same limit again after another was a raise",
            (3_000, MADE_ON, None, 0, None, 3, False),
            [profile(3_000, made=LONG_AGO), profile(2_000, 2, made=LONG_AGO), profile(3_000, 3)],
        ),
        Case(
            "a temporary limit in between does not count",
            (3_000, LONG_AGO_ON, None, 0, None, 3, False),
            [profile(3_000, made=LONG_AGO), profile(5_000, 2, (), NOW), profile(3_000, 3)],
        ),
        Case(
            "a run that was rolled back changed nothing",
            (3_000, LONG_AGO_ON, None, 0, None, 3, False),
            [profile(3_000, made=LONG_AGO), profile(2_000, 2, by="gone"), profile(3_000, 3, by="gone")],
        ),
        Case(
            "nor does a version after that with the same limit",
            (3_000, LONG_AGO_ON, None, 0, None, 4, False),
            [
                profile(3_000, made=LONG_AGO),
                profile(2_000, 2, by="gone"),
                profile(3_000, 3, by="gone"),
                profile(3_000, 4),
            ],
        ),
        Case(
            "a rollback back to the last counted run",
            (3_000, RAISED_ON, LOWERED_ON, 2, SINCE, 3, False),
            [
                profile(3_000, made=LONG_AGO),
                profile(2_000, 2, by="gone"),
                profile(3_000, 3, by="gone"),
                record(3_000),
                record(3_000, 2_000, run="gone", runs_below=0),
            ],
        ),
        Case(
            "staff changed it before the rollback",
            (5_000, MADE_ON, None, 0, None, 3, False),
            [profile(3_000, made=LONG_AGO), profile(2_000, 2, by="gone"), profile(5_000, 3)],
        ),
        Case(
            "only a run that was rolled back knew the user",
            (2_000, None, None, 0, None, 2, False),
            [profile(3_000, by="gone"), profile(2_000, 2, by="gone")],
        ),
        Case("a run without a profile", (2_000, None, None, 2, SINCE, 0, False), [record(2_000)]),
        Case(
            "a raise that was not applied",
            (2_000, BEFORE_THAT, LONG_BEFORE, 2, SINCE, 1, False),
            [profile(2_000), record(2_000, 3_000)],
        ),
        Case(
            "a limit that was not known",
            (2_000, RAISED_ON, LOWERED_ON, 2, SINCE, 1, False),
            [profile(2_000), record(2_000, before=None)],
        ),
        Case(
            "a later run over some",
            (3_000, date(2026, 2, 2), LOWERED_ON, 0, None, 1, False),
            [
                profile(3_000),
                record(3_000),
                record(3_000, run="some", raised_on=date(2026, 2, 2), runs_below=0, below_since=None),
            ],
        ),
        Case(
            "runs that do not count",
            (3_000, MADE_ON, None, 0, None, 1, False),
            [profile(3_000), record(3_000, run="discarded")],
        ),
        Case(
            "another tenant's runs",
            (3_000, MADE_ON, None, 0, None, 1, False),
            [profile(3_000), record(3_000, run="other")],
        ),
        Case(
            "before the last run over everybody",
            (3_000, MADE_ON, None, 0, None, 1, False),
            [profile(3_000), record(3_000, run="old")],
        ),
        Case("the product is paused", (2_000, None, None, 0, None, 1, True), [profile(2_000, paused=("float",))]),
        Case("another product is paused", (2_000, None, None, 0, None, 1, False), [profile(2_000, paused=("loan",))]),
        Case(
            "an active temporary profile pauses",
            (2_000, None, None, 0, None, 2, True),
            [profile(2_000), profile(2_000, 2, ("float",), NOW + timedelta(seconds=1))],
        ),
        Case(
            "an active temporary profile ends a pause",
            (2_000, None, None, 0, None, 3, False),
            [
                profile(2_000, 1, ("float",)),
                profile(2_000, 2, ("float",), NOW + timedelta(days=2)),
                profile(5_000, 3, (), NOW + timedelta(days=1)),
            ],
        ),
        Case(
            "a temporary profile has expired",
            (2_000, None, None, 0, None, 2, False),
            [profile(2_000), profile(5_000, 2, ("float",), NOW)],
        ),
        Case(
            "this very run was here before",
            (2_000, BEFORE_THAT, LONG_BEFORE, 1, SINCE_BEFORE, 3, True),
            [profile(3_000, 4, ("float",)), record(3_000), record(3_000, run="this", before=2_000)],
        ),
        Case(
            "this very run paused the product",
            (2_000, BEFORE_THAT, LONG_BEFORE, 1, SINCE_BEFORE, 3, False),
            [profile(2_000, 4, ("float",)), record(2_000, run="this", move="paused", paused=True)],
        ),
        Case(
            "so it was, and knew no limit",
            (2_000, BEFORE_THAT, LONG_BEFORE, 1, SINCE_BEFORE, 3, False),
            [record(2_000, run="this", before=None)],
        ),
    ]


def run(name: str, day: int, state: LimitRunState = LimitRunState.APPLIED, **values: Any) -> LimitRunRow:
    texts = dict.fromkeys(("history", "policy", "policy_digest", "policy_text"), "")
    given = {"tenant": "acme", "scope": "", "applied_at": NOW, "judged_at": NOW, **texts, **values}
    return LimitRunRow(
        id=name,
        product=Product.FLOAT,
        business_date=date(2026, 2, day),
        currency="USD",
        policy_version=1,
        state=state,
        created_at=NOW,
        **given,
    )


async def test_the_last_limits_of_a_tenant_are_those_of_its_newest_run_for_everybody(store: Store) -> None:
    runs = [
        run("old", 1, judged_at=NOW - timedelta(days=2)),
        run("full", 20, judged_at=NOW - timedelta(days=1)),
        run("some", 21, scope="segment:vip", judged_at=NOW),
        run("taken back", 22, LimitRunState.ROLLED_BACK, judged_at=NOW),
        run("held", 23, LimitRunState.HELD, applied_at=None, judged_at=NOW),
        run("other", 24, tenant="zeta", judged_at=NOW),
    ]
    async with store.begin() as work:
        work.add_all(runs)
    async with store.read() as work:
        assert await last_applied(work) == {
            ("acme", Product.FLOAT): NOW - timedelta(days=1),
            ("zeta", Product.FLOAT): NOW,
        }


async def test_what_a_run_starts_from(store: Store) -> None:
    this = run("this", 28, LimitRunState.CALCULATING, applied_at=None)
    runs = [
        this,
        run("old", 1),
        run("full", 20),
        run("some", 21, scope="segment:vip"),
        run("discarded", 22, LimitRunState.DISCARDED),
        run("other", 23, tenant="zeta"),
        run("gone", 24, LimitRunState.ROLLED_BACK),
    ]
    asked = cases()
    # An id has whatever its lender puts into it.
    ids = {case.why: f'u{number} "x", o\'b\\n:é%' for number, case in enumerate(asked)}
    async with store.begin() as work:
        work.add_all(runs)
        await work.flush()
        work.add_all(LimitShardRow(run_id=one.id, number=0, state=LimitShardState.APPLIED) for one in runs)
        await work.flush()
        for case in asked:
            for row in case.rows:
                row.user_id = ids[case.why]
                work.add(row)
    async with store.read() as work:
        found = await bases(work, this, IdRange(None, None), NOW, FIRST_LIMIT)
        nobody = await bases(work, this, IdRange("v", None), NOW, FIRST_LIMIT)
    order = found["subject_id"].to_pylist()
    assert order == sorted(order, key=str.encode)
    of_lists = ("match_score", "confirmed_score", "cleared", "reported_floats")
    got = {row.pop("subject_id"): tuple(row.values()) for row in found.drop_columns(of_lists).to_pylist()}
    assert {case.why: got.get(ids[case.why]) for case in asked} == {case.why: case.base for case in asked}
    assert (len(nobody), nobody.schema) == (0, found.schema)
