"""Database fixtures, for every test that needs a store.

They import what they need themselves: tests of rules stay instant, because they never load a database driver.
"""

from __future__ import annotations

import gc
import os
import shutil
import tempfile
from collections import Counter
from collections.abc import AsyncIterator, Generator, Iterator
from functools import partial
from multiprocessing.util import Finalize
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

import certifi
import psutil
import pytest

if TYPE_CHECKING:
    from playwright.async_api import Page

    from underwriting.local import Services
    from underwriting.store.crypto import Keyring
    from underwriting.store.session import Store

# ruff: noqa: PLC0415 - the reason stands above


# A run of all tests has 0.6 GB there at the most.
MEMORY, ROOM = Path("/dev/shm"), 2 * 2**30
PREFIX = "underwriting-tests-of-"
# `make test` collects no others where it runs these.
FORKS = Path(__file__).with_name("store")
# Minutes each, most of which go by in other processes or in waiting.
EARLY = (
    "kills",
    "test_documented_commands.py",
    "deployments",
    "test_embedded_services.py",
    "test_lost_prefect.py",
    "test_restored_store.py",
)
END_OF_CERTIFICATE = "-----END CERTIFICATE-----"


def pytest_configure(config: pytest.Config) -> None:
    """What makes a thousand databases and clients quick, for this process and those that it starts.

    Temporary files are in memory where there is room and nobody said otherwise: a database is copied there in a tenth
    of the time that a disk takes. And whoever makes an HTTP client reads one certificate instead of all: nothing here
    leaves this machine.
    """
    from hypothesis import settings
    from support.examples import steady

    # xdist says that its processes have a terminal of 80 columns. Commands in tests write into a pipe.
    os.environ.pop("COLUMNS", None)

    settings.register_profile("suite", parent=steady(100))
    settings.load_profile("suite")
    if hasattr(config, "workerinput"):
        return
    if "TMPDIR" not in os.environ and MEMORY.is_dir() and shutil.disk_usage(MEMORY).free > ROOM:
        _clear_away_what_killed_runs_left()
        os.environ["TMPDIR"] = tempfile.tempdir = tempfile.mkdtemp(prefix=f"{PREFIX}{os.getpid()}-", dir=MEMORY)
        # Once multiprocessing has removed its own folder in there.
        Finalize(None, shutil.rmtree, (tempfile.tempdir,), {"ignore_errors": True}, exitpriority=-200)
        # PostgreSQL's server is another user where root runs the tests.
        Path(tempfile.tempdir).chmod(0o755)
    certificate = Path(tempfile.mkdtemp()) / "certificate.pem"
    config.add_cleanup(partial(shutil.rmtree, certificate.parent, ignore_errors=True))
    certificate.write_text("".join(certifi.contents().partition(END_OF_CERTIFICATE)[:2]))
    os.environ["SSL_CERT_FILE"] = str(certificate)


def _clear_away_what_killed_runs_left() -> None:
    """Memory is not given back by itself."""
    for left in MEMORY.glob(f"{PREFIX}*"):
        process = left.name.removeprefix(PREFIX).partition("-")[0]
        if not psutil.pid_exists(int(process)):
            shutil.rmtree(left, ignore_errors=True)


@pytest.hookimpl(wrapper=True)
def pytest_collection() -> Generator[None, object, object]:
    """Modules and collected tests stay to the end. The garbage collector would search them again and again, which takes
    a third of the time of the collection.
    """
    gc.disable()
    try:
        return (yield)
    finally:
        gc.collect()
        gc.freeze()
        gc.enable()


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Tests that fork this process go first: later it has threads, whose locks a forked child would wait for.

    Then come the longest files, or one of them would be waited for at the end. Of two tests of one name only one would
    be run by several processes.
    """
    twice = [name for name, times in Counter(item.nodeid for item in items).items() if times > 1]
    if twice:
        raise pytest.UsageError(f"{len(twice)} tests have the name of another, the first is {twice[0]}")
    elsewhere = [item.nodeid for item in items if item.get_closest_marker("forks") and FORKS not in item.path.parents]
    if elsewhere:
        raise pytest.UsageError(f"`make test` looks for tests that fork in {FORKS.name} only, not at {elsewhere[0]}")
    items.sort(key=lambda item: (item.get_closest_marker("forks") is None, _turn(item.path)))


def _turn(file: Path) -> int:
    """The files of `EARLY` in its order, then all others in theirs."""
    return next((turn for turn, name in enumerate(EARLY) if name in file.parts), len(EARLY))


@pytest.fixture(scope="session")
def postgres_url() -> Iterator[str]:
    """The session's embedded PostgreSQL server, as the URL of its database `postgres`."""
    from support.databases import postgres_server

    # Not pytest's folder: where root runs the tests the server is another user, and the next pytest to start would
    # close that folder to it.
    with TemporaryDirectory(prefix="underwriting-tests-") as folder, postgres_server(Path(folder)) as url:
        yield url


@pytest.fixture(scope="session")
def migrated_sqlite(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A migrated SQLite file to copy."""
    from support.databases import sqlite_template

    return sqlite_template(tmp_path_factory.mktemp("sqlite"))


@pytest.fixture(scope="session")
def postgres_template() -> str:
    """The database to copy on PostgreSQL: migrated, and empty unless their folder says otherwise."""
    from support.databases import TEMPLATE

    return TEMPLATE


@pytest.fixture(params=["sqlite", "postgresql"])
def database_kind(request: pytest.FixtureRequest) -> str:
    """Tests run on either, unless their folder says which."""
    kind: str = request.param
    return kind


@pytest.fixture
def database_url(database_kind: str, request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """A fresh, migrated database."""
    from support.databases import postgres_database, sqlite_database

    if database_kind == "sqlite":
        yield sqlite_database(tmp_path, request.getfixturevalue("migrated_sqlite"))
        return
    with postgres_database(*map(request.getfixturevalue, ("postgres_url", "postgres_template"))) as url:
        yield url


@pytest.fixture(scope="session")
def keyring() -> Keyring:
    """Keys that live as long as the session."""
    from underwriting.store.crypto import Keyring

    return Keyring.generate()


@pytest.fixture
async def store(database_url: str, keyring: Keyring) -> AsyncIterator[Store]:
    """The store on a fresh database."""
    from underwriting.store.session import Store

    async with Store.open(database_url, keyring) as opened:
        yield opened


@pytest.fixture(scope="session")
def services() -> Iterator[Services]:
    """PostgreSQL, the Prefect server and the sandbox, started once for all tests that need them."""
    from support.prefect_server import embedded_services

    with embedded_services() as services:
        yield services


@pytest.fixture(scope="session")
def prefect_server(services: Services) -> Iterator[None]:
    """Prefect's settings lead to the session's server."""
    from support.prefect_server import prefect_pointed_at

    with prefect_pointed_at(services):
        yield


@pytest.fixture
async def page() -> AsyncIterator[Page]:
    """An empty page of a real browser."""
    from support.browser import blank_page

    async with blank_page() as page:
        yield page
