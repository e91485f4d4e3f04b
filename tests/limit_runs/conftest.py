"""Histories on disk, made once, and a context to run them at."""

import shutil
from collections.abc import Iterator
from datetime import date
from pathlib import Path

import pytest
from support.limit_histories import END, written
from support.remembered_shards import remembered

from underwriting.limit_runs.run_context import RunContext
from underwriting.settings import Settings, settings
from underwriting.store.session import Store


@pytest.fixture(scope="session")
def history(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A few hundred users, half of them personas."""
    return written(tmp_path_factory.mktemp("history") / "sound", personas=0.5)


@pytest.fixture(scope="session")
def spoiled_history(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same users, with malformed transactions among theirs."""
    return written(tmp_path_factory.mktemp("history") / "spoiled", personas=0.5, malformed=0.002)


@pytest.fixture(scope="session")
def few_users(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return written(tmp_path_factory.mktemp("history") / "few", users=60, personas=0.6)


@pytest.fixture
def small(few_users: Path, tmp_path: Path) -> Path:
    """Sixty users, to be spoiled."""
    return Path(shutil.copytree(few_users, tmp_path / "history"))


@pytest.fixture
def business_date() -> date:
    return END


@pytest.fixture
def config(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Settings]:
    """Settings that keep everything in the test's folder."""
    monkeypatch.setenv("UNDERWRITING_STATE_DIR", str(tmp_path))
    monkeypatch.setenv("UNDERWRITING_LIMITS_AT_ONCE", "2")
    monkeypatch.setenv("UNDERWRITING_LEASE_SECONDS", "1")
    settings.cache_clear()
    yield settings()
    settings.cache_clear()


@pytest.fixture
def context(store: Store, config: Settings) -> RunContext:
    return RunContext(store, config, remembered)
