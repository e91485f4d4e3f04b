"""Malformed rows: each is found at its place, nobody is judged by what is left, and a broken source stops its shard."""

import shutil
from collections import Counter
from datetime import date, datetime
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest
from support.limit_histories import calculated, limits_before, quarantined, rewritten, shard, written

from underwriting.limit_runs.history import HistoryError
from underwriting.limit_runs.shard import recalculate_shard


def test_every_spoiled_row_is_quarantined_with_its_place_and_reason(spoiled_history: Path, tmp_path: Path) -> None:
    spec = shard(spoiled_history, tmp_path, limits_before(spoiled_history))
    result, _ = calculated(spec)
    found, spoiled = quarantined(spec), pq.read_table(spoiled_history / "malformed.parquet").to_pylist()
    assert len(spoiled) > 20
    reasons = Counter(row["reason"] for row in spoiled)
    assert Counter(row["reason"] for row in found) == reasons == Counter(result.tables["transactions"].malformed)
    lines = {(row["reason"], row["subject_id"], row["line_no"]) for row in spoiled}
    for row in found:
        there = pq.read_table(row["file"], partitioning=None).slice(row["row"], 1).to_pylist()[0]
        assert (row["reason"], there["subject_id"], there["line_no"]) in lines
        assert row["table_name"] == "transactions"


def test_nobody_with_a_malformed_row_is_raised_and_everybody_else_is_as_before(
    history: Path, spoiled_history: Path, tmp_path: Path
) -> None:
    spec = shard(spoiled_history, tmp_path / "spoiled", limits_before(spoiled_history))
    _, records = calculated(spec)
    _, sound = calculated(shard(history, tmp_path / "sound", limits_before(history)))
    hit = {row["subject_id"] for row in quarantined(spec)} - {None}
    mine = {row["subject_id"]: row for row in records.to_pylist()}
    touched = [row for row in sound.to_pylist() if row["subject_id"] in hit]
    assert {row["move"] for row in touched} >= {"raised", "held"}
    for row in sound.to_pylist():
        if row["subject_id"] in hit:
            assert mine[row["subject_id"]]["move"] != "raised"
            assert mine[row["subject_id"]]["history_days"] is None
        else:
            assert mine[row["subject_id"]] == row


def test_too_many_malformed_rows_fail_the_shard_and_say_where(tmp_path: Path) -> None:
    history = written(tmp_path / "history", users=60, malformed=0.05)
    spec = shard(history, tmp_path / "out")
    result = recalculate_shard(spec)
    assert (result.records, result.totals.users) == (None, 0)
    assert "transactions: " in (result.error or "")
    assert "rows are malformed; 1.00% at most are allowed" in (result.error or "")
    assert len(quarantined(spec)) == sum(result.tables["transactions"].malformed.values())


def spoiled_value(column: str, value: Any, kind: pa.DataType | None = None) -> Any:
    """Changes the first row's value, and the column's type where one is given."""

    def change(rows: pa.Table) -> pa.Table:
        place = rows.schema.get_field_index(column)
        to = kind or rows.schema.field(place).type
        values = rows[column].cast(to).to_pylist()
        return rows.set_column(place, column, pa.array([value, *values[1:]], to))

    return change


