"""A sandbox on a real socket, and a raw server for what no framework would send."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager
from pathlib import Path

import httpx
import pytest

from underwriting.playground.sandbox.app import create_app
from underwriting.playground.sandbox.serving import served
from underwriting.settings import Partner, Settings

SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
Talk = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


@pytest.fixture(scope="session")
def data_dir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("sandbox")


@pytest.fixture(scope="session")
def served_sandbox(data_dir: Path) -> Iterator[Settings]:
    partner = Partner(results_url="http://localhost/unused", signing_secret=SECRET)
    with served(create_app(Settings(partners={"acme": partner}, source_timeout=0.5), data_dir)) as url:
        partner = Partner(results_url=f"{url}/results/acme", signing_secret=SECRET)
        port = int(url.rpartition(":")[2])
        yield Settings(sandbox_port=port, partners={"acme": partner}, source_timeout=10.0)


@pytest.fixture(scope="session")
def control(served_sandbox: Settings) -> Iterator[httpx.Client]:
    hooks = {"response": [httpx.Response.raise_for_status]}
    with httpx.Client(base_url=served_sandbox.sandbox_url, verify=False, event_hooks=hooks) as client:
        yield client


@pytest.fixture
def panel(control: httpx.Client) -> httpx.Client:
    """The sandbox's control panel, `/_control` and `/_control/ledger`, all quiet and empty."""
    control.put("/_control", json={})
    control.delete("/_control/ledger")
    return control


@pytest.fixture
def sandbox(served_sandbox: Settings, panel: httpx.Client) -> Settings:
    """Settings that lead to a sandbox whose tenant `acme` has `SECRET`."""
    return served_sandbox


@pytest.fixture
def raw_server() -> Callable[[Talk], object]:
    """`async with raw_server(talk) as url`: every connection is handed to `talk` after its request's head."""

    @asynccontextmanager
    async def run(talk: Talk) -> AsyncIterator[str]:
        async def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            try:
                await reader.readuntil(b"\r\n\r\n")
                await talk(reader, writer)
            except (ConnectionError, asyncio.IncompleteReadError):
                pass  # The client hung up, as it should.
            finally:
                writer.close()

        async with await asyncio.start_server(accept, "127.0.0.1", 0) as server:
            yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"

    return run
