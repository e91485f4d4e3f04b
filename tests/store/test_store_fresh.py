"""An immediate answer: the newest finished evaluation, young enough, under the books and the profile now in force."""

from datetime import datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import event, text
from support.evaluated import BOOKS, DAY, TIERS, check, claimed_check, eligibility, evaluated, finish_check, meet, pause
from support.reviews import NOW

from underwriting.domain.application import Product
from underwriting.store import evaluations, profiles, reported_floats
from underwriting.store.session import Store, Work

SECOND = timedelta(seconds=1)


async def fresh(
    store: Store,
    user_id: str = "ada",
    *,
    tenant: str = "acme",
    product: Product = Product.FLOAT,
    now: datetime = NOW,
    books: str = BOOKS,
) -> bytes | None:
    async with store.read() as work:
        return await evaluations.fresh(work, tenant, user_id, product, now, DAY, books)


@pytest.fixture
async def body(store: Store) -> bytes:
    """The body of ada's one evaluation, decided at NOW under BOOKS and version 1 of her profile."""
    await meet(store)
    return (await evaluated(store)).body


@pytest.mark.parametrize(("age", "answers"), [(timedelta(), True), (DAY - SECOND, True), (DAY, False)])
async def test_an_evaluation_answers_until_it_is_as_old_as_the_window(
    store: Store, body: bytes, age: timedelta, answers: bool
) -> None:
    assert await fresh(store, now=NOW + age) == (body if answers else None)


@pytest.mark.parametrize(
    "other", [{"user_id": "bob"}, {"tenant": "globex"}, {"product": Product.LOAN}, {"books": "e" * 64}]
)
async def test_nothing_else_is_answered_with_it(store: Store, body: bytes, other: dict[str, Any]) -> None:
    await meet(store, "bob")
    await meet(store, tenant="globex")
    assert await fresh(store) == body
    assert await fresh(store, **other) is None


async def test_a_check_under_way_does_not_hide_the_last_result(store: Store, body: bytes) -> None:
    await claimed_check(store)
    assert await fresh(store) == body


async def test_the_newest_result_answers(store: Store, body: bytes) -> None:
    newer = await finish_check(store, await claimed_check(store), eligibility(decided_at=NOW + SECOND))
    assert await fresh(store, now=NOW + SECOND) == newer.body != body


async def test_an_older_result_does_not_stand_in_for_the_newest(store: Store, body: bytes) -> None:
    """The newest was judged under another set of books: something changed, and the older one is no answer either."""
    await finish_check(store, await claimed_check(store), books_digest="e" * 64)
    assert await fresh(store) is None


@pytest.mark.parametrize(("days", "answers"), [(-2, False), (-1, True), (0, True), (1, False)])
async def test_a_result_as_of_another_day_is_no_answer_for_today(store: Store, days: int, answers: bool) -> None:
    await meet(store)
    await finish_check(store, await claimed_check(store, as_of=(NOW + days * DAY).date()))
    assert (await fresh(store) is not None) is answers


async def test_a_new_version_of_the_profile_ends_it(store: Store, body: bytes) -> None:
    async with store.begin() as work:
        await profiles.put(work, "acme", "ada", TIERS, (), "raised", None, "cfi", NOW)
    assert await fresh(store) is None
    await finish_check(store, await claimed_check(store), eligibility(profile_version=2))
    assert await fresh(store) is not None


async def test_a_pause_ends_it(store: Store, body: bytes) -> None:
    async with store.begin() as work:
        await pause(work, "acme", "ada", NOW)
    assert await fresh(store) is None


async def test_a_temporary_profile_ends_it_and_so_does_its_expiry(store: Store, body: bytes) -> None:
    async with store.begin() as work:
        ends = NOW + timedelta(hours=2)
        await profiles.put(work, "acme", "ada", TIERS, (), "holidays", None, "ann", NOW, ends)
    assert await fresh(store) is None
    judged = await finish_check(store, await claimed_check(store), eligibility(profile_version=2))
    assert await fresh(store, now=ends - SECOND) == judged.body
    assert await fresh(store, now=ends) is None


async def test_a_float_ends_every_evaluation_that_did_not_know_of_it(store: Store, body: bytes) -> None:
    """Of the other product too: what is open was counted as none there as well. Another user's float ends nothing."""
    await finish_check(store, await claimed_check(store, product=Product.LOAN))
    await hear(store, "float-0", user_id="bob")
    assert await fresh(store) == body
    for _ in range(2):
        await hear(store, "float-1")
        assert await fresh(store) is None
        assert await fresh(store, product=Product.LOAN) is None
    newer = await finish_check(store, await claimed_check(store), floats_reported=1)
    assert await fresh(store) == newer.body
    await hear(store, "float-2")
    assert await fresh(store) is None


async def hear(store: Store, float_id: str, user_id: str = "ada") -> None:
    async with store.begin() as work:
        await reported_floats.record(work, "acme", user_id, float_id, "evl_01JZZZZZZZZZZZZZZZZZZZZZZZ", NOW, NOW)


async def test_without_a_profile_nothing_answers(store: Store) -> None:
    await evaluated(store)
    assert await fresh(store) is None


async def test_an_immediate_answer_is_one_statement_served_by_indexes(store: Store, body: bytes) -> None:
    await check(store)
    async with store.read() as work:
        statements = await sent(work)
        if work.get_bind().dialect.name == "postgresql":
            # Tables this small are read as a whole, unless that is forbidden.
            await work.execute(text("SET LOCAL enable_seqscan = off"))
        statements.clear()
        assert await evaluations.fresh(work, "acme", "ada", Product.FLOAT, NOW, DAY, BOOKS) == body
        ((statement, parameters),) = statements
        plan = await explained(work, statement, parameters)
    assert "Seq Scan" not in plan
    assert "SCAN evaluations" not in plan
    assert "SCAN eligibilities" not in plan
    assert "SCAN float_profiles" not in plan
    assert "SCAN reported_floats" not in plan
    assert "ix_evaluations_product" in plan


async def sent(work: Work) -> list[tuple[str, Any]]:
    """What the unit sends to the database from now on."""
    statements: list[tuple[str, Any]] = []
    connection = (await work.connection()).sync_connection

    @event.listens_for(connection, "before_cursor_execute")
    def note(_connection: Any, _cursor: Any, statement: str, parameters: Any, _context: Any, _many: bool) -> None:
        statements.append((statement, parameters))

    return statements


async def explained(work: Work, statement: str, parameters: Any) -> str:
    """The database's plan for a statement, as text."""
    explain = "EXPLAIN" if work.get_bind().dialect.name == "postgresql" else "EXPLAIN QUERY PLAN"
    rows = await (await work.connection()).exec_driver_sql(f"{explain} {statement}", parameters)
    return "\n".join(" ".join(map(str, row)) for row in rows)
