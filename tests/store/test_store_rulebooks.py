"""A published version never changes."""

import asyncio

import pytest

from underwriting.domain.application import Product
from underwriting.domain.decision import RulebookRef
from underwriting.store import audit, rulebooks
from underwriting.store.errors import UnknownRulebook, VersionTaken
from underwriting.store.session import Store


async def publish(store: Store, version: int, digest: str = "a", name: str = "prescreening") -> bool:
    async with store.begin() as work:
        ref = RulebookRef(name=name, version=version, digest=digest * 64)
        return await rulebooks.publish(work, ref, Product.LOAN, f"text {version}{digest}", by="ann")


async def test_the_newest_version_answers_where_none_is_named(store: Store) -> None:
    for version in (1, 3, 2):
        assert await publish(store, version)
    async with store.read() as work:
        newest, first = await rulebooks.get(work, "prescreening"), await rulebooks.get(work, "prescreening", 1)
    assert (newest.version, newest.text, newest.published_by, newest.product) == (3, "text 3a", "ann", Product.LOAN)
    assert first.ref == RulebookRef(name="prescreening", version=1, digest="a" * 64)


async def test_the_same_content_again_changes_nothing(store: Store) -> None:
    assert sorted(await asyncio.gather(*(publish(store, 1) for _ in range(5)))) == [False] * 4 + [True]
    async with store.read() as work:
        assert len(await audit.entries(work, "prescreening v1")) == 1


async def test_another_content_for_a_published_version_is_refused(store: Store) -> None:
    await publish(store, 1)
    with pytest.raises(VersionTaken, match="prescreening v1 is published with another content; raise the version"):
        await publish(store, 1, "b")
    async with store.read() as work:
        assert (await rulebooks.get(work, "prescreening", 1)).text == "text 1a"


async def test_what_is_not_published_is_unknown(store: Store) -> None:
    await publish(store, 1)
    async with store.read() as work:
        with pytest.raises(UnknownRulebook, match="prescreening v2 is not published"):
            await rulebooks.get(work, "prescreening", 2)
        with pytest.raises(UnknownRulebook, match="berka is not published"):
            await rulebooks.get(work, "berka")


async def test_listing_is_by_name_newest_first(store: Store) -> None:
    await publish(store, 1)
    await publish(store, 2)
    await publish(store, 1, name="berka")
    async with store.read() as work:
        assert [str(found.ref) for found in await rulebooks.listing(work)] == [
            "berka v1",
            "prescreening v2",
            "prescreening v1",
        ]
