"""The command line of the histories: what it writes, says and refuses."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pyarrow.parquet as pq
from typer.testing import CliRunner, Result

from underwriting.cli.histories import app


def run(*arguments: object) -> Result:
    return CliRunner().invoke(app, [str(each) for each in arguments], env={"COLUMNS": "140"})


def test_generate_writes_what_describe_then_shows(tmp_path: Path) -> None:
    folder = tmp_path / "h"
    done = run("generate", folder, "--users", 60, "--seed", 2, "--end", "2025-08-31", "--months", 4, "--personas", 0)
    assert done.exit_code == 0, done.output
    assert f"60 users with 4 months of history up to 2025-08-31 are in {folder}." in done.output
    shown = run("describe", folder)
    assert shown.exit_code == 0, shown.output
    lines = pq.read_metadata(folder / "transactions" / "part-00000.parquet").num_rows
    assert f"{lines:,}" in shown.output
    assert "2025-05-01 to 2025-09-01" in shown.output
    assert "2025-05-01 to 2025-08-31" in shown.output


def test_partitions_and_malformed_rows_are_described_alike(tmp_path: Path) -> None:
    folder = tmp_path / "h"
    options = ("--users", 40, "--end", "2025-08-31", "--malformed", 0.05, "--partitioned")
    assert run("generate", folder, *options).exit_code == 0
    shown = run("describe", folder)
    assert "kinds of malformed rows" in shown.output
    assert sorted(path.name for path in (folder / "transactions").iterdir())[-1] == "month=__HIVE_DEFAULT_PARTITION__"


def test_a_day_to_come_is_refused(tmp_path: Path) -> None:
    tomorrow = datetime.now(UTC).date() + timedelta(days=1)
    done = run("generate", tmp_path / "h", "--end", tomorrow)
    assert done.exit_code == 2
    assert "is in the future" in done.stderr
    assert not (tmp_path / "h").exists()


def test_a_folder_in_use_is_refused(tmp_path: Path) -> None:
    (tmp_path / "mine.txt").write_text("mine")
    done = run("generate", tmp_path, "--end", "2025-08-31")
    assert done.exit_code == 2
    assert "is not empty" in done.stderr


def test_a_folder_without_histories_is_refused(tmp_path: Path) -> None:
    done = run("describe", tmp_path)
    assert done.exit_code == 2
    assert "has none of transactions, feeds" in " ".join(done.stderr.split())
