"""Flows on a real Prefect server and a real sandbox, both started once; a fresh store for every test."""

import gc
import os
import warnings
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

# Read when tasks are imported: retries that a test can wait for.
os.environ["UNDERWRITING_RETRY_DELAYS"] = "[0.02, 0.04, 0.08]"

import httpx
import pytest
from support.databases import fill_template, postgres_database
from support.float_checks import FloatChecks
from support.journeys import Journey
from support.published import publish_shipped

from underwriting.local import Services, embedded_environment
from underwriting.playground.sandbox.lists import sandbox_lists
from underwriting.runtime import Runtime, open_runtime
from underwriting.screening.screener import store_list
from underwriting.settings import settings
from underwriting.store.keyfile import keyring
from underwriting.store.models import RulebookKind
from underwriting.store.session import Store


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Prefect's engine leaves short-lived clients of its own to the garbage collector, which complains of them."""
    here = Path(__file__).parent
    for item in items:
        if here in item.path.parents:
            item.add_marker(pytest.mark.filterwarnings("ignore:unclosed <socket:ResourceWarning"))


@pytest.fixture(scope="module", autouse=True)
def no_socket_outlives_these_tests() -> Iterator[None]:
    """Those clients are collected here, or the complaint about them would reach a test of another folder.

    At the end of each file, since without an `__init__.py` a folder is no package to pytest, whose fixtures would then
    last for the session.
    """
    yield
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ResourceWarning)
        gc.collect()


@pytest.fixture(scope="session")
def postgres_template(services: Services, postgres_url: str) -> str:
    """With the shipped rulebooks published and the sandbox's list loaded."""

    async def fill(url: str) -> None:
        async with Store.open(url, keyring(services.settings)) as store:
            await publish_shipped(store, RulebookKind.REVIEW, RulebookKind.ELIGIBILITY)
            for screening_list in sandbox_lists():
                await store_list(store, screening_list, "test")

    return fill_template(postgres_url, "for_flows", fill)


@pytest.fixture
def environment(
    services: Services,
    postgres_url: str,
    postgres_template: str,
    request: pytest.FixtureRequest,
    monkeypatch: pytest.MonkeyPatch,
) -> Iterator[None]:
    """The process's settings lead to the session's services, and to a store of the test's own."""
    marker = request.node.get_closest_marker("settings")
    changes = marker.kwargs if marker else {}
    with postgres_database(postgres_url, postgres_template) as url:
        config = services.settings.model_copy(update={"database_url": url, **changes})
        for name, value in embedded_environment(config).items():
            if name.startswith("UNDERWRITING_"):
                monkeypatch.setenv(name, value)
        settings.cache_clear()
        yield
    settings.cache_clear()


@pytest.fixture
async def runtime(environment: None, prefect_server: None) -> AsyncIterator[Runtime]:
    """The runtime, with the shipped rulebooks published and the sandbox's list loaded."""
    async with open_runtime() as runtime:
        yield runtime


@pytest.fixture
async def journey(runtime: Runtime) -> AsyncIterator[Journey]:
    """Reviews one can start and look at; the sandbox begins without faults and with an empty ledger."""
    async with httpx.AsyncClient(base_url=runtime.config.sandbox_url) as sandbox:
        (await sandbox.put("/_control", json={})).raise_for_status()
        (await sandbox.delete("/_control/ledger")).raise_for_status()
        yield Journey(runtime, sandbox)


@pytest.fixture
async def checks(journey: Journey) -> FloatChecks:
    """Eligibility checks one can start and look at."""
    return FloatChecks(journey)