@pytest.mark.parametrize(
    ("table", "column", "value", "kind", "reason"),
    [
        ("transactions", "amount", "12.5", pa.string(), "amount_unreadable"),
        ("transactions", "amount", "a lot", pa.string(), "amount_unreadable"),
        ("transactions", "amount", 12.5, pa.float64(), "amount_unreadable"),
        ("transactions", "booked_on", "2025-02-30", pa.string(), "booked_on_unreadable"),
        ("transactions", "counterparty", "x" * 101, None, "counterparty_too_long"),
        ("feeds", "currency", None, None, "currency_missing"),
        ("feeds", "currency", "usd", None, "currency_unknown"),
        ("float_histories", "currency", "XXX", None, "currency_unknown"),
        ("feeds", "refreshed_at", "2025-08-31T07:00:00+99:00", pa.string(), "refreshed_at_unreadable"),
        ("feeds", "refreshed_at", "yesterday", pa.string(), "refreshed_at_unreadable"),
        ("transactions", "amount", float("nan"), pa.float64(), "amount_unreadable"),
        ("list_screenings", "match_score", float("nan"), None, "match_score_not_finite"),
        ("feeds", "holds", -1, None, "holds_out_of_range"),
        ("feeds", "opening_balance", 10**12 + 1, None, "opening_balance_out_of_range"),
        ("floats", "collection_failures", 99, None, "collections_contradict"),
        ("floats", "collection_attempts", 2**62, None, "collection_attempts_out_of_range"),
        ("floats", "repaid_on", date(2000, 1, 1), None, "days_contradict"),
        ("scores", "payback_prediction", float("inf"), None, "payback_prediction_out_of_range"),
        ("scores", "payback_prediction", 1.01, None, "payback_prediction_out_of_range"),
        ("bracket_scores", "bracket", "to_51", None, "bracket_unknown"),
        ("list_screenings", "match_score", -0.1, None, "match_score_out_of_range"),
    ],
)
def test_a_value_that_no_honest_source_sends_is_quarantined(
    small: Path, tmp_path: Path, table: str, column: str, value: Any, kind: pa.DataType | None, reason: str
) -> None:
    rewritten(small, table, spoiled_value(column, value, kind))
    spec = shard(small, tmp_path / "out")
    result = recalculate_shard(spec)
    (row,) = quarantined(spec)
    first = pq.read_table(row["file"])["subject_id"][0].as_py()
    assert (row["table_name"], row["row"], row["reason"], row["subject_id"]) == (table, 0, reason, first)
    assert result.tables[table].malformed == {reason: 1}


@pytest.mark.parametrize(("value", "known"), [(10**12, True), (10**12 + 1, False), (-(10**12), True)])
def test_amounts_are_bounded_where_the_documents_bound_them(
    small: Path, tmp_path: Path, value: int, known: bool
) -> None:
    rewritten(small, "feeds", spoiled_value("opening_balance", value))
    spec = shard(small, tmp_path / "out")
    recalculate_shard(spec)
    assert (quarantined(spec) == []) is known


def test_other_types_of_the_same_values_are_read_as_they_are_meant(history: Path, tmp_path: Path) -> None:
    sound = recalculate_shard(shard(history, tmp_path / "sound"))
    other = written(tmp_path / "history", personas=0.5)
    texts = {"amount": pa.string(), "booked_on": pa.timestamp("us"), "line_no": pa.int32()}

    def change(rows: pa.Table) -> pa.Table:
        for name, kind in texts.items():
            rows = rows.set_column(rows.schema.get_field_index(name), name, rows[name].cast(kind))
        return rows

    rewritten(other, "transactions", change)
    zoned = pa.timestamp("us", "America/New_York")
    rewritten(
        other,
        "feeds",
        lambda rows: rows.set_column(
            rows.schema.get_field_index("refreshed_at"),
            "refreshed_at",
            pc.assume_timezone(rows["refreshed_at"], "UTC").cast(zoned),
        ),
    )
    assert recalculate_shard(shard(other, tmp_path / "other")).records == sound.records


def test_a_user_who_stands_twice_is_held(history: Path, tmp_path: Path) -> None:
    many = Path(shutil.copytree(history, tmp_path / "history"))
    rewritten(many, "users", lambda rows: pa.concat_tables([rows, rows.slice(0, 1)]))
    spec = shard(many, tmp_path / "out")
    result, records = calculated(spec)
    assert result.tables["users"].malformed == {"duplicate": 1}
    assert len(records) == 240
    first = next(row for row in records.to_pylist() if row["subject_id"] == "u000000000")
    assert first["fraud_hit"] is None


def test_a_lacking_column_makes_all_rows_malformed(small: Path, tmp_path: Path) -> None:
    rewritten(small, "floats", lambda rows: rows.drop_columns("amount"))
    result = recalculate_shard(shard(small, tmp_path / "out"))
    assert set(result.tables["floats"].malformed) == {"amount_column_missing"}
    assert "floats: " in (result.error or "")


def test_a_moment_beyond_the_date_is_no_defect(small: Path, tmp_path: Path) -> None:
    rewritten(small, "feeds", spoiled_value("refreshed_at", datetime(2026, 1, 1)))  # noqa: DTZ001
    spec = shard(small, tmp_path / "out")
    recalculate_shard(spec)
    assert quarantined(spec) == []


