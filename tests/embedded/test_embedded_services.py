"""The whole of `underwriting up`, once: it starts, heals, and leaves nothing behind."""

import asyncio
import signal
import tempfile
from datetime import UTC, datetime
from pathlib import Path

import httpx
import psutil
import pytest

from underwriting.cli.setup import prepare
from underwriting.embedded import ServiceFailed, embedded, free_port
from underwriting.settings import Settings

PREFECT_FILE = Path(__file__).parents[2] / "prefect.yaml"


@pytest.mark.timeout(400)
async def test_everything_starts_heals_and_ends() -> None:
    with tempfile.TemporaryDirectory(prefix="everything-") as folder:
        ports = {f"{name}_port": free_port() for name in ("prefect", "sandbox", "api")}
        settings = Settings.model_validate({"state_dir": folder, **ports})
        async with embedded(settings, prefect_file=PREFECT_FILE, prepare=prepare) as services:
            (worker,) = services.workers
            processes = [psutil.Process(child.pid) for child in [*services.servers, worker, services.postgres]]
            async with httpx.AsyncClient(timeout=30) as client:
                for url in (f"{settings.prefect_url}/api/ready", f"{settings.api_url}/health", settings.prefect_url):
                    assert (await client.get(url)).is_success

            watching = asyncio.create_task(services.watch())
            killed, began = worker.pid, datetime.now(UTC)
            worker.send(signal.SIGKILL)
            async with asyncio.timeout(120):
                while worker.pid == killed or not worker.running:
                    await asyncio.sleep(0.05)
                await services.until_online(worker)
            assert worker.started is not None
            assert worker.started > began
            processes.append(psutil.Process(worker.pid))

            await services.postgres.restart(immediately=True)
            async with asyncio.timeout(60):
                await swept(settings)

            services.servers[1].send(signal.SIGKILL)
            with pytest.raises(ServiceFailed, match="sandbox ended by itself"):
                await watching
        assert not any(process.is_running() for process in processes)


async def swept(settings: Settings) -> None:
    """Until a sweep that began only now has completed: API, schedule, worker and store all work."""
    wanted = {
        "flow_runs": {
            "state": {"name": {"any_": ["Completed"]}},
            "start_time": {"after_": datetime.now(UTC).isoformat()},
        },
        "deployments": {"name": {"any_": ["sweep"]}},
    }
    async with httpx.AsyncClient(timeout=30) as client:
        while True:
            answer = await client.post(f"{settings.prefect_url}/api/flow_runs/filter", json=wanted)
            if answer.is_success and answer.json():
                return
            await asyncio.sleep(0.2)
