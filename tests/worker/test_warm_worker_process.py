"""The warm worker as operators start and stop it: by Prefect's command line and SIGTERM."""

import asyncio
import signal
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from support.databases import postgres_database
from support.pools import Pool

from underwriting.local import Child, Services
from underwriting.local.environment import child_environment

TESTS = Path(__file__).parents[1]


@pytest.fixture
def migrated(postgres_url: str) -> Iterator[str]:
    """A store for the worker to hold open, as it does for reviews."""
    with postgres_database(postgres_url) as url:
        yield url


@pytest.mark.timeout(240)
async def test_sigterm_lets_runs_end_and_a_second_one_interrupts_them(
    services: Services, migrated: str, pool: Pool, tmp_path: Path
) -> None:
    short, long = await pool.begin("nap", {"seconds": 2}), await pool.begin("nap", {"seconds": 60})
    settings = services.settings.model_copy(update={"database_url": migrated, "work_pool": pool.name})
    environment = {**child_environment(settings), "PYTHONPATH": str(TESTS)}
    command = [sys.executable, "-m", "prefect", "worker", "start", "--pool", pool.name, "--type", "warm"]
    worker = Child("worker", command, tmp_path / "worker.log", environment)
    worker.start()
    try:
        for run in (short, long):
            await pool.until(run, "Running", seconds=120)
        worker.send(signal.SIGTERM)
        assert (await pool.until(short)).is_completed()
        late = await pool.begin("nap")
        await asyncio.sleep(1.5)
        worker.send(signal.SIGTERM)
        state = await pool.until(long)
        await worker.succeed(deadline=30)
    finally:
        worker.kill()
    assert (state.name, state.message) == ("Crashed", "Execution was aborted by a termination signal.")
    assert (await pool.client.read_flow_run(late.id)).state_name == "Scheduled", "it takes no new runs"
