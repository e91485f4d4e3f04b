"""One evaluation for the same question at a time and for each key, and each tenant sees its own."""

import asyncio
from datetime import date, datetime

import pytest
from support.evaluated import check, claimed_check, evaluated, finish_check
from support.reviews import NOW, rows

from underwriting.domain.application import Product, State
from underwriting.store import evaluations
from underwriting.store.errors import KeyReused, NotDecided, UnknownEvaluation
from underwriting.store.evaluations.reading import PAGE
from underwriting.store.session import Store
from underwriting.store.stored import Accepted

NOBODYS = "evl_01JZZZZZZZZZZZZZZZZZZZZZZZ"


def ids(answers: list[Accepted]) -> set[str]:
    return {answer.stored.subject.id for answer in answers}


async def test_a_check_is_stored_as_it_was_asked(store: Store) -> None:
    accepted = await check(store, product=Product.LOAN, as_of=date(2026, 1, 31))
    assert (accepted.new, accepted.replay) == (True, False)
    async with store.read() as work:
        stored = await evaluations.get(work, "acme", accepted.stored.subject.id)
    assert stored == accepted.stored
    assert (stored.subject.user_id, stored.subject.product) == ("ada", Product.LOAN)
    assert (stored.subject.as_of, stored.subject.requested_at) == (date(2026, 1, 31), NOW)
    assert (stored.state, stored.record.state, stored.record.verdict) == (State.PENDING, State.PENDING, None)


async def test_business_date_is_the_day_in_utc_where_it_is_left_out(store: Store) -> None:
    accepted = await check(store, now=datetime.fromisoformat("2026-03-02T20:00:00-08:00"))
    assert accepted.stored.subject.as_of == date(2026, 3, 3)


async def test_fifty_same_checks_at_once_are_one(store: Store) -> None:
    answers = await asyncio.gather(*(check(store) for _ in range(50)))
    assert len(ids(answers)) == 1
    assert [answer.new for answer in answers].count(True) == 1
    assert not any(answer.replay for answer in answers)
    assert await rows(store, "evaluations") == 1


@pytest.mark.parametrize(
    "other", [{"user_id": "bob"}, {"tenant": "globex"}, {"product": Product.LOAN}, {"as_of": date(2026, 3, 1)}]
)
async def test_another_question_is_another_check(store: Store, other: dict[str, object]) -> None:
    first, second = await check(store), await check(store, **other)
    assert second.new
    assert len(ids([first, second])) == 2


async def test_a_check_that_runs_is_joined_and_a_finished_one_is_not(store: Store) -> None:
    owned = await claimed_check(store)
    joined = await check(store)
    assert (joined.new, joined.stored.state) == (False, State.RUNNING)
    await finish_check(store, owned)
    again = await check(store)
    assert again.new
    assert again.stored.subject.id > owned.subject.id


async def test_fifty_checks_under_one_key_at_once_are_one(store: Store) -> None:
    answers = await asyncio.gather(*(check(store, idempotency_key="k") for _ in range(50)))
    assert len(ids(answers)) == 1
    assert [(answer.new, answer.replay) for answer in answers].count((True, False)) == 1
    assert [(answer.new, answer.replay) for answer in answers].count((False, True)) == 49


async def test_a_replay_answers_the_result_byte_for_byte(store: Store) -> None:
    record = await finish_check(store, await claimed_check(store, idempotency_key="k"))
    answers = [await check(store, idempotency_key="k") for _ in range(20)]
    assert {(answer.replay, answer.stored.state, answer.stored.body) for answer in answers} == {
        (True, State.DONE, record.body)
    }
    assert await rows(store, "evaluations") == 1


async def test_every_key_that_joined_keeps_its_evaluation(store: Store) -> None:
    owned = await claimed_check(store, idempotency_key="first")
    joined = await check(store, idempotency_key="second")
    assert (joined.new, joined.replay) == (False, False)
    await finish_check(store, owned)
    answers = [await check(store, idempotency_key=key) for key in ("first", "second")]
    assert ids(answers) == {owned.subject.id}
    assert all(answer.replay for answer in answers)
    assert (await check(store, idempotency_key="third")).new


