"""A publication empties the caches of every process, whichever published."""

import asyncio
import json
from datetime import UTC, datetime, timedelta

import pytest
import time_machine

from rules.core.experiments import arm_of
from rules.eligibility.book import shipped_eligibility_books
from rules.prescreening.book import Rulebook, parse_rulebook, shipped_rulebooks
from underwriting.domain.application import ApplicationRequest, Product
from underwriting.rulebook_cache import LOOK_SECONDS, RulebookCache
from underwriting.settings import Settings
from underwriting.store import rulebooks
from underwriting.store.errors import UnknownRulebook
from underwriting.store.models import RulebookKind
from underwriting.store.session import Store

REQUEST = ApplicationRequest(customer_id="ada", amount="100.00", currency="USD")
CONFIG = Settings(rulebook_ttl=3600)


@pytest.fixture
def book() -> Rulebook:
    return shipped_rulebooks()[CONFIG.rulebook]


async def publish(store: Store, book: Rulebook) -> None:
    async with store.begin() as work:
        days = (book.valid_from, book.valid_until)
        await rulebooks.publish(work, book.ref, book.product, book.text, "test", RulebookKind(book.kind), *days)


async def test_a_new_version_is_seen_within_a_second_by_every_shelf(store: Store, book: Rulebook) -> None:
    newer = parse_rulebook(json.dumps(json.loads(book.text) | {"version": book.version + 1}))
    await publish(store, book)
    mine, anothers = RulebookCache(store, CONFIG), RulebookCache(store, CONFIG)
    first = [await shelf.book_for(REQUEST) for shelf in (mine, anothers)]
    await asyncio.sleep(1.05 * LOOK_SECONDS)
    assert [await shelf.book_for(REQUEST) for shelf in (mine, anothers)] == first
    assert await mine.book_for(REQUEST) is first[0], "nothing was published, so nothing is read again"
    await publish(store, newer)
    await asyncio.sleep(1.05 * LOOK_SECONDS)
    assert [(await shelf.book_for(REQUEST)).ref for shelf in (mine, anothers)] == [newer.ref] * 2


async def test_a_withdrawal_is_seen_within_a_second(store: Store, book: Rulebook) -> None:
    newer = parse_rulebook(json.dumps(json.loads(book.text) | {"version": book.version + 1}))
    await publish(store, book)
    await publish(store, newer)
    shelf = RulebookCache(store, CONFIG)
    assert (await shelf.book_for(REQUEST)).ref == newer.ref
    for action, ref in ((rulebooks.withdraw, book.ref), (rulebooks.reinstate, newer.ref)):
        async with store.begin() as work:
            await action(work, newer.name, newer.version, "ann", "a typing mistake")
        await asyncio.sleep(1.05 * LOOK_SECONDS)
        assert (await shelf.book_for(REQUEST)).ref == ref


async def test_a_customer_is_judged_by_the_book_of_the_arm_and_others_by_the_one_in_force(
    store: Store, book: Rulebook
) -> None:
    experiment = {"name": "stricter-2026", "arm": "stricter", "shares": {"stricter": "0.2", "laxer": "0.1"}}
    changes = {"name": "prescreening-trial", "applies_to": {"experiment": experiment}}
    trial = parse_rulebook(json.dumps(json.loads(book.text) | changes))
    foreign = parse_rulebook(json.dumps(json.loads(trial.text) | {"name": "a-first", "currency": "EUR"}))
    await publish(store, book)
    await publish(store, trial)
    await publish(store, foreign)
    shelf, customers = RulebookCache(store, CONFIG), [f"customer-{number}" for number in range(200)]
    judged = {each: await shelf.book_for(REQUEST.model_copy(update={"customer_id": each})) for each in customers}
    assert {judged[each].name for each in customers} == {book.name, trial.name}
    for each in customers:
        in_arm = trial.experiment is not None and arm_of(trial.experiment, each) == "stricter"
        assert judged[each] == (trial if in_arm else book)


async def test_another_version_of_the_experiment_is_seen(store: Store, book: Rulebook) -> None:
    everybody = {"name": "all-2026", "arm": "only", "shares": {"only": "1"}}
    changes = {"name": "prescreening-trial", "applies_to": {"experiment": everybody}}
    trial = parse_rulebook(json.dumps(json.loads(book.text) | changes))
    await publish(store, book)
    shelf = RulebookCache(store, CONFIG)
    assert await shelf.book_for(REQUEST) == book
    await publish(store, trial)
    await asyncio.sleep(1.05 * LOOK_SECONDS)
    assert (await shelf.book_for(REQUEST)).ref == trial.ref


async def test_a_version_of_the_future_decides_on_its_day_and_a_last_day_ends_it(store: Store, book: Rulebook) -> None:
    """Also of what is cached: nothing is published on that day."""
    noon = datetime(2026, 11, 29, 12, tzinfo=UTC)
    newer = book.model_copy(
        update={"version": book.version + 1, "valid_from": "2026-12-01", "valid_until": "2026-12-02"}
    )
    await publish(store, book)
    await publish(store, newer)
    shelf, found = RulebookCache(store, CONFIG), []
    for days in range(5):
        with time_machine.travel(noon + timedelta(days=days), tick=False):
            try:
                found.append((await shelf.book_for(REQUEST)).version - book.version)
            except UnknownRulebook:
                found.append(None)
    assert found == [0, 0, 1, 1, None]


async def test_an_evaluation_rests_on_the_books_of_the_day_and_on_the_limit_policy(store: Store) -> None:
    standard = shipped_eligibility_books()["float-standard"]
    later = standard.model_copy(update={"version": standard.version + 1, "valid_from": "2026-12-01"})
    await publish(store, standard)
    await publish(store, later)
    cautious = RulebookCache(store, CONFIG.model_copy(update={"limit_policy": "cfi-cautious"}))
    digests = set()
    for day, version in ((30, standard.ref), (31, later.ref)):
        with time_machine.travel(datetime(2026, 11, 30, 12, tzinfo=UTC) + timedelta(days=day - 30), tick=False):
            shelf = RulebookCache(store, CONFIG)
            async with store.read() as work:
                books, digest = await shelf.eligibility(work, Product.FLOAT)
            assert ([one.ref for one in books], await shelf.digest(Product.FLOAT)) == ([version], digest)
            digests |= {digest, await cautious.digest(Product.FLOAT)}
    assert len(digests) == 4
