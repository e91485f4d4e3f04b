"""One shard: the right answers, the same bytes wherever and however often, whatever way the history is laid out."""

import os
import time
from datetime import date, timedelta
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest
from support.limit_histories import END, calculated, limits_before, rewritten, shard, written

from underwriting.limit_runs.plan import only
from underwriting.limit_runs.records import OBSERVED, record_rows
from underwriting.limit_runs.shard import recalculate_shard
from underwriting.limit_runs.totals import summed, totals_of
from underwriting.store.limits.bases import SCHEMA


def test_every_persona_gets_its_right_answer(history: Path, tmp_path: Path) -> None:
    _, records = calculated(shard(history, tmp_path, limits_before(history)))
    found = {row["subject_id"]: row for row in records.to_pylist()}
    expected = pq.read_table(history / "expected.parquet").to_pylist()
    assert len({row["persona"] for row in expected}) > 30
    for row in expected:
        record = found[row["subject_id"]]
        assert (record["move"], record["before"], record["after"]) == (row["move"], row["before"], row["after"]), row
        assert row["reason"] in record["reasons"].split(), (row, record["reasons"])


@pytest.mark.parametrize("end", [date(2024, 2, 29), date(2024, 3, 10), date(2024, 11, 3)], ids=str)
def test_personas_keep_their_answers_on_leap_days_and_when_clocks_change(
    end: date, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    history = written(tmp_path / "history", end, users=120, personas=1.0)
    spec = shard(history, tmp_path / "utc", limits_before(history), business_date=end)
    result, records = calculated(spec)
    moves = dict(zip(records["subject_id"].to_pylist(), records["move"].to_pylist(), strict=True))
    expected = pq.read_table(history / "expected.parquet").to_pylist()
    assert [moves[row["subject_id"]] for row in expected] == [row["move"] for row in expected]
    monkeypatch.setenv("TZ", "America/New_York")
    time.tzset()
    try:
        elsewhere = recalculate_shard(shard(history, tmp_path / "ny", limits_before(history), business_date=end))
    finally:
        monkeypatch.delenv("TZ")
        time.tzset()
    assert elsewhere.records == result.records
    assert "TZ" not in os.environ


def test_the_same_shard_gives_the_same_bytes_with_any_number_of_threads(history: Path, tmp_path: Path) -> None:
    results = [recalculate_shard(shard(history, tmp_path / str(threads), threads=threads)) for threads in (1, 1, 4)]
    assert len({result.records for result in results}) == 1
    assert len({result.digest for result in results}) == 1


def test_a_partitioned_history_gives_the_same_bytes(history: Path, tmp_path: Path) -> None:
    months = written(tmp_path / "months", personas=0.5, partitioned=True)
    assert len(list((months / "transactions").iterdir())) > 5
    one, other = (recalculate_shard(shard(place, tmp_path / place.name)) for place in (history, months))
    assert (one.records, one.digest) == (other.records, other.digest)


def test_columns_that_the_folders_give_are_read(history: Path, tmp_path: Path) -> None:
    result, _ = calculated(shard(history, tmp_path / "plain"))
    moved = written(tmp_path / "moved", personas=0.5)
    rewritten(moved, "feeds", lambda rows: rows.drop_columns("currency"))
    (moved / "feeds" / "currency=USD").mkdir()
    for file in list((moved / "feeds").glob("*.parquet")):
        file.rename(moved / "feeds" / "currency=USD" / file.name)
    assert recalculate_shard(shard(moved, tmp_path / "by-folder")).records == result.records


def test_what_was_seen_before_is_not_calculated_again(history: Path, tmp_path: Path) -> None:
    first = recalculate_shard(shard(history, tmp_path))
    again = recalculate_shard(shard(history, tmp_path, known_digest=first.digest))
    assert (again.unchanged, again.records) == (True, None)


def test_one_user_and_one_segment_are_as_in_the_run_over_everybody(history: Path, tmp_path: Path) -> None:
    _, everybody = calculated(shard(history, tmp_path / "all"))
    user = everybody["subject_id"][7].as_py()
    _, alone = calculated(shard(history, tmp_path / "one", ids=only(user)))
    assert alone.to_pylist() == everybody.filter(pc.equal(everybody["subject_id"], user)).to_pylist()
    _, employed = calculated(shard(history, tmp_path / "employed", segment="employer"))
    assert employed.to_pylist() == everybody.filter(pc.equal(everybody["segment"], "employer")).to_pylist()
    assert 0 < len(employed) < len(everybody)


def test_nobody_is_judged_whose_product_is_paused(history: Path, tmp_path: Path) -> None:
    paused = limits_before(history).slice(0, 10).drop_columns("paused").append_column("paused", pa.repeat(True, 10))
    _, records = calculated(shard(history, tmp_path, paused))
    assert set(records["subject_id"].to_pylist()).isdisjoint(paused["subject_id"].to_pylist())
    assert len(records) == 230


def test_what_the_store_knows_of_lists_counts_beside_the_history(history: Path, tmp_path: Path) -> None:
    """A match found since is one, an open one by name holds, and one that a person cleared is none."""
    expected = pq.read_table(history / "expected.parquet").to_pylist()
    of = {row["persona"]: row for row in expected if row["persona"] in {"namesake", "unscreened", "enough-balance"}}
    clean = [row["subject_id"] for row in expected if row["persona"] == "enough-balance"]
    known = {
        clean[0]: {"match_score": 0.95, "confirmed_score": 0.95},
        clean[1]: {"match_score": 0.95, "confirmed_score": None},
        of["namesake"]["subject_id"]: {"cleared": "sandbox:1 sandbox:8279"},
        of["unscreened"]["subject_id"]: {"match_score": 0.8, "confirmed_score": None},
    }
    bases = limits_before(history).to_pylist()
    bases = pa.Table.from_pylist([{**row, **known.get(row["subject_id"], {})} for row in bases], SCHEMA)
    _, records = calculated(shard(history, tmp_path, bases))
    found = {row["subject_id"]: row for row in records.to_pylist()}
    said = [
        (found[user]["move"], found[user]["list_match_score"], found[user]["list_confirmed_score"]) for user in known
    ]
    assert said[0] == ("paused", 0.95, 0.95)
    assert said[1] == ("held", 0.95, 0.0)
    assert (said[2][1:], said[3]) == ((0.0, 0.0), ("held", 0.8, 0.0))
    assert "list_match_possible" not in found[of["namesake"]["subject_id"]]["reasons"]
    untouched = {row["subject_id"]: row["move"] for row in expected if row["subject_id"] not in known}
    assert {user: found[user]["move"] for user in untouched} == untouched


@pytest.mark.parametrize(
    ("told", "open_floats"),
    [
        ([("new", END)], 1),
        ([("new", END), ("newer", END + timedelta(days=1))], 2),
        ([("listed", END)], 0),
        ([("listed", END), ("it's new", date(2025, 1, 1))], 1),
        ([], 0),
        (None, 0),
    ],
)
def test_a_float_that_only_an_event_told_of_is_open_and_holds(
    history: Path, tmp_path: Path, told: list[tuple[str, date]] | None, open_floats: int
) -> None:
    expected = pq.read_table(history / "expected.parquet").to_pylist()
    user = next(row["subject_id"] for row in expected if row["persona"] == "enough-balance")
    floats = pq.read_table(history / "floats").to_pylist()
    (listed, *_) = [row["float_id"] for row in floats if row["subject_id"] == user]
    heard = (
        None
        if told is None
        else [{"float_id": listed if name == "listed" else name, "taken_on": day} for name, day in told]
    )
    bases = [
        {**row, "reported_floats": heard} if row["subject_id"] == user else row
        for row in limits_before(history).to_pylist()
    ]
    _, records = calculated(shard(history, tmp_path, pa.Table.from_pylist(bases, SCHEMA)))
    found = {row["subject_id"]: row for row in records.to_pylist()}
    assert (found[user]["outstanding_floats"], found[user]["late_floats"]) == (open_floats, 0)
    assert found[user]["move"] == ("held" if open_floats else "raised")
    assert ("limit_float_open" in found[user]["reasons"]) is (open_floats > 0)
    _, without = calculated(shard(history, tmp_path / "without", limits_before(history)))
    others = pc.not_equal(records["subject_id"], user)
    assert records.filter(others) == without.filter(others)


def test_totals_are_the_records_to_the_cent(history: Path, tmp_path: Path) -> None:
    result, records = calculated(shard(history, tmp_path, limits_before(history)))
    rows = records.to_pylist()
    changes = [row["after"] - row["before"] for row in rows]
    totals = result.totals
    assert totals.money_up == sum(change for change in changes if change > 0) > 0
    assert totals.money_down == -sum(change for change in changes if change < 0) > 0
    assert totals.after - totals.before == totals.money_up - totals.money_down
    assert totals.users == totals.raised + totals.held + totals.lowered + totals.paused == len(rows)
    assert sum(totals.limits_after.values()) == len(rows)
    halves = [totals_of(records.slice(0, 90)), totals_of(records.slice(90))]
    assert summed(halves) == totals


def test_a_store_record_keeps_the_facts_that_decide(history: Path, tmp_path: Path) -> None:
    base = {"subject_id": "u000000003", "amount": 2_000, "raised_on": END, "runs_below": 1, "version": 4}
    bases = pa.Table.from_pylist([{**base, "paused": False}], SCHEMA)
    spec = shard(history, tmp_path, bases)
    _, records = calculated(spec)
    rows = record_rows(tmp_path / "records-0000.parquet", tmp_path / "bases.parquet", "lim_1", 0, 2_000).to_pylist()
    assert [row["user_id"] for row in rows] == records["subject_id"].to_pylist()
    mine = rows[3]
    assert (mine["in_force"], mine["base_version"], mine["base_runs_below"], mine["base_raised_on"]) == (
        2_000,
        4,
        1,
        END,
    )
    assert (rows[4]["in_force"], rows[4]["base_version"], rows[4]["applied_version"]) == (2_000, 0, None)
    assert '"runs_below":1' in mine["facts"]
    assert set(OBSERVED) <= set(eval(mine["facts"], {"null": None, "true": True, "false": False}))
