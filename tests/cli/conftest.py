"""The command line on a SQLite store, without and with a schema."""

import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest
from support.shell import BOOK, Shell

from underwriting.settings import settings


@pytest.fixture
def shell(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Shell]:
    monkeypatch.setenv("UNDERWRITING_STATE_DIR", str(tmp_path))
    monkeypatch.setenv("UNDERWRITING_DATABASE_URL", f"sqlite+aiosqlite:///{tmp_path}/store.db")
    monkeypatch.setenv("UNDERWRITING_API_PORT", "9")
    settings.cache_clear()
    (tmp_path / "tiny.yaml").write_text(BOOK)
    yield Shell(tmp_path)
    settings.cache_clear()


@pytest.fixture
def migrated(shell: Shell) -> Shell:
    sqlite3.connect(shell.database).close()
    assert shell.run("migrate")[0] == 0
    return shell
