"""The embedded services: PostgreSQL, Prefect, the sandbox, the API and warm workers, as children of this process."""

import asyncio
import logging
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import datetime
from pathlib import Path
from typing import NoReturn

import httpx

from underwriting.local.child import Child
from underwriting.local.environment import child_environment, embedded_settings, postgres_folder
from underwriting.local.ownership import claim_port, locked
from underwriting.local.postgres import Postgres
from underwriting.settings import Settings

# Importing Prefect and migrating a new database take a slow machine a while.
READY_SECONDS = 180.0
STOP_SECONDS = 15.0
# A worker lets its runs end first; see underwriting.worker.
WORKER_STOP_SECONDS = 20.0
WATCH_SECONDS = 0.25
# A worker that keeps dying is restarted ever more slowly; a death this long ago is forgotten.
RESTART_SECONDS = (0.0, 1.0, 5.0, 30.0)
STEADY_SECONDS = 60.0
# Clients keep connections open between their calls; closing them early means reconnecting.
KEEP_ALIVE_SECONDS = 75

log = logging.getLogger(__name__)

Prepare = Callable[[Settings], Awaitable[None]]
# Is told what starts, as it starts.
Tell = Callable[[str], None]


def _silent(_: str) -> None:
    """Tell nobody."""


class Services:
    """The embedded services of one state directory. `settings` are complete, as the children see them."""

    def __init__(self, settings: Settings) -> None:
        self.settings = embedded_settings(settings)
        self.environment = child_environment(self.settings)
        self.logs = self.settings.state_dir / "logs"
        self.postgres = Postgres(postgres_folder(settings), self.logs / "postgres.log")
        self.servers: list[Child] = []
        self.workers: list[Child] = []
        self.housekeeping: Child | None = None

    async def start(
        self, prefect_file: Path | None, prepare: Prepare | None, tell: Tell, *, sandbox: bool, api: bool, workers: int
    ) -> None:
        """Start everything, and as much as possible at the same time: most of it is imports."""
        settings = self.settings
        tell("PostgreSQL")
        await self.postgres.start()
        tell(f"Prefect, at {settings.prefect_url}")
        prefect = self._serve("prefect", "underwriting.local.prefect_server:create_app")
        ready = {prefect: f"{settings.prefect_url}/api/ready"}
        deployment = None
        if prefect_file:
            tell(f"{'a worker, and ' if workers else ''}the deployments of {prefect_file}")
            deployment = self._launch_deployment(prefect_file, works=workers > 0)
        if sandbox:
            tell(f"the sandbox, which simulates the outside services, at {settings.sandbox_url}")
            ready[self._serve("sandbox", "underwriting.playground.sandbox.app:create_app")] = (
                f"{settings.sandbox_url}/_control"
            )
        if prepare is not None:
            tell("the store: its tables, rulebooks and lists")
            await prepare(settings)
        if api:
            tell(f"the API, at {settings.api_url}")
            ready[self._serve("api", "underwriting.api.app:create_app")] = f"{settings.api_url}/health"
        tell("waiting until they answer")
        for server, url in ready.items():
            await _until_ok(server, url)
        if api and settings.events_queue_url:
            tell("the consumer of events")
            self._consume()
        if prefect_file is not None and prepare is not None:
            tell("the housekeeping")
            self.housekeeping = self._child("housekeeping", ["-m", "underwriting.housekeeping"])
        if deployment is not None:
            tell("waiting for the deployments and the worker")
            await self._until_deployed(deployment)
        await asyncio.gather(*(self.start_worker() for _ in range(workers - len(self.workers))))

    @property
    def working(self) -> list[Child]:
        """The processes that are started again where they die: the workers, the housekeeping and the API."""
        others = [self.housekeeping, *(server for server in self.servers if server.name == "api")]
        return [*self.workers, *(child for child in others if child is not None)]

    async def start_worker(self, name: str | None = None) -> Child:
        """Start one more warm worker and wait until it polls for work; its flows are imported by then."""
        name = name or f"warm-{len(self.workers) + 1}"
        command = ["-m", "underwriting.worker", "--pool", self.settings.work_pool, "--name", name]
        worker = self._child(name, command)
        self.workers.append(worker)
        await self.until_online(worker)
        return worker

    async def until_online(self, worker: Child) -> None:
        """Wait until Prefect knows a worker that was started; ServiceFailed where it ends first."""
        url = f"{self.settings.prefect_url}/api/work_pools/{self.settings.work_pool}/workers/filter"

        async def online(client: httpx.AsyncClient) -> bool:
            answer = await client.post(url, json={})
            # A worker that died is shown as online for a while.
            return answer.is_success and any(_is_online(worker, found) for found in answer.json())

        await _until(worker, online)

    async def watch(self) -> NoReturn:
        """Restart what may die, for ever; ServiceFailed when anything else ends by itself."""
        deaths: dict[str, list[float]] = {}
        while True:
            for server in self.servers:
                if server not in self.working and not server.running:
                    raise server.failure("ended by itself")
            if not self.postgres.running:
                raise self.postgres.failure("ended by itself")
            for child in self.working:
                if not child.running:
                    _restart(child, deaths.setdefault(child.name, []))
            for child in (*self.servers, *self.working):
                child.rotate_log()
            await asyncio.sleep(WATCH_SECONDS)

    async def stop(self) -> None:
        """End everything, those who need the others first."""
        await asyncio.gather(*(child.stop(WORKER_STOP_SECONDS) for child in self.working))
        for server in reversed(self.servers):
            await server.stop(STOP_SECONDS)
        await self.postgres.stop()

    def _serve(self, name: str, factory: str) -> Child:
        port: int = getattr(self.settings, f"{name}_port")
        command = ["-m", "uvicorn", "--factory", factory, "--host", self.settings.host, "--port", str(port)]
        command += ["--log-level", "warning", "--no-access-log"]
        command += ["--timeout-keep-alive", str(KEEP_ALIVE_SECONDS), "--timeout-graceful-shutdown", "5"]
        server = self._child(name, command)
        self.servers.append(server)
        return server

    def _consume(self) -> None:
        """Take events off the queue of the settings; it watches itself, so one that ends has a wrong setting."""
        consumer = self._child("consumer", ["-m", "underwriting.consumer"])
        self.servers.append(consumer)

    def _launch_deployment(self, prefect_file: Path, *, works: bool) -> Child:
        """Deploy as soon as Prefect answers. Where workers are wanted, the process goes on as the first of them."""
        command = ["-m", "underwriting.local.deploy_and_work", str(prefect_file.absolute())]
        if not works:
            return self._child("deploy", command)
        worker = self._child("warm-1", [*command, "warm-1"])
        self.workers.append(worker)
        return worker

    async def _until_deployed(self, deployment: Child) -> None:
        if deployment in self.workers:
            await self.until_online(deployment)
        else:
            await deployment.succeed(READY_SECONDS)

    def _child(self, name: str, arguments: list[str]) -> Child:
        child = Child(name, [sys.executable, *arguments], self.logs / f"{name}.log", self.environment)
        child.start()
        return child


