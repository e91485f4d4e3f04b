"""A store with data goes up and down, and every row that the older schema knew is still read."""

from datetime import date, timedelta
from typing import Any

from alembic import command
from sqlalchemy import Connection, MetaData, insert, select, text, update
from support.evaluated import evaluated, meet
from support.notices import RUN, lowered
from support.reviews import BOOK, NOW, accept, claimed, finish

from rules.limits.tiers import CURRENCY, TIERS
from underwriting.domain.application import Product, State
from underwriting.store import applications, audit, decisions, evaluations, notices, reported_floats, rulebooks
from underwriting.store.crypto import Keyring
from underwriting.store.engines import create_engine
from underwriting.store.limits.profiles import adopt
from underwriting.store.migrate import migrate, scripts
from underwriting.store.models import Channel, DecisionRow, LimitShardRow, QueueState, RulebookKind, sealed_cell
from underwriting.store.queue import outbox
from underwriting.store.session import Store

APPLICATION = "app_01JZZZZZZZZZZZZZZZZZZZZZZZ"
SETTLED = text("UPDATE applications SET state = 'done' WHERE id = :id")
BODY = b'{"type":"application.referred","timestamp":"2026-03-02T09:30:00Z","data":{"id":1}}'


async def on(url: str, work: Any) -> Any:
    engine = create_engine(url)
    try:
        async with engine.begin() as connection:
            return await connection.run_sync(work)
    finally:
        await engine.dispose()


async def down(url: str, to: str = "0001") -> None:
    await on(url, lambda connection: command.downgrade(scripts(connection), to))


def old_rows(keys: Keyring) -> dict[str, list[dict[str, Any]]]:
    """What the first schema could hold: an application that a person decided, and what is still owed of it."""
    decision = {
        "application_id": APPLICATION,
        "reasons": [],
        "rulebook": BOOK.name,
        "rulebook_version": 1,
        "rulebook_digest": BOOK.digest,
        "decided_at": NOW,
    }
    note = keys.seal(b"payslip seen", sealed_cell(DecisionRow.note, APPLICATION, 2))
    message = {
        "tenant": "acme",
        "customer_id": "ada",
        "application_id": APPLICATION,
        "body": BODY,
        "due_at": NOW,
        "created_at": NOW,
    }
    return {
        "applications": [
            {
                "id": APPLICATION,
                "tenant": "acme",
                "request_key": "a" * 64,
                "fingerprint": "b" * 64,
                "customer_id": "ada",
                "product": "loan",
                "amount": 250_000,
                "currency": "USD",
                "as_of": NOW.date(),
                "received_at": NOW,
                "state": "done",
                "fence": 1,
                "attempts": 1,
                "dispatch_no": 1,
            }
        ],
        "decisions": [
            {**decision, "sequence": 1, "verdict": "referred", "decided_by": "rulebook", "body": b"{}", "note": None},
            {**decision, "sequence": 2, "verdict": "rejected", "decided_by": "ann", "body": b"[2]", "note": note},
        ],
        "rulebooks": [
            {
                "name": BOOK.name,
                "version": 1,
                "digest": BOOK.digest,
                "product": "loan",
                "text": "text",
                "published_by": "ann",
                "published_at": NOW,
            }
        ],
        "outbox": [
            {**message, "seq": 7, "id": "msg_7", "state": "pending", "attempts": 2},
            {**message, "seq": 9, "id": "msg_9", "state": "dead", "attempts": 8},
        ],
    }


async def fill(url: str, rows: dict[str, list[dict[str, Any]]]) -> None:
    def write(connection: Connection) -> None:
        tables = MetaData()
        tables.reflect(connection)
        for name, values in rows.items():
            connection.execute(insert(tables.tables[name]), values)

    await on(url, write)


async def content(url: str, *names: str) -> dict[str, list[dict[str, Any]]]:
    def read(connection: Connection) -> dict[str, list[dict[str, Any]]]:
        tables = MetaData()
        tables.reflect(connection)
        wanted = [tables.tables[name] for name in names]
        return {
            table.name: [dict(row) for row in connection.execute(select(table).order_by(*table.primary_key)).mappings()]
            for table in wanted
        }

    found: dict[str, list[dict[str, Any]]] = await on(url, read)
    return found


