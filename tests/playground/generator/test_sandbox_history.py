"""The history that the set-up writes for the sandbox."""

import os
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

from underwriting.limit_runs.history import History
from underwriting.playground.generator.sandbox_history import USERS, ensure_history

END = date(2026, 6, 30)


def test_it_is_written_once_a_day(tmp_path: Path) -> None:
    folder = tmp_path / "history"
    ensure_history(folder, END)
    assert len(History.open(str(folder)).user_ids()) == USERS
    (mark := folder / "mark").touch()
    ensure_history(folder, END + timedelta(days=1))
    assert mark.exists(), "a second start on the same day"
    yesterday = (datetime.now(UTC) - timedelta(days=1)).timestamp()
    os.utime(folder, (yesterday, yesterday))
    ensure_history(folder, END + timedelta(days=1))
    assert not mark.exists(), "an old history would make every fact unknown"
    assert [each.name for each in tmp_path.iterdir()] == ["history"]
