"""Whoever tampers with the log is found out."""

import asyncio
import json
from contextlib import suppress
from pathlib import Path

import pytest
from sqlalchemy import text

from underwriting.store import audit
from underwriting.store.audit import Anchor, Fault, Head
from underwriting.store.errors import AnchorsUnreadable, NothingLost
from underwriting.store.session import Store


async def append(store: Store, *subjects: str) -> None:
    async with store.begin() as work:
        for subject in subjects:
            await audit.append(work, "test.happened", subject, "tester", number=1, codes=["A", "B"], nothing=None)


async def verify(store: Store, *anchors: Head) -> list[Fault]:
    async with store.read() as work:
        return await audit.verify(work, anchors)


async def head(store: Store) -> Head:
    async with store.read() as work:
        return await audit.head(work)


async def tamper(store: Store, *statements: str) -> None:
    async with store.begin() as work:
        for statement in statements:
            await work.execute(text(statement))


async def test_an_untouched_log_is_sound(store: Store) -> None:
    assert await verify(store) == []
    await append(store, "a", "b", "c")
    middle = await head(store)
    await append(store, "d")
    assert await verify(store, middle, await head(store)) == []
    assert (await head(store)).seq == 4


async def test_a_log_of_several_pages_is_sound(store: Store) -> None:
    await append(store, *(f"s{number}" for number in range(audit.PAGE + 10)))
    assert await verify(store) == []
    await tamper(store, f"UPDATE audit SET actor = 'x' WHERE seq = {audit.PAGE + 1}")
    assert await verify(store) == [Fault(audit.PAGE + 1, "its content was changed")]


@pytest.mark.parametrize("column", ["actor", "action", "subject", "details", "previous", "hash"])
async def test_an_edit_is_found(store: Store, column: str) -> None:
    await append(store, "a", "b", "c")
    await tamper(store, f"UPDATE audit SET {column} = 'x' WHERE seq = 2")
    assert 2 in {fault.seq for fault in await verify(store)}


async def test_an_edit_of_the_moment_is_found(store: Store) -> None:
    await append(store, "a", "b", "c")
    await tamper(store, "UPDATE audit SET at = '2020-01-01 00:00:00.000000' WHERE seq = 3")
    assert await verify(store) == [Fault(3, "its content was changed")]


async def test_a_deletion_is_found(store: Store) -> None:
    await append(store, "a", "b", "c", "d")
    await tamper(store, "DELETE FROM audit WHERE seq IN (2, 3)")
    assert await verify(store) == [Fault(2, "entries 2 to 3 are missing")]


async def test_a_deletion_that_is_closed_up_is_found(store: Store) -> None:
    await append(store, "a", "b", "c")
    await tamper(store, "DELETE FROM audit WHERE seq = 2", "UPDATE audit SET seq = 2 WHERE seq = 3")
    assert {fault.seq for fault in await verify(store)} == {2}


async def test_another_order_is_found(store: Store) -> None:
    await append(store, "a", "b", "c", "d")
    await tamper(
        store,
        "UPDATE audit SET seq = 99 WHERE seq = 2",
        "UPDATE audit SET seq = 2 WHERE seq = 3",
        "UPDATE audit SET seq = 3 WHERE seq = 99",
    )
    assert {fault.seq for fault in await verify(store)} == {2, 3, 4}


async def test_a_truncation_is_found(store: Store) -> None:
    await append(store, "a", "b", "c")
    await tamper(store, "DELETE FROM audit WHERE seq = 3")
    assert await verify(store) == [Fault(2, "is the last entry, but not the head")]
    await tamper(store, "DELETE FROM audit")
    assert await verify(store) == [Fault(0, "is the last entry, but not the head")]


async def test_a_truncation_of_log_and_head_is_found_by_the_anchor(store: Store) -> None:
    await append(store, "a", "b", "c")
    anchor = await head(store)
    await tamper(
        store,
        "DELETE FROM audit WHERE seq = 3",
        "UPDATE audit_head SET seq = 2, hash = (SELECT hash FROM audit WHERE seq = 2)",
    )
    assert await verify(store) == []
    assert await verify(store, anchor) == [Fault(3, "was anchored, and is gone")]


async def test_a_log_written_anew_is_found_by_the_anchor(store: Store) -> None:
    await append(store, "a", "b", "c")
    anchor = await head(store)
    await tamper(store, "DELETE FROM audit", f"UPDATE audit_head SET seq = 0, hash = '{audit.GENESIS}'")
    await append(store, "a", "forged", "c")
    assert await verify(store) == []
    assert await verify(store, anchor) == [Fault(3, "is not the entry that was anchored")]