async def test_a_store_of_the_first_schema_is_read_as_before(database_url: str, keyring: Keyring) -> None:
    await down(database_url)
    await fill(database_url, old_rows(keyring))
    await migrate(database_url)
    async with Store.open(database_url, keyring) as store, store.begin() as work:
        stored = await applications.get(work, "acme", APPLICATION)
        assert (stored.state, stored.body, stored.subject.requested.minor) == (State.DONE, b"[2]", 250_000)
        assert [found.note for found in await decisions.history(work, APPLICATION)] == [None, "payslip seen"]
        (dead,) = await outbox.QUEUE.dead(work)
        assert (dead.id, dead.channel, dead.subject_id, dead.target) == ("msg_9", Channel.RESULTS, APPLICATION, None)
        (message,) = await outbox.due(work, [Channel.RESULTS])
        assert (message.id, message.subject_id, message.body, message.attempt) == ("msg_7", APPLICATION, BODY, 3)
        published = await rulebooks.get(work, BOOK.name)
        assert (published.kind, published.ref, published.text) == (RulebookKind.REVIEW, BOOK, "text")


async def test_new_messages_are_numbered_after_the_old_ones(database_url: str, keyring: Keyring) -> None:
    await down(database_url)
    await fill(database_url, old_rows(keyring))
    await migrate(database_url)
    async with Store.open(database_url, keyring) as store:
        await finish(store, await claimed(store), partners=("acme",))
        await finish(store, await claimed(store, customer_id="bob"), partners=("acme",))
    numbers = [row["seq"] for row in (await content(database_url, "outbox"))["outbox"]]
    assert numbers == [7, 9, 10, 11]


async def test_an_empty_store_numbers_from_one(database_url: str, keyring: Keyring) -> None:
    async with Store.open(database_url, keyring) as store:
        await finish(store, await claimed(store), partners=("acme",))
    assert [row["seq"] for row in (await content(database_url, "outbox"))["outbox"]] == [1]


async def test_down_and_up_again_keeps_what_the_first_schema_knew(database_url: str, keyring: Keyring) -> None:
    await down(database_url)
    await fill(database_url, old_rows(keyring))
    names = ("applications", "decisions", "rulebooks", "outbox", "audit")
    await migrate(database_url)
    async with Store.open(database_url, keyring) as store:
        await accept(store, "globex")
    before = await content(database_url, *names)
    await down(database_url)
    await migrate(database_url)
    assert await content(database_url, *names) == before


async def test_going_down_leaves_only_what_the_first_schema_has_a_place_for(
    database_url: str, keyring: Keyring
) -> None:
    async with Store.open(database_url, keyring) as store:
        await finish(store, await claimed(store), partners=("acme",))
        await meet(store)
        await evaluated(store)
        async with store.begin() as work:
            for kind in RulebookKind:
                ref = BOOK.model_copy(update={"name": kind.value})
                await rulebooks.publish(work, ref, Product.FLOAT, "text", "ann", kind)
    await down(database_url)
    left = await content(database_url, "outbox", "rulebooks")
    assert [row["state"] for row in left["outbox"]] == [QueueState.PENDING.value]
    assert [row["name"] for row in left["rulebooks"]] == ["review"]
    await migrate(database_url)
    async with Store.open(database_url, keyring) as store, store.read() as work:
        assert await audit.verify(work) == [], "the log keeps what was done with the tables that went"


async def test_profiles_get_the_limit_that_their_tiers_say(database_url: str, keyring: Keyring) -> None:
    limits = {"none": 0, "first": 1_000, "some": 3_000, "all": 20_000}
    async with Store.open(database_url, keyring) as store, store.begin() as work:
        await adopt(work, "acme", [(user, limit, NOW) for user, limit in limits.items()], CURRENCY, TIERS, "test")
    before = await content(database_url, "float_profiles")
    await down(database_url, "0005")
    assert "amount" not in (await content(database_url, "float_profiles"))["float_profiles"][0]
    await migrate(database_url)
    after = await content(database_url, "float_profiles")
    assert after == before
    assert {row["user_id"]: row["amount"] for row in after["float_profiles"]} == limits


