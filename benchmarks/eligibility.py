"""Eligibility over HTTP: answers from a fresh evaluation, on PostgreSQL and SQLite; and from a request to its decision.

`python -m benchmarks.eligibility [--requests 20000] [--deferred 30]`; the load comes from a process of its own.
"""

import argparse
import asyncio
import json
import sys
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import asyncpg
import httpx
import psutil  # type: ignore[import-untyped]  # ships no types

from benchmarks.rig import POLL_SECONDS, median, percentile, report, running
from rules.limits.policy import shipped_policies
from rules.limits.tiers import CURRENCY, TIERS
from underwriting.cli.setup import prepare
from underwriting.cli.tokens import SCOPES
from underwriting.domain.application import Product
from underwriting.domain.eligibility import Eligibility
from underwriting.local import SANDBOX_TENANT, Child, Services, free_port, issue_token
from underwriting.rulebook_cache import digest_of
from underwriting.settings import Settings
from underwriting.store import claims, evaluations, profiles, rulebooks
from underwriting.store.keyfile import keyring
from underwriting.store.kinds import EVALUATIONS
from underwriting.store.models import RulebookKind
from underwriting.store.session import Store

USERS = 200
WARM_UP = 1_000
# Requests a second. They are sent at this pace even if answers are slow.
PACE = 500
# Above any load here: the quota is not measured.
QUOTA = "100000/second"
PATIENCE = 60.0


async def main(requests: int, deferred: int) -> None:
    """Measure and print the figures."""
    async with running(api_quota=QUOTA) as services:
        token = issue_token(services.settings, SANDBOX_TENANT, "benchmark", SCOPES)
        waited, judged = await decisions(services, token, deferred)
        figures = {"postgresql": await at_once(services.settings, services.servers[-1].pid, token, judged, requests)}
        async with on_sqlite(services) as (settings, pid):
            figures["sqlite"] = await at_once(settings, pid, token, judged, requests)
    report(
        {
            "benchmark": "eligibility",
            **{f"{store}_{name}": value for store, found in figures.items() for name, value in found.items()},
            "requests": requests,
            "deferred_p50_s": round(median(waited), 3),
            "deferred_p95_s": round(percentile(waited, 0.95), 3),
            "deferred_runs": deferred,
        }
    )


async def decisions(services: Services, token: str, count: int) -> tuple[list[float], Eligibility]:
    """Seconds from the request to the stored evaluation, one user at a time; and the result of the last one."""
    dsn = services.settings.database_url.replace("+asyncpg", "")
    headers, taken = {"Authorization": f"Bearer {token}"}, []
    async with (
        httpx.AsyncClient(base_url=services.settings.api_url, headers=headers, timeout=60) as http,
        asyncpg.create_pool(dsn, min_size=1, max_size=2) as store,
    ):
        for number in range(-3, count):
            began = time.perf_counter()
            answer = await http.get(f"/v1/steady-pay-{number + 3:05}/underwriting/float_check")
            answer.raise_for_status()
            evaluation_id = answer.json()["id"]
            async with asyncio.timeout(PATIENCE):
                while not await store.fetchval("SELECT 1 FROM eligibilities WHERE evaluation_id = $1", evaluation_id):
                    await asyncio.sleep(POLL_SECONDS)
            if number >= 0:
                taken.append(time.perf_counter() - began)
            await asyncio.sleep(0.3 * (number % 4) / 4)  # Do not fall into step with the worker's polling.
    async with Store.open(services.settings.database_url, keyring(services.settings)) as opened, opened.read() as work:
        judged = await evaluations.judged(work, None, evaluation_id)
    print(f"deferred: p50 {median(taken):.3f} s, p95 {percentile(taken, 0.95):.3f} s over {count}")
    return taken, judged.eligibility


