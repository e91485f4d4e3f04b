"""The files: the same from the same seed, in the layout of the facts, and written in bounded memory."""

from collections import Counter
from dataclasses import replace
from hashlib import sha256
from operator import itemgetter
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from underwriting.playground.generator.calendar import Window
from underwriting.playground.generator.layout import SIDE_FILES, TABLES, schema
from underwriting.playground.generator.malformed import DEFECTS
from underwriting.playground.generator.world import shipped_world
from underwriting.playground.generator.write import GeneratorError, Plan, chunks, write


@pytest.fixture
def plan(window: Window) -> Plan:
    return Plan(users=90, seed=3, window=window, chunk=32)


def written(plan: Plan, folder: Path) -> Path:
    assert list(write(shipped_world(), plan, folder))[-1] == plan.users
    return folder


def digests(folder: Path) -> dict[str, str]:
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    return {str(path.relative_to(folder)): sha256(path.read_bytes()).hexdigest() for path in files}


def rows(plan: Plan) -> dict[str, list[dict[str, object]]]:
    every: dict[str, list[dict[str, object]]] = {}
    for chunk in chunks(shipped_world(), plan):
        for table, found in chunk.items():
            every.setdefault(table, []).extend(found.to_pylist())
    return every


@pytest.mark.parametrize("special", [{}, {"malformed": 0.01}, {"partitioned": True}])
def test_the_same_seed_and_size_give_the_same_bytes(plan: Plan, tmp_path: Path, special: dict[str, object]) -> None:
    plan = replace(plan, **special)
    once, again = digests(written(plan, tmp_path / "a")), digests(written(plan, tmp_path / "b"))
    assert once == again
    assert len(once) >= len(TABLES) + len(SIDE_FILES) - 1


def test_another_seed_gives_other_users(plan: Plan, tmp_path: Path) -> None:
    once = digests(written(plan, tmp_path / "a"))
    again = digests(written(replace(plan, seed=4), tmp_path / "b"))
    assert once["transactions/part-00000.parquet"] != again["transactions/part-00000.parquet"]


@pytest.mark.parametrize("chunk", [1, 7, 90, 1000])
def test_how_the_work_is_cut_changes_no_row(plan: Plan, chunk: int) -> None:
    small = replace(plan, users=20, personas=0.3, malformed=0.02)
    assert rows(small) == rows(replace(small, chunk=chunk))


def test_more_users_leave_the_first_ones_as_they_are(plan: Plan) -> None:
    few, many = rows(replace(plan, users=20)), rows(replace(plan, users=50))
    for table, found in few.items():
        assert found == [row for row in many[table] if str(row["subject_id"]) < "u000000020"], table


def test_files_have_the_layout_of_the_facts(plan: Plan, tmp_path: Path) -> None:
    folder = written(replace(plan, malformed=0.01), tmp_path / "h")
    for table in TABLES:
        (file,) = (folder / table).iterdir()
        assert pq.read_schema(file) == schema(table), table
    for side in SIDE_FILES:
        assert pq.read_schema(folder / f"{side}.parquet") == schema(side), side


def test_users_stand_in_order_with_a_row_group_for_each_chunk(plan: Plan, tmp_path: Path) -> None:
    file = pq.ParquetFile(written(plan, tmp_path / "h") / "transactions" / "part-00000.parquet")
    ids = file.read(["subject_id"]).column(0).to_pylist()
    assert ids == sorted(ids)
    spans = [file.metadata.row_group(number).column(0).statistics for number in range(file.num_row_groups)]
    assert [(span.min, span.max) for span in spans] == [
        ("u000000000", "u000000031"),
        ("u000000032", "u000000063"),
        ("u000000064", "u000000089"),
    ]


def test_partitions_hold_the_rows_of_their_month(plan: Plan, tmp_path: Path) -> None:
    whole = pq.read_table(written(plan, tmp_path / "a") / "transactions").to_pylist()
    parts = written(replace(plan, partitioned=True), tmp_path / "b") / "transactions"
    found = []
    for folder in sorted(parts.iterdir()):
        rows = pq.ParquetFile(folder / "part-00000.parquet").read().to_pylist()
        assert {f"month={row['booked_on']:%Y-%m}" for row in rows} == {folder.name}
        found += rows
    assert sorted(found, key=lambda row: (row["subject_id"], row["line_no"])) == whole


def test_malformed_rows_stand_beside_the_sound_ones_and_are_listed(plan: Plan, tmp_path: Path) -> None:
    sound = pq.read_table(written(plan, tmp_path / "a") / "transactions").to_pylist()
    folder = written(replace(plan, malformed=0.05), tmp_path / "b")
    every = pq.read_table(folder / "transactions").to_pylist()
    listed = pq.read_table(folder / "malformed.parquet").to_pylist()
    key = itemgetter("subject_id", "line_no")
    spoilt = Counter(map(key, listed))
    kept = []
    for row in every:
        duplicate = row in kept[-400:]
        if spoilt[key(row)] and (duplicate or "duplicate" not in {r["reason"] for r in listed if key(r) == key(row)}):
            spoilt[key(row)] -= 1
        else:
            kept.append(row)
    assert kept == sound
    assert not any(spoilt.values())
    assert {row["reason"] for row in listed} == set(DEFECTS)
    assert 0.04 < len(listed) / len(sound) < 0.06


def test_a_folder_that_holds_something_is_refused(plan: Plan, tmp_path: Path) -> None:
    (tmp_path / "note.txt").write_text("mine")
    with pytest.raises(GeneratorError, match="is not empty: give a new folder"):
        next(write(shipped_world(), plan, tmp_path))


def test_memory_is_that_of_a_chunk_however_many_users(plan: Plan, tmp_path: Path) -> None:
    def most_held(users: int) -> int:
        held = [
            pa.total_allocated_bytes()
            for _ in write(shipped_world(), replace(plan, users=users), tmp_path / str(users))
        ]
        return max(held)

    few, many = most_held(64), most_held(640)
    assert many < 3 * few
