"""Shared by the benchmarks of the complete system: a set-up, applications over HTTP, the time of a decision."""

import asyncio
import json
import math
import statistics
import tempfile
import time
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path
from uuid import uuid4

import asyncpg
import httpx
import psutil  # type: ignore[import-untyped]  # ships no types

from underwriting.cli.setup import prepare
from underwriting.cli.tokens import SCOPES
from underwriting.local import SANDBOX_TENANT, Services, embedded, free_port, issue_token
from underwriting.settings import Settings

PREFECT_FILE = Path("prefect.yaml")
# The polling interval of the store in seconds: the error of a measured time, at a light load.
POLL_SECONDS = 0.01


@asynccontextmanager
async def running(workers: int = 1, **settings: object) -> AsyncIterator[Services]:
    """The embedded services on free ports in a folder of their own."""
    with tempfile.TemporaryDirectory(prefix="bench-") as folder:
        ports = {f"{name}_port": free_port() for name in ("api", "prefect", "sandbox")}
        config = Settings.model_validate({"state_dir": folder, **ports, **settings})
        async with embedded(config, prefect_file=PREFECT_FILE, prepare=prepare, workers=workers) as services:
            yield services


class Applicants:
    """Applies over HTTP and watches the store for the decision."""

    def __init__(self, services: Services, http: httpx.AsyncClient, store: asyncpg.Pool) -> None:
        self._http = http
        self._store = store
        self._token = issue_token(services.settings, SANDBOX_TENANT, "benchmark", SCOPES)

    @classmethod
    @asynccontextmanager
    async def of(cls, services: Services) -> AsyncIterator["Applicants"]:
        """Connected to the API and to the store."""
        dsn = services.settings.database_url.replace("+asyncpg", "")
        async with (
            httpx.AsyncClient(base_url=services.settings.api_url, timeout=60) as http,
            asyncpg.create_pool(dsn, min_size=1, max_size=4) as store,
        ):
            yield cls(services, http, store)

    async def apply(self, customer_id: str) -> str:
        """Send one application; its id."""
        answer = await self._http.post(
            "/v1/applications",
            json={
                "customer_id": customer_id,
                "amount": "2500.00",
                "currency": "USD",
                "bureau_consent": {"purpose": "credit_transaction", "consented_at": datetime.now(UTC).isoformat()},
            },
            headers={"Authorization": f"Bearer {self._token}", "Idempotency-Key": uuid4().hex},
        )
        answer.raise_for_status()
        application_id: str = answer.json()["id"]
        return application_id

    async def decided(self) -> int:
        """How many applications have a decision in the store."""
        count: int = await self._store.fetchval("SELECT count(*) FROM decisions")
        return count

    async def until_decided(self, application_id: str, patience: float) -> None:
        """Wait until the store has the decision; TimeoutError after `patience` seconds."""
        async with asyncio.timeout(patience):
            while not await self._store.fetchval("SELECT 1 FROM decisions WHERE application_id = $1", application_id):
                await asyncio.sleep(POLL_SECONDS)

    async def seconds_to_decision(self, customer_id: str, patience: float = 120.0) -> float:
        """Seconds from sending the POST to the decision in the store."""
        began = time.perf_counter()
        await self.until_decided(await self.apply(customer_id), patience)
        return time.perf_counter() - began


def cpu_seconds(services: Services) -> dict[str, float]:
    """Processor time that each service and its children have used."""
    children = {child.name: child.pid for child in (*services.servers, *services.workers)}
    return {name: _cpu_seconds(pid) for name, pid in {"postgres": services.postgres.pid, **children}.items()}


def _cpu_seconds(pid: int) -> float:
    root = psutil.Process(pid)
    times = [process.cpu_times() for process in (root, *root.children(recursive=True))]
    # A parent's times include its children that have ended.
    seconds: float = sum(time.user + time.system for time in times)
    return seconds + float(times[0].children_user + times[0].children_system)


def percentile(values: Sequence[float], share: float) -> float:
    """The value that `share` of the values do not exceed (nearest rank)."""
    return sorted(values)[math.ceil(len(values) * share) - 1]


def report(figures: Mapping[str, object]) -> None:
    """Print the figures as one JSON object, the last line of every benchmark."""
    print(json.dumps(figures))


def median(values: Sequence[float]) -> float:
    """The median."""
    return statistics.median(values)
