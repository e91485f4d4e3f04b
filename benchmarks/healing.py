"""How long housekeeping, events and checks wait while 500 applications are queued, and what an idle system costs.

`python -m benchmarks.healing [--applications 500] [--latency 3.0] [--loaded 300] [--idle 180]`
"""

import argparse
import asyncio
import time
from collections import defaultdict
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import Any
from uuid import uuid4

import asyncpg
import httpx
from prefect.client.orchestration import PrefectClient
from prefect.client.schemas.filters import FlowRunFilter, FlowRunFilterExpectedStartTime
from prefect.server.schemas.schedules import CronSchedule, IntervalSchedule

from benchmarks.rig import POLL_SECONDS, Applicants, cpu_seconds, report, running
from underwriting.cli.tokens import SCOPES
from underwriting.housekeeping import DUTIES
from underwriting.local import SANDBOX_TENANT, Services, free_port, issue_token

# Seconds between two events, and between two checks of a user, that are sent while the applications wait.
PACE = 5.0
ACCEPTED_AT_ONCE = 32


class DoneDuties(asyncio.DatagramProtocol):
    """Stands in for Datadog's agent: notes when each duty of the housekeeping was done."""

    def __init__(self) -> None:
        self.times: dict[str, list[float]] = defaultdict(list)

    def datagram_received(self, data: bytes, addr: object) -> None:
        """Keep the moment of each duty that a packet names."""
        for line in data.decode().splitlines():
            if line.startswith("underwriting.housekeeping:") and "outcome:done" in line:
                self.times[line.partition("duty:")[2].partition(",")[0]].append(time.perf_counter())

    def delays(self, begin: float, end: float) -> dict[str, float]:
        """By how many seconds each duty was late at the most, the ends of the measurement included."""
        longest = {}
        for duty in DUTIES:
            moments = [begin, *(moment for moment in self.times[duty.name] if begin < moment < end), end]
            gap = max(later - earlier for earlier, later in pairwise(moments))
            longest[duty.name] = round(max(gap - duty.seconds, 0.0), 1)
        return longest


@asynccontextmanager
async def listening(port: int) -> AsyncIterator[DoneDuties]:
    """Receives metrics on a port of this machine."""
    loop = asyncio.get_running_loop()
    transport, duties = await loop.create_datagram_endpoint(DoneDuties, local_addr=("127.0.0.1", port))
    yield duties
    transport.close()


class Others:
    """What others send meanwhile: events, and checks of users whom nobody has met."""

    def __init__(self, http: httpx.AsyncClient, store: asyncpg.Pool) -> None:
        self._http, self._store = http, store
        self.events: list[float] = []
        self.checks: list[float] = []

    async def send(self) -> None:
        """One event and one check every few seconds, until cancelled."""
        async with asyncio.TaskGroup() as each:
            for number in range(1_000_000):
                each.create_task(self._event(number))
                each.create_task(self._check(number))
                await asyncio.sleep(PACE)

    async def _event(self, number: int) -> None:
        began, event_id = time.perf_counter(), uuid4().hex
        body = {"source": "bench", "id": event_id, "type": "user_created", "user_id": f"steady-pay-1{number:04}"}
        answer = await self._http.post("/v1/events", json=body | {"at": datetime.now(UTC).isoformat()})
        answer.raise_for_status()
        await self._until("SELECT 1 FROM inbox WHERE event_id = $1 AND state = 'done'", event_id)
        self.events.append(time.perf_counter() - began)

    async def _check(self, number: int) -> None:
        began = time.perf_counter()
        answer = await self._http.get(f"/v1/steady-pay-{number:05}/underwriting/float_check")
        answer.raise_for_status()
        await self._until("SELECT 1 FROM eligibilities WHERE evaluation_id = $1", answer.json()["id"])
        self.checks.append(time.perf_counter() - began)

    async def _until(self, query: str, key: str) -> None:
        while not await self._store.fetchval(query, key):
            await asyncio.sleep(10 * POLL_SECONDS)