async def at_once(settings: Settings, pid: int, token: str, judged: Eligibility, requests: int) -> dict[str, Any]:
    """Latency at a steady pace, the most requests a second, and the memory of the API's process before and after."""
    async with Store.open(settings.database_url, keyring(settings)) as store:
        await fill(store, judged)
    process = psutil.Process(pid)
    await load(settings, token, WARM_UP, PACE)
    before, spent = process.memory_info().rss, cpu_seconds(process)
    paced = await load(settings, token, requests, PACE)
    hasty = await load(settings, token, requests, 0)
    after, spent = process.memory_info().rss, cpu_seconds(process) - spent
    figures = {
        "p50_ms": round(1000 * paced["p50_s"], 2),
        "p99_ms": round(1000 * paced["p99_s"], 2),
        "paced_requests_per_s": round(paced["requests_per_s"]),
        "requests_per_s": round(hasty["requests_per_s"]),
        # The measure that other work on the machine affects least.
        "cpu_ms_per_request": round(1000 * spent / (2 * requests), 2),
        "memory_before_mb": round(before / 2**20, 1),
        "memory_after_mb": round(after / 2**20, 1),
    }
    print(f"at once, {settings.database_url.partition('+')[0]}: {figures}")
    return figures


def cpu_seconds(process: psutil.Process) -> float:
    """Processor time that a process has used."""
    times = process.cpu_times()
    return float(times.user + times.system)


async def fill(store: Store, judged: Eligibility) -> None:
    """Store a fresh evaluation for every user: the result of a real one, stored as the flow does it."""
    now = datetime.now(UTC)
    async with store.read() as work:
        current = await rulebooks.current_set(work, RulebookKind.ELIGIBILITY, Product.FLOAT, now.date())
    digest = digest_of(current, shipped_policies()[Settings().limit_policy])
    for number in range(USERS):
        user_id = f"user-{number}"
        async with store.begin() as work:
            accepted = await evaluations.accept(work, SANDBOX_TENANT, user_id, Product.FLOAT, None, None, now)
            profile = await profiles.on_first_contact(work, SANDBOX_TENANT, user_id, now, CURRENCY, TIERS)
            lease = timedelta(minutes=1)
            claim = await claims.claim(work, EVALUATIONS, accepted.stored.subject.id, "benchmark", lease, 5)
        if claim is None:
            raise RuntimeError(f"{accepted.stored.subject.id} is somebody else's")
        result = judged.model_copy(update={"profile_version": profile.version, "decided_at": now})
        async with store.begin() as work:
            await evaluations.finish(work, claim, result, digest, ())


async def load(settings: Settings, token: str, requests: int, pace: int) -> dict[str, float]:
    """The figures of `benchmarks.load`, which runs in a process of its own."""
    paths = [f"/v1/user-{number}/underwriting/eligibility?product=float" for number in range(USERS)]
    job = {"port": settings.api_port, "token": token, "paths": paths, "requests": requests, "pace": pace}
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "benchmarks.load", stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE
    )
    output, _ = await process.communicate(json.dumps(job).encode())
    if process.returncode:
        raise RuntimeError(f"the load process ended with {process.returncode}")
    measured: dict[str, float] = json.loads(output)
    return measured


@asynccontextmanager
async def on_sqlite(services: Services) -> AsyncIterator[tuple[Settings, int]]:
    """Another API on a SQLite store of its own, beside the same Prefect server; its settings and process id."""
    with TemporaryDirectory(prefix="bench-sqlite-") as folder:
        file, port = Path(folder) / "store.db", free_port()
        file.touch()
        settings = services.settings.model_copy(
            update={"database_url": f"sqlite+aiosqlite:///{file}", "api_port": port}
        )
        await prepare(settings)
        child = Child(
            "api on sqlite",
            api_command(port),
            services.logs / "api-sqlite.log",
            {
                **services.environment,
                "UNDERWRITING_DATABASE_URL": settings.database_url,
            },
        )
        child.start()
        try:
            async with httpx.AsyncClient() as client:
                await child.ready(lambda: healthy(client, f"{settings.api_url}/health"), PATIENCE)
            yield settings, child.pid
        finally:
            await child.stop(10)


def api_command(port: int) -> Sequence[str]:
    """The API, as the embedded services start it."""
    factory = ["-m", "uvicorn", "--factory", "underwriting.api.app:create_app"]
    return [sys.executable, *factory, "--port", str(port), "--log-level", "warning", "--no-access-log"]


async def healthy(client: httpx.AsyncClient, url: str) -> bool:
    """Whether the API answers."""
    try:
        return (await client.get(url)).is_success
    except httpx.TransportError:
        return False


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--requests", type=int, default=20_000, help="immediate answers, for each store and pace")
    parser.add_argument("--deferred", type=int, default=30, help="evaluations through the warm worker")
    chosen = parser.parse_args()
    asyncio.run(main(chosen.requests, chosen.deferred))
