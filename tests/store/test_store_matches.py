"""Matches with the lists: open until a person clears them, and again as soon as anything that was compared changes."""

from dataclasses import replace

import pytest
from sqlalchemy import select

from underwriting.store import audit, lists, matches
from underwriting.store.errors import NoOpenMatch
from underwriting.store.lists import ListEntry
from underwriting.store.matches import Found
from underwriting.store.models import ListMatchRow
from underwriting.store.session import Store

ALI = Found("ofac", "1", "individual", 1.0, confirmed=False, evidence="same country", compared="a" * 64)
OTHER = replace(ALI, entry_id="2")
COMPANY = replace(ALI, kind="entity")


async def keep(store: Store, *found: Found, user: str = "ada", **more: object) -> list[Found]:
    async with store.begin() as work:
        return await matches.keep(work, "acme", user, found, **{"kinds": {"individual", "entity"}, **more})


async def clear(store: Store, user: str = "ada", tenant: str = "acme", note: str = "born elsewhere") -> int:
    async with store.begin() as work:
        return len(await matches.clear(work, tenant, user, "ann", note))


async def standing(store: Store, user: str = "ada") -> dict[str, bool]:
    """Whether each entry that the user matches is cleared."""
    async with store.read() as work:
        return {
            match.found.entry_id: match.cleared_at is not None for match in await matches.of_user(work, "acme", user)
        }


async def test_a_match_is_new_once(store: Store) -> None:
    assert await keep(store, ALI, OTHER) == [ALI, OTHER]
    assert await keep(store, ALI, OTHER) == []
    assert await standing(store) == {"1": False, "2": False}


async def test_a_clearance_is_remembered_with_who_and_why(store: Store) -> None:
    await keep(store, ALI)
    assert await clear(store) == 1
    assert await keep(store, ALI) == []
    async with store.read() as work:
        (match,) = await matches.of_user(work, "acme", "ada")
        entries = [(one.action, one.actor) for one in await audit.entries(work, "ada")]
    assert (match.found, match.cleared_by, match.note) == (ALI, "ann", "born elsewhere")
    assert entries == [("list_match.found", "screening"), ("list_match.cleared", "ann")]


async def test_a_match_is_open_again_once_what_was_compared_changes(store: Store) -> None:
    await keep(store, ALI)
    await clear(store)
    changed = replace(ALI, compared="b" * 64)
    assert await keep(store, changed) == [changed]
    assert await standing(store) == {"1": False}


async def test_a_clearance_is_of_one_user_and_the_entries_found_so_far(store: Store) -> None:
    await keep(store, ALI)
    await keep(store, ALI, user="bob")
    await clear(store)
    assert await keep(store, ALI, OTHER) == [OTHER]
    assert await standing(store) == {"1": True, "2": False}
    assert await standing(store, "bob") == {"1": False}


async def test_nothing_to_clear_is_said_and_the_same_word_again_changes_nothing(store: Store) -> None:
    with pytest.raises(NoOpenMatch, match="user ada has no open match with a list"):
        await clear(store)
    await keep(store, ALI)
    with pytest.raises(NoOpenMatch):
        await clear(store, tenant="globex")
    assert (await clear(store), await clear(store)) == (1, 0)
    with pytest.raises(NoOpenMatch, match=r"; ann cleared it on 20.* UTC, and that is still valid: decide without"):
        await clear(store, note="another reason")


async def test_what_is_not_found_again_is_gone_but_only_of_whom_was_screened(store: Store) -> None:
    await keep(store, ALI, OTHER, COMPANY)
    await keep(store, OTHER, kinds={"individual"})
    async with store.read() as work:
        left = {match.found.key for match in await matches.of_user(work, "acme", "ada")}
    assert left == {OTHER.key, COMPANY.key}
    await keep(store, among={("ofac", "1")})
    assert await standing(store) == {"2": False}


async def test_a_match_with_an_entry_that_is_gone_is_none(store: Store) -> None:
    await keep(store, ALI, OTHER)
    async with store.begin() as work:
        await lists.replace(work, "ofac", "a" * 64, [ListEntry("1", b"1"), ListEntry("2", b"2")], "ann")
        await lists.replace(work, "ofac", "b" * 64, [ListEntry("1", b"1")], "ann")
    assert await standing(store) == {"1": False}


async def test_what_was_compared_is_sealed(store: Store) -> None:
    await keep(store, ALI)
    await clear(store, note="canary")
    async with store.read() as work:
        (row,) = await work.scalars(select(ListMatchRow))
    assert (b"a" * 64 in row.compared, b"canary" in row.note) == (False, False)


async def test_open_matches_wait_for_staff_the_oldest_first(store: Store) -> None:
    for user in ("ada", "bob", "cy"):
        await keep(store, ALI, user=user)
    await clear(store, "bob")
    async with store.read() as work:
        assert [match.user_id for match in await matches.waiting(work)] == ["ada", "cy"]
        assert [match.user_id for match in await matches.waiting(work, limit=1)] == ["ada"]


async def test_entries_that_say_the_same_keep_the_day_they_changed(store: Store) -> None:
    async with store.begin() as work:
        await lists.replace(work, "ofac", "a" * 64, [ListEntry("1", b"1"), ListEntry("2", b"2")], "ann")
    async with store.begin() as work:
        (before,) = await lists.versions(work)
        await lists.replace(
            work, "ofac", "b" * 64, [ListEntry("1", b"1"), ListEntry("2", b"x"), ListEntry("3", b"3")], "ann"
        )
    async with store.read() as work:
        since = await lists.entries(work, "ofac", since=before.loaded_at)
    assert [entry.id for entry in since] == ["2", "3"]


async def test_the_same_list_again_is_checked_and_not_loaded(store: Store) -> None:
    for new in (True, False):
        async with store.begin() as work:
            assert await lists.replace(work, "ofac", "a" * 64, [ListEntry("1", b"1")], "ann") is new
    async with store.read() as work:
        (version,) = await lists.versions(work)
    assert version.checked_at > version.loaded_at
    assert version.screened_at is None