def test_a_file_that_is_no_parquet_is_named(small: Path, tmp_path: Path) -> None:
    (small / "floats" / "half.parquet").write_bytes(b"PAR1 and no more")
    with pytest.raises(HistoryError, match=r"half\.parquet is not a readable Parquet file"):
        shard(small, tmp_path / "out")


def test_a_folder_without_users_is_refused(tmp_path: Path) -> None:
    with pytest.raises(HistoryError, match="has no users/"):
        shard(tmp_path / "nothing", tmp_path / "out")


@pytest.mark.parametrize(
    ("told", "hours"),
    [
        ("2025-08-31T22:00:00", 2.0),
        ("2025-08-31 22:00:00Z", 2.0),
        ("2025-08-31T22:00:00+00:00", 2.0),
        ("2025-09-01T00:00:00+02:00", 2.0),
        ("2025-08-31T16:30:00.000-05:30", 2.0),
        ("2025-08-31", 24.0),
    ],
)
def test_the_offset_of_a_moment_that_is_text_counts(small: Path, tmp_path: Path, told: str, hours: float) -> None:
    def change(rows: pa.Table) -> pa.Table:
        place = rows.schema.get_field_index("refreshed_at")
        return rows.set_column(place, "refreshed_at", pa.array([told] * len(rows), pa.string()))

    rewritten(small, "feeds", change)
    spec = shard(small, tmp_path / "out")
    _, records = calculated(spec)
    assert quarantined(spec) == []
    # The decision time is the end of the day in New York, four hours later than in UTC.
    ages = {round(age, 3) for age in records["feed_age_hours"].to_pylist() if age is not None}
    assert ages == {round(hours + 4 - 1 / 3600, 3)}


@pytest.mark.parametrize(
    ("table", "column"),
    [
        ("transactions", "counterparty"),
        ("feeds", "institution_id"),
        ("feeds", "unread_on"),
        ("renewals", "paid_on"),
        ("users", "covered_borrower"),
        ("users", "covered_borrower_on"),
    ],
)
def test_a_column_that_may_be_empty_may_be_left_out(small: Path, tmp_path: Path, table: str, column: str) -> None:
    def emptied(rows: pa.Table) -> pa.Table:
        place = rows.schema.get_field_index(column)
        return rows.set_column(place, column, pa.nulls(len(rows), rows.schema.field(place).type))

    rewritten(small, table, emptied)
    result, as_null = calculated(shard(small, tmp_path / "empty"))
    rewritten(small, table, lambda rows: rows.drop_columns(column))
    without, records = calculated(shard(small, tmp_path / "without"))
    assert (result.error, without.error) == (None, None)
    assert without.tables[table].malformed == {}
    assert records == as_null


def test_holds_that_a_file_leaves_out_are_not_known_to_be_zero(small: Path, tmp_path: Path) -> None:
    rewritten(small, "feeds", lambda rows: rows.drop_columns("holds"))
    _, records = calculated(shard(small, tmp_path / "out"))
    assert set(records["available_balance"].to_pylist()) == {None}


def test_what_a_writer_left_behind_is_not_read(small: Path, tmp_path: Path) -> None:
    _, sound = calculated(shard(small, tmp_path / "sound"))
    (file,) = (small / "floats").rglob("*.parquet")
    for name in ("_temporary/0/part-0.parquet", ".part-0.parquet", "_part-0.parquet", ".spark/part-0.parquet"):
        left = small / "floats" / name
        left.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(file, left)
    (small / "floats" / "_broken.parquet").write_bytes(b"PAR1 and no more")
    _, records = calculated(shard(small, tmp_path / "out"))
    assert records == sound


@pytest.mark.parametrize(
    ("table", "column", "kind"),
    [
        ("scores", "payback_prediction", None),
        ("feeds", "linked_accounts", pa.float64()),
        ("feeds", "holds", pa.float64()),
    ],
)
def test_a_number_that_is_not_there_is_null(
    small: Path, tmp_path: Path, table: str, column: str, kind: pa.DataType | None
) -> None:
    rewritten(small, table, spoiled_value(column, None, kind))
    _, as_null = calculated(shard(small, tmp_path / "null"))
    rewritten(small, table, spoiled_value(column, float("nan"), kind))
    spec = shard(small, tmp_path / "nan")
    _, records = calculated(spec)
    assert quarantined(spec) == []
    assert records == as_null
