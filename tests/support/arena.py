"""Where workers are killed: the embedded services without workers, and leases that a test can wait for."""

import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import asyncpg

from tests.support.forked_workers import Nursery
from underwriting.local import Services, embedded, free_port
from underwriting.local.environment import child_environment
from underwriting.settings import Settings

# Seconds: a stalled worker loses its applications, a killed one's are due again soon.
LEASE = 4.0
SETTINGS = {
    "lease_seconds": LEASE,
    "dispatch_seconds": 3.0,
    "start_seconds": 5.0,
    "longest_run_seconds": 20.0,
    # However unlucky an application is, it is never given up.
    "max_attempts": 1_000,
    "worker_limit": 4,
    "source_timeout": 2.0,
    "retry_delays": (0.05, 0.1, 0.2),
}


@dataclass(frozen=True)
class Arena:
    """PostgreSQL, Prefect with the project's deployments, the sandbox, and a parent of workers; no worker yet."""

    services: Services
    nursery: Nursery

    @classmethod
    @asynccontextmanager
    async def opened(cls, folder: Path) -> AsyncIterator["Arena"]:
        """Everything in a folder of its own, on free ports."""
        ports = {f"{name}_port": free_port() for name in ("api", "prefect", "sandbox")}
        config = Settings.model_validate({"state_dir": folder, **ports, **SETTINGS})
        # Their logs are in files; the server has enough to do.
        environment = {**child_environment(config), "PREFECT_LOGGING_TO_API_ENABLED": "false"}
        async with (
            Nursery.opened(environment, folder / "workers") as nursery,
            embedded(config, prefect_file=Path("prefect.yaml"), api=False, workers=0) as services,
        ):
            yield cls(services, nursery)

    async def new_database(self) -> str:
        """The URL of an empty database on its PostgreSQL."""
        name = f"ordeal_{time.time_ns()}"
        connection = await asyncpg.connect(self.services.postgres.url("postgres").replace("+asyncpg", ""))
        try:
            await connection.execute(f"CREATE DATABASE {name}")
        finally:
            await connection.close()
        return self.services.postgres.url(name)