async def test_of_two_anchors_of_one_number_the_later_one_does_not_hide_the_other(store: Store) -> None:
    await append(store, "a", "b", "c")
    before = await head(store)
    await tamper(store, "DELETE FROM audit", f"UPDATE audit_head SET seq = 0, hash = '{audit.GENESIS}'")
    await append(store, "a", "forged", "c")
    assert await verify(store, before, await head(store)) == [Fault(3, "is not the entry that was anchored")]


TO_TWO = (
    "DELETE FROM audit WHERE seq > 2",
    "UPDATE audit_head SET seq = 2, hash = (SELECT hash FROM audit WHERE seq = 2)",
)


async def restored(store: Store, lost_to: int) -> Anchor:
    async with store.begin() as work:
        return await audit.note_restore(work, lost_to, "ann", "the disk died")


async def test_after_a_noted_restore_the_chain_goes_on_behind_what_was_lost(store: Store) -> None:
    await append(store, "a", "b", "c", "d")
    lost = await head(store)
    await tamper(store, *TO_TWO)
    assert await verify(store, lost) == [Fault(4, "was anchored, and is gone")]
    noted = await restored(store, 4)
    await append(store, "e")
    assert (noted.lost_from, noted.seq, (await head(store)).seq) == (3, 5, 6)
    assert await verify(store, lost, noted, await head(store)) == []
    async with store.read() as work:
        (entry,) = await audit.restores(work)
        assert json.loads(entry.details) == {"lost_from": 3, "lost_to": 4, "note": "the disk died"}
        copied = [each.seq for each in await audit.unstreamed(work, "stream", 10)]
    assert copied == [1, 2, 5, 6]


async def test_what_the_database_alone_calls_a_restore_is_a_gap(store: Store) -> None:
    """Whoever deletes entries can also write that they were lost, but no anchor."""
    await append(store, "a", "b", "c", "d")
    lost = await head(store)
    await tamper(store, *TO_TWO)
    noted = await restored(store, 4)
    gap = Fault(3, "entries 3 to 4 are missing")
    assert await verify(store, lost) == [gap, Fault(4, "was anchored, and is gone")]
    assert await verify(store, lost, Anchor(noted.seq, noted.hash)) == [gap, Fault(4, "was anchored, and is gone")]


async def test_what_is_there_is_not_lost(store: Store) -> None:
    await append(store, "a", "b")
    with pytest.raises(NothingLost, match="entry 2 is there: the log has 2 entries"):
        await restored(store, 2)


async def test_entries_that_are_rolled_back_leave_no_gap(store: Store) -> None:
    await append(store, "a")
    with suppress(RuntimeError):
        async with store.begin() as work:
            await audit.append(work, "test.happened", "b", "tester")
            raise RuntimeError
    await append(store, "c")
    assert await verify(store) == []
    assert (await head(store)).seq == 2


async def test_appends_at_once_make_one_chain(store: Store) -> None:
    """Reading the head and writing the next one is a read-then-update: none may be lost."""
    await asyncio.gather(*(append(store, f"s{number}") for number in range(100)))
    assert (await head(store)).seq == 100
    assert await verify(store) == []


async def test_anchors_are_kept_in_a_file(store: Store, tmp_path: Path) -> None:
    file = tmp_path / "anchors"
    for subject in ("a", "b"):
        await append(store, subject)
        audit.write_anchor(file, await head(store))
    anchors = audit.read_anchors(file)
    assert [anchor.seq for anchor in anchors] == [1, 2]
    audit.write_anchor(file, Anchor(9, "a" * 64, lost_from=3))
    assert audit.read_anchors(file) == [*anchors, Anchor(9, "a" * 64, lost_from=3)]
    assert await verify(store, *anchors) == []
    assert file.stat().st_mode & 0o077 == 0


@pytest.mark.parametrize("line", ["{", "[]", '{"seq": 1}', '{"seq": "x", "hash": "y"}'])
def test_a_line_that_is_no_anchor_is_named(tmp_path: Path, line: str) -> None:
    file = tmp_path / "anchors"
    audit.write_anchor(file, Head(1, "a" * 64))
    file.write_text(file.read_text() + line + "\n")
    with pytest.raises(AnchorsUnreadable, match="anchors:2: this line is no anchor"):
        audit.read_anchors(file)
