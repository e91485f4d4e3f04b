"""The whole of `underwriting up`, once: it starts, heals, and leaves nothing behind."""

import asyncio
import signal
import tempfile
from pathlib import Path

import httpx
import psutil
import pytest
from support.aws import REGION, Queues
from support.consumed import created, until_quiet
from support.reviews import rows

from underwriting.cli.setup import prepare
from underwriting.local import Child, ServiceFailed, Services, embedded, free_port
from underwriting.settings import Settings
from underwriting.store.keyfile import keyring
from underwriting.store.session import Store

PREFECT_FILE = Path(__file__).parents[2] / "prefect.yaml"


@pytest.mark.timeout(400)
async def test_everything_starts_heals_and_ends(queues: Queues, aws_url: str) -> None:
    queue = {"events_queue_url": queues.url, "aws_region": REGION, "aws_endpoint_url": aws_url}
    with tempfile.TemporaryDirectory(prefix="everything-") as folder:
        ports = {f"{name}_port": free_port() for name in ("prefect", "sandbox", "api")}
        settings = Settings.model_validate({"state_dir": folder, **ports, **queue})
        told: list[str] = []
        async with embedded(settings, prefect_file=PREFECT_FILE, prepare=prepare, tell=told.append) as services:
            whole = " ".join(told)
            parts = ("PostgreSQL", "Prefect", "worker", "sandbox", "store", "API", "consumer", "housekeeping")
            assert [part for part in parts if part not in whole] == [], "each is said to start"
            worker, housekeeping, api = services.working
            children = [*services.servers, *services.working, services.postgres]
            processes = [psutil.Process(child.pid) for child in children]
            async with httpx.AsyncClient(timeout=30) as client:
                for url in (f"{settings.prefect_url}/api/ready", f"{settings.api_url}/health", settings.prefect_url):
                    assert (await client.get(url)).is_success

            watching = asyncio.create_task(services.watch())
            for child in (worker, housekeeping, api):
                killed = child.pid
                child.send(signal.SIGKILL)
                async with asyncio.timeout(120):
                    while child.pid == killed or not child.running:
                        await asyncio.sleep(0.05)
                assert f"{child.name} ended with exit code -9 and is started again" in child.log.read_text()
                processes.append(psutil.Process(child.pid))
            async with asyncio.timeout(120):
                await services.until_online(worker)

            await events_are_taken_once(services, queues)
            await services.postgres.restart(immediately=True)
            async with asyncio.timeout(60):
                await swept(settings)
            assert housekeeping.running, housekeeping.log_tail()

            services.servers[1].send(signal.SIGKILL)
            with pytest.raises(ServiceFailed, match="sandbox ended by itself"):
                await watching
        assert not any(process.is_running() for process in processes)
        assert consumer(services).exit_code == 0, consumer(services).log_tail()


def consumer(services: Services) -> Child:
    """The process that takes events off the queue."""
    (found,) = (server for server in services.servers if server.name == "consumer")
    return found


async def events_are_taken_once(services: Services, queues: Queues) -> None:
    """An event that was sent twice is kept once, and handled."""
    config = services.settings
    async with Store.open(config.database_url, keyring(config)) as store:
        queues.send(created(1), created(1))
        await until_quiet(consumer(services), store, queues, ["user-1"], dead=0)
        assert await rows(store, "inbox") == 1


async def swept(settings: Settings) -> None:
    """Until a sweep has run: Prefect, the worker and the store all work."""
    async with httpx.AsyncClient(base_url=f"{settings.prefect_url}/api", timeout=30) as client:
        deployment = (await client.get("/deployments/name/sweep/sweep")).raise_for_status().json()
        ended = ""
        # One that begins while the database is still away fails.
        while ended != "Completed":
            begun = await client.post(f"/deployments/{deployment['id']}/create_flow_run", json={})
            run = begun.raise_for_status().json()
            while (ended := run["state"]["name"]) not in {"Completed", "Failed"}:
                await asyncio.sleep(0.1)
                run = (await client.get(f"/flow_runs/{run['id']}")).raise_for_status().json()
