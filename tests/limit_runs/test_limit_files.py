"""Files of limit runs: nobody but their owner reads them, and by a setting nobody without the keys."""

import base64
import json
import os
import stat
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pyarrow.csv as pc
import pyarrow.parquet as pq
import pytest
from support.databases import sqlite_database
from support.limit_histories import limits_before, request, shard
from typer.testing import CliRunner, Result

from underwriting.cli import application
from underwriting.limit_runs import files
from underwriting.limit_runs.run import recalculate
from underwriting.limit_runs.run_context import RunContext
from underwriting.limit_runs.shard import recalculate_shard
from underwriting.settings import Settings, settings
from underwriting.store.errors import Undecipherable

OLD, NEW = (base64.b64encode(bytes([number]) * 32).decode() for number in (1, 2))
DAY = ["--date", "2025-08-31"]


@pytest.fixture(autouse=True)
def _anybody_reads_what_is_written() -> Iterator[None]:
    before = os.umask(0o022)
    yield
    os.umask(before)


@pytest.fixture
def command_line(config: Settings, migrated_sqlite: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> CliRunner:
    (tmp_path / "db").mkdir()
    monkeypatch.setenv("UNDERWRITING_DATABASE_URL", sqlite_database(tmp_path / "db", migrated_sqlite))
    settings.cache_clear()
    return CliRunner()


@pytest.fixture
def sealed(config: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("UNDERWRITING_LIMITS_SEALED", "true")
    with_keys(monkeypatch, {"old": OLD}, "old")


def with_keys(monkeypatch: pytest.MonkeyPatch, keys: dict[str, str], current: str) -> None:
    monkeypatch.setenv("UNDERWRITING_ENCRYPTION_KEYS", json.dumps(keys))
    monkeypatch.setenv("UNDERWRITING_ENCRYPTION_KEY_ID", current)
    settings.cache_clear()


def limits(runner: CliRunner, *arguments: str) -> Result:
    return runner.invoke(application("limits"), ["limits", *arguments])


def all_commands(runner: CliRunner, history: Path, out: Path) -> str:
    """Every command that writes files; the id of the run."""
    at = [*DAY, "--history", str(history)]
    adopted = limits(runner, "adopt", str(history / "current_limits.parquet"))
    assert adopted.exit_code == 0, adopted.output
    ran = limits(runner, "run", *at, "--shards", "2", "--json")
    assert ran.exit_code == 0, ran.output
    run_id = str(json.loads(ran.stdout)["run_id"])
    tried = limits(runner, "run", *at, "--user", users(history)[0], "--dry-run", "--json")
    assert json.loads(tried.stdout)["decision"]["before_minor"] > 0, tried.output
    (history.parent / "mine.yaml").write_text(request(history).policy.model_copy(update={"name": "mine"}).text)
    policies = ["cfi", str(history.parent / "mine.yaml")]
    days = ["--since", "2025-08-30", "--until", "2025-08-31"]
    for command in (
        ["export", run_id, str(out / "exported")],
        ["compare", *policies, *at],
        ["backtest", *policies, "--history", str(history), *days, "--into", str(out / "backtest")],
    ):
        done = limits(runner, *command)
        assert done.exit_code == 0, done.output
    return run_id


def users(history: Path) -> list[str]:
    return sorted(pq.read_table(history / "current_limits.parquet")["subject_id"].to_pylist())


def written(*places: Path) -> list[Path]:
    return [file for place in places for file in sorted(place.rglob("*"))]


def test_folders_and_files_are_their_owners(command_line: CliRunner, small: Path, tmp_path: Path) -> None:
    run_id = all_commands(command_line, small, tmp_path)
    place = settings().limits_place
    found = written(place, tmp_path / "exported", tmp_path / "backtest")
    assert {"moves.csv", "records-0001.parquet", "bases-0000.parquet", "movers.csv", "summary.md", "backtest.csv"} <= {
        file.name for file in found
    }
    modes = {file: stat.S_IMODE(file.stat().st_mode) for file in [*found, tmp_path / "exported", place / run_id]}
    assert {file.name: oct(mode) for file, mode in modes.items() if mode != (0o700 if file.is_dir() else 0o600)} == {}


@pytest.mark.usefixtures("sealed")
def test_sealed_files_show_no_user_and_every_command_works(
    command_line: CliRunner, small: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run_id = all_commands(command_line, small, tmp_path)
    place = settings().limits_place
    found = written(place, tmp_path / "exported", tmp_path / "backtest")
    ids = [user.encode() for user in users(small)]
    assert not [file.name for file in found if file.is_file() and any(user in file.read_bytes() for user in ids)]
    assert {file.name for file in (tmp_path / "exported").iterdir()} == {"moves.csv.sealed", "moves.parquet.sealed"}
    shown = limits(command_line, "unseal", str(tmp_path / "exported" / "moves.parquet.sealed"))
    (tmp_path / "moves.parquet").write_bytes(shown.stdout_bytes)
    moves = pq.read_table(tmp_path / "moves.parquet")
    csv = limits(command_line, "unseal", str(place / run_id / "moves.csv.sealed"))
    (tmp_path / "moves.csv").write_bytes(csv.stdout_bytes)
    assert pc.read_csv(tmp_path / "moves.csv")["subject_id"].to_pylist() == moves["subject_id"].to_pylist() != []
    # Another key, and what is sealed under the former one is sealed anew.
    with_keys(monkeypatch, {"new": NEW}, "new")
    refused = limits(command_line, "export", run_id, str(tmp_path / "again"))
    assert refused.exit_code == 2
    assert "does not open: it was changed, or the key 'old' is missing or another one" in refused.stderr
    with_keys(monkeypatch, {"old": OLD, "new": NEW}, "new")
    resealed = command_line.invoke(application("reseal"), ["reseal", "--json"])
    assert json.loads(resealed.stdout)["files"] == len([file for file in written(place) if file.suffix == ".sealed"])
    with_keys(monkeypatch, {"new": NEW}, "new")
    assert limits(command_line, "export", run_id, str(tmp_path / "again")).exit_code == 0
    strange = limits(command_line, "unseal", str(place / run_id / "summary.md"))
    assert (strange.exit_code, strange.stdout) == (2, "")
    assert "is no sealed file; those have names that end in .sealed" in strange.stderr


@pytest.mark.usefixtures("sealed")
async def test_a_sealed_run_goes_on_and_reads_what_it_wrote(context: RunContext, small: Path) -> None:
    context = replace(context, config=settings())
    first = await recalculate(context, request(small))
    assert (first.calculated, first.totals.users) == (2, 60)
    assert (await recalculate(context, request(small))).calculated == 0
    assert (await recalculate(context, request(small, full=True))).totals == first.totals
    assert not list(first.folder.glob("*.parquet"))


@pytest.mark.usefixtures("sealed")
def test_a_sealed_shard_decides_the_same(small: Path, tmp_path: Path) -> None:
    plain = shard(small, tmp_path / "plain", limits_before(small))
    secret = shard(small, tmp_path / "secret", limits_before(small), sealed=True)
    assert recalculate_shard(plain) == recalculate_shard(secret)
    here = tmp_path / "secret" / "records-0000.parquet"
    assert files.read_table(here) == files.read_table(tmp_path / "plain" / "records-0000.parquet")
    # The setting is switched off again: the plain file replaces the sealed one, and the other way round.
    recalculate_shard(replace(secret, sealed=False))
    assert [file.name for file in sorted((tmp_path / "secret").glob("records-*"))] == ["records-0000.parquet"]
    recalculate_shard(secret)
    assert [file.name for file in sorted((tmp_path / "secret").glob("records-*"))] == ["records-0000.parquet.sealed"]


@pytest.mark.usefixtures("sealed")
def test_a_sealed_file_opens_in_its_own_place_only(tmp_path: Path) -> None:
    for folder in (tmp_path / "lim_1", tmp_path / "lim_2"):
        files.write(files.make_folder(folder) / "records-0000.parquet", folder.name.encode(), sealed=True)
    moved = tmp_path / "lim_2" / "records-0000.parquet.sealed"
    (tmp_path / "lim_1" / "records-0000.parquet.sealed").replace(moved)
    with pytest.raises(Undecipherable, match=r"was sealed as lim_1/records-0000\.parquet; put it back there"):
        files.read(tmp_path / "lim_2" / "records-0000.parquet")
    assert files.unsealed(moved) == b"lim_1"
    moved.write_bytes(moved.read_bytes().replace(b"lim_1", b"lim_2"))
    with pytest.raises(Undecipherable, match="does not open"):
        files.read(tmp_path / "lim_2" / "records-0000.parquet")


def test_what_a_killed_worker_left_is_deleted(small: Path, tmp_path: Path) -> None:
    spec = shard(small, tmp_path / "out")
    left = tmp_path / "out" / "shard-0000-killed"
    left.mkdir()
    (left / "users-0.parquet").write_bytes(b"somebody's rows")
    (tmp_path / "out" / "shard-0001-at-work").mkdir()
    recalculate_shard(spec)
    assert [place.name for place in (tmp_path / "out").glob("shard-*")] == ["shard-0001-at-work"]