async def test_of_the_floats_frozen_with_one_evaluation_the_first_stays_authorised(
    database_url: str, keyring: Keyring
) -> None:
    async with Store.open(database_url, keyring) as store:
        record = await evaluated(store)
    await down(database_url, "0006")
    frozen = {"tenant": "acme", "evaluation_id": record.id, "user_id": "ada", "product": "float", "event_id": "e"}
    moments = {"flt-2": NOW, "flt-1": NOW + timedelta(hours=1), "flt-3": NOW + timedelta(days=1)}
    rows = [{**frozen, "float_id": name, "frozen_at": at, "body": record.body} for name, at in moments.items()]
    await fill(database_url, {"historical_evaluations": rows})
    await migrate(database_url)
    async with Store.open(database_url, keyring) as store, store.read() as work:
        told = await reported_floats.of_user(work, "acme", "ada")
        kept = [await evaluations.frozen(work, "acme", name) for name in moments]
    assert [(each.float_id, each.authorised) for each in told] == [("flt-2", True), ("flt-1", False), ("flt-3", False)]
    assert [each.taken_on for each in told] == [NOW.date(), NOW.date(), NOW.date() + timedelta(days=1)]
    assert [each is not None for each in kept] == [True, False, False]


async def test_rulebooks_get_their_first_day_out_of_their_text(database_url: str, keyring: Keyring) -> None:
    await down(database_url, "0010")
    book = {**old_rows(keyring)["rulebooks"][0], "kind": "review"}
    texts = {"dated": '{"valid_from":"2027-01-01"}', "broken": "text"}
    await fill(database_url, {"rulebooks": [{**book, "name": name, "text": text} for name, text in texts.items()]})
    await migrate(database_url)
    rows = (await content(database_url, "rulebooks"))["rulebooks"]
    assert {row["name"]: row["valid_from"] for row in rows} == {"dated": date(2027, 1, 1), "broken": None}
    assert [row["valid_until"] for row in rows] == [None, None]


async def test_referrals_that_still_wait_get_the_day_of_their_notice(database_url: str, keyring: Keyring) -> None:
    async with Store.open(database_url, keyring) as store:
        waits, done = [(await finish(store, await claimed(store))).id for _ in range(2)]
        await on(database_url, lambda connection: connection.execute(SETTLED, {"id": done}))
    await down(database_url, "0013")
    assert {row["notice_due"] for row in (await content(database_url, "decisions"))["decisions"]} == {None}
    await migrate(database_url)
    rows = await content(database_url, "applications", "decisions")
    received = {row["id"]: row["received_at"].date() for row in rows["applications"]}
    days = {row["application_id"]: row["notice_due"] for row in rows["decisions"]}
    assert days == {waits: received[waits] + timedelta(days=30), done: None}


async def test_notice_of_lowered_limits_counts_from_their_application(database_url: str, keyring: Keyring) -> None:
    applied = NOW + timedelta(days=4)
    async with Store.open(database_url, keyring) as store:
        await lowered(store)
    shard = update(LimitShardRow).values(applied_at=applied)
    await on(database_url, lambda connection: connection.execute(shard))
    await down(database_url, "0013")
    await migrate(database_url)
    rows = (await content(database_url, "limit_records"))["limit_records"]
    assert {row["notice_due"] for row in rows} == {(applied + timedelta(days=30)).date()}


async def test_notices_of_limits_get_the_version_that_was_applied_as_their_number(
    database_url: str, keyring: Keyring
) -> None:
    async with Store.open(database_url, keyring) as store:
        await lowered(store)
        async with store.begin() as work:
            owed = await notices.get(work, "acme", RUN, "ada")
            await notices.record(work, owed, how="letter", sent_at=NOW, sent_by="ann", content=b"")
            assert await notices.warn(work, owed)
            assert await notices.warn(work, owed.model_copy(update={"number": owed.number + 1}))
    await down(database_url, "0018")
    before = await content(database_url, "notices", "notice_warnings")
    assert {name: [row["number"] for row in rows] for name, rows in before.items()} == {
        "notices": [1],
        "notice_warnings": [1],
    }
    await migrate(database_url)
    after = await content(database_url, "notices", "notice_warnings")
    assert {row["number"] for rows in after.values() for row in rows} == {owed.number} == {2}