async def main(applications: int, latency: float, loaded: float, idle: float) -> None:
    """Measure the idle system, then the loaded one, and print the figures."""
    port = free_port()
    async with listening(port) as duties, running(statsd_host="127.0.0.1", statsd_port=port) as services:
        cost = await idle_cost(services, idle)
        print(f"idle: {cost}", flush=True)
        waits = await waits_under_load(services, duties, applications, latency, loaded)
    report({"benchmark": "healing", "applications": applications, "source_latency_s": latency} | waits | cost)


async def idle_cost(services: Services, seconds: float) -> dict[str, Any]:
    """Flow runs a day of a system that has nothing to do: those that appeared, and those that schedules will start."""
    async with PrefectClient(f"{services.settings.prefect_url}/api") as client:
        began, used = datetime.now(UTC), cpu_seconds(services)
        await asyncio.sleep(seconds)
        used = {name: now - used[name] for name, now in cpu_seconds(services).items()}
        window = FlowRunFilterExpectedStartTime(after_=began, before_=datetime.now(UTC))
        seen = await client.read_flow_runs(flow_run_filter=FlowRunFilter(expected_start_time=window))
        unscheduled = sum(not run.auto_scheduled for run in seen)
        scheduled = await scheduled_in_a_day(client)
    return {
        "idle_flow_runs_a_day": round(unscheduled * 86_400 / seconds) + scheduled,
        "idle_cores": {name: round(spent / seconds, 3) for name, spent in used.items()},
    }


async def scheduled_in_a_day(client: PrefectClient) -> int:
    """How many runs the schedules of all deployments start within 24 hours."""
    now = datetime.now(UTC)
    count = 0
    for deployment in await client.read_deployments():
        for each in deployment.schedules:
            kind = CronSchedule if hasattr(each.schedule, "cron") else IntervalSchedule
            schedule = kind.model_validate(each.schedule.model_dump())
            count += len(await schedule.get_dates(n=100_000, start=now, end=now + timedelta(days=1)))
    return count


async def waits_under_load(
    services: Services, duties: DoneDuties, applications: int, latency: float, seconds: float
) -> dict[str, Any]:
    """The longest waits in so many seconds after the applications were sent, or until all of them are decided."""
    token = issue_token(services.settings, SANDBOX_TENANT, "benchmark", SCOPES)
    dsn = services.settings.database_url.replace("+asyncpg", "")
    async with (
        Applicants.of(services) as applicants,
        httpx.AsyncClient(
            base_url=services.settings.api_url, headers={"Authorization": f"Bearer {token}"}, timeout=60
        ) as http,
        asyncpg.create_pool(dsn, min_size=1, max_size=4) as store,
        httpx.AsyncClient(base_url=services.settings.sandbox_url) as sandbox,
    ):
        await applicants.seconds_to_decision("good")
        (await sandbox.put("/_control", json={"others": {"latency": latency}})).raise_for_status()
        began, others, turn = time.perf_counter(), Others(http, store), asyncio.Semaphore(ACCEPTED_AT_ONCE)

        async def apply(number: int) -> None:
            async with turn:
                await applicants.apply(f"good-{number:05}")

        sending = asyncio.create_task(others.send())
        await asyncio.gather(*map(apply, range(applications)))
        print(f"accepted in {time.perf_counter() - began:.0f} s", flush=True)
        while (decided := await applicants.decided() - 1) < applications and time.perf_counter() - began < seconds:
            await asyncio.sleep(1)
        taken = time.perf_counter() - began
        sending.cancel()
        with suppress(asyncio.CancelledError):
            await sending
    delays = duties.delays(began, began + taken)
    return {
        "decided": decided,
        "seconds": round(taken),
        "longest_delay_s": max(delays.values()),
        "delays_s": delays,
        "longest_event_s": round(max(others.events), 1),
        "longest_check_s": round(max(others.checks), 1),
        "events_and_checks": [len(others.events), len(others.checks)],
    }


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--applications", type=int, default=500)
    parser.add_argument("--latency", type=float, default=3.0, help="seconds before every source's answer")
    parser.add_argument("--loaded", type=float, default=300.0, help="seconds to measure with applications waiting")
    parser.add_argument("--idle", type=float, default=180.0, help="seconds to measure with nothing to do")
    chosen = parser.parse_args()
    asyncio.run(main(chosen.applications, chosen.latency, chosen.loaded, chosen.idle))
