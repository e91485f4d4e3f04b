"""How long one tenant's checks take while another tenant sends thousands: against the idle system, in one run.

`python -m benchmarks.fairness [--requests 10000] [--checks 40]`
"""

import argparse
import asyncio
import time
from collections import Counter
from itertools import count

import asyncpg
import httpx

from benchmarks.rig import POLL_SECONDS, median, percentile, report, running
from underwriting.cli.tokens import SCOPES
from underwriting.local import SANDBOX_TENANT, Services, issue_token

BUSY = "busy"
# Connections of the busy tenant; each sends its next request as soon as the one before it is answered.
CONNECTIONS = 16


class Tenant:
    """Asks for checks of users of its own over HTTP."""

    def __init__(self, services: Services, name: str) -> None:
        token = issue_token(services.settings, name, "benchmark", SCOPES)
        self.http = httpx.AsyncClient(
            base_url=services.settings.api_url, headers={"Authorization": f"Bearer {token}"}, timeout=60
        )
        self._users = count()

    async def ask(self) -> httpx.Response:
        """A check of a user whom it has not asked about before."""
        return await self.http.get(f"/v1/steady-pay-{next(self._users):05}/underwriting/float_check")

    async def seconds_to_decision(self, store: asyncpg.Pool) -> float:
        """Seconds from sending the request to the evaluation in the store."""
        began = time.perf_counter()
        answer = (await self.ask()).raise_for_status()
        while not await store.fetchval("SELECT 1 FROM eligibilities WHERE evaluation_id = $1", answer.json()["id"]):
            await asyncio.sleep(POLL_SECONDS)
        return time.perf_counter() - began


async def send_all(tenant: Tenant, requests: int) -> Counter[int]:
    """Send so many requests over a few connections; the statuses of the answers."""
    statuses: Counter[int] = Counter()
    numbers = iter(range(requests))

    async def connection() -> None:
        for _ in numbers:
            statuses[(await tenant.ask()).status_code] += 1

    await asyncio.gather(*(connection() for _ in range(CONNECTIONS)))
    return statuses


async def main(requests: int, checks: int) -> None:
    """Measure the quiet tenant alone, then beside the busy one, and print the figures."""
    async with running() as services:
        quiet, busy = Tenant(services, SANDBOX_TENANT), Tenant(services, BUSY)
        dsn = services.settings.database_url.replace("+asyncpg", "")
        async with quiet.http, busy.http, asyncpg.create_pool(dsn, min_size=1, max_size=4) as store:
            await quiet.seconds_to_decision(store)
            alone = [await quiet.seconds_to_decision(store) for _ in range(checks)]
            print(f"alone: p50 {median(alone):.2f} s, p95 {percentile(alone, 0.95):.2f} s", flush=True)
            began = time.perf_counter()
            sending = asyncio.create_task(send_all(busy, requests))
            beside = list[float]()
            while len(beside) < checks or not sending.done():
                beside.append(await quiet.seconds_to_decision(store))
            statuses, seconds = await sending, time.perf_counter() - began
            decided = await store.fetchval(
                "SELECT count(*) FROM evaluations WHERE tenant = $1 AND state = 'done'", BUSY
            )
            waiting = await store.fetchval(
                "SELECT count(*) FROM evaluations WHERE tenant = $1 AND state IN ('pending', 'running')", BUSY
            )
    idle, loaded = percentile(alone, 0.95), percentile(beside, 0.95)
    report(
        {
            "benchmark": "fairness",
            "requests": requests,
            "statuses": dict(statuses),
            "checks": {"alone": len(alone), "beside": len(beside)},
            "alone_p50_s": round(median(alone), 3),
            "alone_p95_s": round(idle, 3),
            "beside_p50_s": round(median(beside), 3),
            "beside_p95_s": round(loaded, 3),
            "ratio_p95": round(loaded / idle, 2),
            "busy_decided": decided,
            "busy_waiting": waiting,
            "busy_decided_per_s": round(decided / seconds, 2),
        }
    )


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--requests", type=int, default=10_000)
    parser.add_argument("--checks", type=int, default=40)
    chosen = parser.parse_args()
    asyncio.run(main(chosen.requests, chosen.checks))
