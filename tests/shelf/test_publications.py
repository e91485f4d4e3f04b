"""A publication empties the caches of every process, whichever published."""

import asyncio
import json

import pytest

from rules.rulebook import Rulebook, parse_rulebook, shipped_rulebooks
from underwriting.bookshelf import LOOK_SECONDS, Bookshelf
from underwriting.domain.application import ApplicationRequest
from underwriting.settings import Settings
from underwriting.store import rulebooks
from underwriting.store.session import Store

REQUEST = ApplicationRequest(customer_id="ada", amount="100.00", currency="USD")
CONFIG = Settings(rulebook_ttl=3600)


@pytest.fixture
def book() -> Rulebook:
    return shipped_rulebooks()[CONFIG.rulebook]


async def publish(store: Store, book: Rulebook) -> None:
    async with store.begin() as work:
        await rulebooks.publish(work, book.ref, book.product, book.text, "test")


async def test_a_new_version_is_seen_within_a_second_by_every_shelf(store: Store, book: Rulebook) -> None:
    newer = parse_rulebook(json.dumps(json.loads(book.text) | {"version": book.version + 1}))
    await publish(store, book)
    mine, anothers = Bookshelf(store, CONFIG), Bookshelf(store, CONFIG)
    first = [await shelf.book_for(REQUEST) for shelf in (mine, anothers)]
    await asyncio.sleep(1.05 * LOOK_SECONDS)
    assert [await shelf.book_for(REQUEST) for shelf in (mine, anothers)] == first
    assert await mine.book_for(REQUEST) is first[0], "nothing was published, so nothing is read again"
    await publish(store, newer)
    await asyncio.sleep(1.05 * LOOK_SECONDS)
    assert [(await shelf.book_for(REQUEST)).ref for shelf in (mine, anothers)] == [newer.ref] * 2
