"""A screening list is replaced as a whole, or not at all."""

import asyncio

import pytest

from underwriting.store import audit, lists
from underwriting.store.errors import StatementRefused
from underwriting.store.lists import ListEntry
from underwriting.store.session import Store


async def replace(store: Store, digest: str, *ids: str, name: str = "ofac") -> bool:
    async with store.begin() as work:
        entries = [ListEntry(entry, f"{digest}:{entry}".encode()) for entry in ids]
        return await lists.replace(work, name, digest * 64, entries, by="ann")


async def entries(store: Store, name: str = "ofac") -> list[ListEntry]:
    async with store.read() as work:
        return await lists.entries(work, name)


async def test_a_list_is_replaced_as_a_whole(store: Store) -> None:
    assert await replace(store, "a", "1", "2", "3")
    assert await replace(store, "b", "2", "4")
    assert await entries(store) == [ListEntry("2", b"b:2"), ListEntry("4", b"b:4")]
    async with store.read() as work:
        (version,) = await lists.versions(work)
    assert (version.name, version.digest, version.entries, version.loaded_by) == ("ofac", "b" * 64, 2, "ann")


async def test_the_same_content_again_changes_nothing(store: Store) -> None:
    assert await replace(store, "a", "1")
    assert not await replace(store, "a", "1")
    async with store.read() as work:
        assert len(await audit.entries(work, "ofac")) == 1


async def test_lists_do_not_touch_each_other(store: Store) -> None:
    await replace(store, "a", "1")
    await replace(store, "b", "1", name="internal")
    assert await entries(store, "internal") == [ListEntry("1", b"b:1")]
    assert await entries(store) == [ListEntry("1", b"a:1")]
    assert await entries(store, "never loaded") == []


async def test_an_entry_that_comes_twice_leaves_the_old_list(store: Store) -> None:
    await replace(store, "a", "1")
    with pytest.raises(StatementRefused, match=r"(?i)unique"):
        await replace(store, "b", "1", "1")
    assert await entries(store) == [ListEntry("1", b"a:1")]


async def test_two_loads_at_once_leave_one_whole_list(store: Store) -> None:
    await replace(store, "z", "0")
    await asyncio.gather(replace(store, "a", "1", "2"), replace(store, "b", "2", "3"))
    assert await entries(store) in (
        [ListEntry("1", b"a:1"), ListEntry("2", b"a:2")],
        [ListEntry("2", b"b:2"), ListEntry("3", b"b:3")],
    )