def _restart(child: Child, deaths: list[float]) -> None:
    """Start a dead process again, unless it died so often of late that it has to wait."""
    now = time.monotonic()
    deaths[:] = [death for death in deaths if now - death < STEADY_SECONDS]
    wait = RESTART_SECONDS[min(len(deaths), len(RESTART_SECONDS) - 1)]
    if not deaths or now - deaths[-1] >= wait:
        deaths.append(now)
        ended = f"ended with exit code {child.exit_code} and is started again"
        child.note(ended)
        log.warning("%s %s", child.name, ended)
        child.start()


def _is_online(worker: Child, found: dict[str, str]) -> bool:
    heartbeat = datetime.fromisoformat(found["last_heartbeat_time"])
    return found["name"] == worker.name and worker.started is not None and heartbeat > worker.started


async def _until_ok(server: Child, url: str) -> None:
    async def says_ok(client: httpx.AsyncClient) -> bool:
        return (await client.get(url)).is_success

    await _until(server, says_ok)


async def _until(child: Child, probe: Callable[[httpx.AsyncClient], Awaitable[bool]]) -> None:
    """Wait for a child's good answer, by one client for all probes: loading certificates takes longer than a probe."""
    async with httpx.AsyncClient(timeout=5, verify=False, trust_env=False) as client:  # noqa: S501 - plain HTTP

        async def answers() -> bool:
            try:
                return await probe(client)
            except httpx.TransportError:
                return False

        await child.ready(answers, READY_SECONDS)


@asynccontextmanager
async def embedded(
    settings: Settings,
    *,
    prefect_file: Path | None = None,
    prepare: Prepare | None = None,
    tell: Tell = _silent,
    sandbox: bool = True,
    api: bool = True,
    workers: int = 1,
) -> AsyncIterator[Services]:
    """The running services of `settings.state_dir`; all of them have ended when the block ends.

    `prefect_file` is deployed once Prefect answers; `prepare` runs as soon as the database does, to migrate and fill
    the store; `tell` is told what starts. AlreadyRunning, PortTaken or ServiceFailed say why not.
    """
    with locked(settings.state_dir) as after_a_kill:
        ports = {"prefect": True, "sandbox": sandbox, "api": api}
        for name in (name for name, wanted in ports.items() if wanted):
            await claim_port(settings, name, patient=after_a_kill)
        services = Services(settings)
        try:
            await services.start(prefect_file, prepare, tell, sandbox=sandbox, api=api, workers=workers)
            yield services
        finally:
            await services.stop()