@pytest.mark.parametrize(
    "change",
    [
        {"user_id": "bob"},
        {"product": Product.LOAN},
        {"as_of": date(2026, 3, 2)},
        {"callback": "https://partner.example/called"},
    ],
)
async def test_another_payload_under_the_same_key_is_refused(store: Store, change: dict[str, object]) -> None:
    await check(store, idempotency_key="k")
    with pytest.raises(KeyReused, match="another payload"):
        await check(store, idempotency_key="k", **change)
    assert await rows(store, "evaluations") == 1


async def test_a_key_used_for_two_payloads_at_once_stores_one(store: Store) -> None:
    asked = (check(store, f"user{number}", idempotency_key="k") for number in range(20))
    answers = await asyncio.gather(*asked, return_exceptions=True)
    assert sorted(type(answer).__name__ for answer in answers) == ["Accepted"] + ["KeyReused"] * 19
    assert (await rows(store, "evaluations"), await rows(store, "evaluation_keys")) == (1, 1)


async def test_the_same_key_of_another_tenant_is_another_request(store: Store) -> None:
    await check(store, idempotency_key="k")
    assert (await check(store, tenant="globex", idempotency_key="k")).new


async def test_an_evaluation_of_another_tenant_is_unknown(store: Store) -> None:
    record = await evaluated(store)
    async with store.read() as work:
        for tenant, evaluation_id in (("globex", record.id), ("acme", NOBODYS)):
            for read in (evaluations.get, evaluations.judged):
                with pytest.raises(UnknownEvaluation, match=evaluation_id):
                    await read(work, tenant, evaluation_id)
        assert (await evaluations.get(work, None, record.id)).body == record.body
        assert await evaluations.history(work, "globex", "ada") == []
        assert await evaluations.newest(work, "globex", "ada", Product.FLOAT) is None


async def test_without_a_result_there_is_nothing_to_explain(store: Store) -> None:
    pending = (await check(store)).stored.subject.id
    async with store.read() as work:
        with pytest.raises(NotDecided, match=pending):
            await evaluations.judged(work, "acme", pending)


async def test_the_newest_is_the_last_that_was_asked_for(store: Store) -> None:
    done = await evaluated(store)
    async with store.read() as work:
        newest = await evaluations.newest(work, "acme", "ada", Product.FLOAT)
        assert newest is not None
        assert newest.body == done.body
        assert await evaluations.newest(work, "acme", "ada", Product.LOAN) is None
    pending = await check(store)
    async with store.read() as work:
        assert await evaluations.newest(work, "acme", "ada", Product.FLOAT) == pending.stored


async def test_history_pages_through_ones_own_newest_first(store: Store) -> None:
    floats = [(await evaluated(store)).id for _ in range(4)]
    loan = (await check(store, product=Product.LOAN)).stored.subject.id
    await evaluated(store, "bob")
    async with store.read() as work:
        page = await evaluations.history(work, "acme", "ada", limit=3)
        rest = await evaluations.history(work, "acme", "ada", after=page[-1].subject.id)
        of_floats = await evaluations.history(work, "acme", "ada", Product.FLOAT)
    assert [stored.subject.id for stored in page + rest] == [loan, *reversed(floats)]
    assert [stored.subject.id for stored in of_floats] == list(reversed(floats))


async def test_the_whole_history_streams_across_pages(store: Store) -> None:
    days = [date.fromordinal(date(2026, 1, 1).toordinal() + number) for number in range(PAGE + 5)]
    async with store.begin() as work:
        asked = [
            (await evaluations.accept(work, "acme", "ada", Product.FLOAT, day, None, NOW)).stored.subject.id
            for day in days
        ]
    pages = [page async for page in evaluations.stream(store, "acme", "ada")]
    assert [len(page) for page in pages] == [PAGE, 5]
    assert [stored.subject.id for page in pages for stored in page] == list(reversed(asked))
    assert [page async for page in evaluations.stream(store, "acme", "ada", Product.LOAN)] == []
