"""`underwriting limits`: what a person at a shell sees and gets."""

import json
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from support.databases import sqlite_database
from typer.testing import CliRunner, Result

from underwriting.cli import application
from underwriting.settings import Settings, settings


@pytest.fixture
def command_line(config: Settings, migrated_sqlite: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> CliRunner:
    (tmp_path / "db").mkdir()
    monkeypatch.setenv("UNDERWRITING_DATABASE_URL", sqlite_database(tmp_path / "db", migrated_sqlite))
    monkeypatch.setenv("COLUMNS", "200")
    settings.cache_clear()
    return CliRunner()


def limits(runner: CliRunner, *arguments: str) -> Result:
    return runner.invoke(application("limits"), ["limits", *arguments])


def test_a_run_from_the_shell_and_what_can_be_done_with_it(
    command_line: CliRunner, history: Path, tmp_path: Path
) -> None:
    assert "profiles are new of 240" in limits(command_line, "adopt", str(history / "current_limits.parquet")).output
    # Half of the users are personas, most of whom are to be raised: no usual day.
    ran = limits(command_line, "run", "--date", "2025-08-31", "--history", str(history), "--shards", "2", "--json")
    assert ran.exit_code == 0, ran.output
    run = json.loads(ran.stdout)
    if run["state"] == "held":
        released = limits(command_line, "release", run["run_id"], "--note", "looked at it")
        assert "applied" in released.output
    assert run["run_id"][:12] in limits(command_line, "status").output
    exported = limits(command_line, "export", run["run_id"], str(tmp_path / "out"))
    moves = pq.read_table(tmp_path / "out" / "moves.parquet")
    assert f"{len(moves)} moves of" in exported.output
    assert len(moves) == sum(run["totals"][move] for move in ("raised", "lowered", "paused")) > 0
    assert len((tmp_path / "out" / "moves.csv").read_text().splitlines()) == len(moves) + 1
    back = limits(command_line, "rollback", run["run_id"])
    assert f"is rolled back: {len(moves)} profiles written" in back.output


def test_a_file_with_one_bad_limit_is_refused_in_a_sentence_and_nothing_of_it_is_kept(
    command_line: CliRunner, tmp_path: Path
) -> None:
    def adopt(second: int | None) -> Result:
        columns = {"subject_id": ["ada", "bob"], "amount": [3_000, second], "raised_on": pa.nulls(2, pa.date32())}
        pq.write_table(pa.table(columns), tmp_path / "limits.parquet")
        return limits(command_line, "adopt", str(tmp_path / "limits.parquet"))

    for bad, why in ((None, "amount: Input should be a valid integer"), (2_999, "2999 is no tier's amount")):
        refused = adopt(bad)
        assert refused.exit_code == 2
        assert f"limits.parquet, row 1 (from 0): {why}" in refused.stderr
    assert "2 profiles are new of 2" in adopt(2_000).output


def test_two_policies_are_compared_and_walked_through_the_past(
    command_line: CliRunner, few_users: Path, tmp_path: Path
) -> None:
    arguments = ["cfi", "cfi-cautious", "--history", str(few_users)]
    compared = limits(command_line, "compare", *arguments, "--date", "2025-08-31", "--into", str(tmp_path / "c"))
    assert compared.exit_code == 0, compared.output
    assert "of 60 users 0 would have more" in compared.output
    assert {file.name for file in (tmp_path / "c").iterdir()} == {"comparison.png", "movers.csv", "movers.parquet"}
    dates = ["--since", "2025-07-20", "--until", "2025-08-31"]
    result = limits(command_line, "backtest", *arguments, *dates, "--into", str(tmp_path / "b"))
    assert result.exit_code == 0, result.output
    lines = (tmp_path / "b" / "backtest.csv").read_text().splitlines()
    assert len(lines) == 1 + 2 * 2
    assert lines[1].startswith("cfi v4,2025-07-31,60,")


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["run", "--date", "2025-08-31"], "name a history"),
        (["run", "--history", "nowhere"], "has no users/"),
        (["run", "--history", "nowhere", "--policy", "mine"], "no policy is called mine"),
        (["run", "--history", "x", "--segment", "core", "--user", "u1"], "leave one of them out"),
        (["status", "lim_00000000000000000000000000"], "there is no limit run"),
        (["rollback", "lim_00000000000000000000000000"], "there is no limit run"),
    ],
)
def test_what_cannot_be_is_refused_with_a_sentence(command_line: CliRunner, arguments: list[str], says: str) -> None:
    refused = limits(command_line, *arguments)
    assert refused.exit_code == 2
    assert says in refused.output
