"""Applications reviewed by workers that are killed and stalled, over a database that is pulled away from under them.

Everything is real: the flows on warm workers, the housekeeping, the Prefect server, PostgreSQL, and the sandbox over
HTTP, which loses answers of the bureau and of the results endpoint. Shared by tests/kills and benchmarks/soak.py.
"""

import asyncio
import itertools
import random
import signal
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import partial
from typing import Any, TypeVar

import httpx
from prefect.client.orchestration import get_client
from prefect.client.schemas.filters import FlowRunFilter, FlowRunFilterState, FlowRunFilterStateType
from prefect.client.schemas.objects import StateType
from prefect.settings import PREFECT_API_URL, temporary_settings
from sqlalchemy import text

from tests.support.arena import LEASE, Arena
from tests.support.forked_workers import Worker
from tests.support.reckoning import Reckoning, reckon
from tests.support.reviews import CONSENT
from tests.support.unguarded import drop_unique_keys
from underwriting.api.context import ApiContext
from underwriting.cli.setup import prepare
from underwriting.domain.application import ApplicationRequest
from underwriting.housekeeping import keep_house
from underwriting.local import SANDBOX_TENANT
from underwriting.rulebook_cache import RulebookCache
from underwriting.sources.sources import Sources
from underwriting.store import applications
from underwriting.store.errors import StoreUnreachable
from underwriting.store.keyfile import keyring
from underwriting.store.session import Store
from underwriting.worker.deploy import BUREAU_LIMIT

FAILPOINTS = (
    "after-claim",
    "after-intent",
    "after-pull",
    "before-finish",
    "inside-finish",
    "after-finish",
    "after-post",
)
WORKERS = 2
FAULTS = {
    "others": {"latency": 0.02, "jitter": 0.08},
    "services": {"bureau": {"latency": 0.05, "jitter": 0.1, "lost_rate": 0.1}, "results": {"lost_rate": 0.2}},
}
CUSTOMERS = ("good", "good", "thin-file", "good-company", "underage", "good", "low-score", "late-payer", "dead-source")
UNENDED = [StateType.PENDING, StateType.RUNNING, StateType.CANCELLING]
# Of so many applications one is stored and not dispatched, as if the API had died in between.
FORGOTTEN = 8
# Seconds that a stalled worker waits for its successor: a lease, and a sweep.
TAKEN_OVER_WITHIN = 20.0

# Names of workers, and with them of their logs.
_numbers = itertools.count(1)

T = TypeVar("T")


@dataclass(frozen=True)
class Plan:
    """How much is applied for, and how often what goes wrong."""

    applications: int
    # At random points; before it is killed, a stalled worker sleeps for longer than its lease, and goes on; a restart
    # takes PostgreSQL away from under it.
    kills: int
    stalls: int
    restarts: int
    seed: int
    # Seconds for all of it; more is a failure.
    patience: float
    failpoints: tuple[str, ...] = FAILPOINTS
    guarded: bool = True
    bureau_idempotent: bool = True

    def mishaps(self, dice: random.Random) -> list[str]:
        """What befalls one worker after the other: a failpoint's name, or `kill`, `stall` or `restart`."""
        mishaps = ["stall"] * self.stalls + ["restart"] * self.restarts
        mishaps += ["kill"] * (self.kills - len(mishaps))
        mishaps += self.failpoints
        dice.shuffle(mishaps)
        return mishaps


class Overdue(AssertionError):
    """The deadline was reached; the message says what was still open."""


async def endure(arena: Arena, plan: Plan) -> Reckoning:
    """Carry out the plan on a fresh store, wait until nothing is owed any more, and look at what came of it."""
    url = await arena.new_database()
    changes = {"database_url": url, "bureau_idempotent": plan.bureau_idempotent}
    config = arena.services.settings.model_copy(update=changes)
    await prepare(config)
    with temporary_settings({PREFECT_API_URL: f"{config.prefect_url}/api"}):
        async with (
            Store.open(url, keyring(config)) as store,
            httpx.AsyncClient(base_url=config.sandbox_url) as sandbox,
            get_client() as prefect,
            Sources(config) as sources,
        ):
            control = {**FAULTS, "seed": plan.seed, "bureau_idempotent": plan.bureau_idempotent}
            (await sandbox.put("/_control", json=control)).raise_for_status()
            (await sandbox.delete("/_control/ledger")).raise_for_status()
            # A killed worker's slot at the bureau is free again after a minute; there is none to wait for here.
            await prefect.upsert_global_concurrency_limit_by_name(BUREAU_LIMIT, 1_000)
            if not plan.guarded:
                await drop_unique_keys(store)
            context = ApiContext(config, store, RulebookCache(store, config), prefect, sources)
            ordeal = Ordeal(plan, arena, context, sandbox)
            await ordeal.run()
            return await reckon(store, sandbox, ordeal.figures())


@dataclass
class Ordeal:
    """One plan as it is carried out."""

    plan: Plan
    arena: Arena
    context: ApiContext
    sandbox: httpx.AsyncClient
    began: float = field(default_factory=time.monotonic)
    happened: list[str] = field(default_factory=list)
    # Workers that ended by themselves: those that start while PostgreSQL is away do.
    gave_up: int = 0
    decided_after: float = 0.0
    settled_after: float = 0.0

    def __post_init__(self) -> None:
        self._dice = random.Random(self.plan.seed)
        self._mishaps = self.plan.mishaps(self._dice)
        self._total = len(self._mishaps)
        self._settled = asyncio.Event()
        self._applied = 0

    async def run(self) -> None:
        """Everything, within the deadline."""
        try:
            async with asyncio.timeout(self.plan.patience), asyncio.TaskGroup() as group:
                hurry = group.create_task(self._hurry_the_outbox())
                housekeeping = group.create_task(keep_house(self.context.config))
                lives = [group.create_task(self._lives()) for _ in range(WORKERS)]
                await (self._settle() if self.plan.guarded else self._double())
                self._settled.set()
                for task in (hurry, housekeeping, *(() if self.plan.guarded else lives)):
                    task.cancel()
        except TimeoutError:
            raise Overdue(f"not done within {self.plan.patience:.0f} s: {await self._open()}") from None

    def figures(self) -> dict[str, object]:
        """What was done, and how long it took."""
        at_failpoints = sum(name in self.plan.failpoints for name in self.happened)
        return {
            "applications": self._applied,
            "killed_at_random": len(self.happened) - at_failpoints,
            "killed_at_failpoints": at_failpoints,
            "stalls": self.happened.count("stall"),
            "postgres_restarts": self.happened.count("restart"),
            "workers_gave_up": self.gave_up,
            "decided_s": round(self.decided_after, 1),
            "settled_s": round(self.settled_after, 1),
        }

    async def _lives(self) -> None:
        """One worker after the other, each with its mishap; the last one works to the end."""
        while self._mishaps:
            mishap = self._mishaps.pop()
            # Work for as long as there are mishaps: with every one of them comes its share of the applications.
            await self._apply_up_to(self.plan.applications * (self._total - len(self._mishaps)) // self._total)
            while not await self._die(mishap):
                self.gave_up += 1
            self.happened.append(mishap)
        await self._apply_up_to(self.plan.applications)
        while not await self._live():
            self.gave_up += 1

    async def _die(self, mishap: str) -> bool:
        """Whether a worker died of its mishap; one that ends by itself is started again, as its supervisor would."""
        worker = await self._worker(mishap if mishap in self.plan.failpoints else "")
        try:
            await self._befall(worker, mishap)
        finally:
            worker.send(signal.SIGKILL)
        return worker.ended.result() == -signal.SIGKILL

    async def _live(self) -> bool:
        """Whether a worker worked until all was settled, and ended in order when asked to."""
        worker = await self._worker()
        either: list[asyncio.Future[Any]] = [asyncio.create_task(self._settled.wait()), worker.ended]
        try:
            await asyncio.wait(either, return_when=asyncio.FIRST_COMPLETED)
            worker.send(signal.SIGTERM)
            await worker.ended
        finally:
            worker.send(signal.SIGKILL)
        return self._settled.is_set()

    async def _worker(self, failpoint: str = "") -> Worker:
        name = f"forked-{next(_numbers)}{failpoint and f'-{failpoint}'}"
        environment = {
            "UNDERWRITING_DATABASE_URL": self.context.config.database_url,
            "UNDERWRITING_BUREAU_IDEMPOTENT": str(self.plan.bureau_idempotent),
            "UNDERWRITING_FAILPOINT": failpoint,
        }
        return await self.arena.nursery.start(name, environment, guarded=self.plan.guarded)

    async def _befall(self, worker: Worker, mishap: str) -> None:
        if mishap in self.plan.failpoints:
            while not worker.ended.done():
                await self._give_work()
                await asyncio.sleep(0.05)
        else:
            while not (worker.works or worker.ended.done()):
                await self._give_work()
                await asyncio.sleep(0.05)
            await asyncio.sleep(self._dice.uniform(0.0, 2.0))
            if mishap == "stall":
                await self._stall(worker)
            elif mishap == "restart":
                await self.arena.services.postgres.restart(immediately=True)
            await worker.kill()

    async def _stall(self, worker: Worker) -> None:
        """Stop a worker until another one took over something, then let it go on: it does not know of it yet."""
        worker.send(signal.SIGSTOP)
        before = await self._fences()
        end = time.monotonic() + TAKEN_OVER_WITHIN
        while time.monotonic() < end and not any(
            fence > before.get(id_, fence) for id_, fence in (await self._fences()).items()
        ):
            await asyncio.sleep(0.1)
        worker.send(signal.SIGCONT)
        await asyncio.sleep(LEASE)

    async def _fences(self) -> dict[str, int]:
        async def fences() -> dict[str, int]:
            async with self.context.store.read() as work:
                running = "SELECT id, fence FROM applications WHERE state = 'running'"
                return {row.id: row.fence for row in await work.execute(text(running))}

        return await _patiently(fences)

    async def _give_work(self) -> None:
        """Apply once more where nothing is owed: no mishap is to happen in idleness."""
        if not await self._count("state IN ('pending', 'running')"):
            await self._apply_up_to(self._applied + 1)

    async def _apply_up_to(self, count: int) -> None:
        while self._applied < count:
            number, self._applied = self._applied, self._applied + 1
            await _patiently(partial(self._apply, number))

    async def _apply(self, number: int) -> None:
        """Store an application and dispatch it, as the API does."""
        customer = f"{CUSTOMERS[number % len(CUSTOMERS)]}-{number:05}"
        request = ApplicationRequest.model_validate(
            {"customer_id": customer, "amount": "2500.00", "currency": "USD", "bureau_consent": CONSENT}
        )
        async with self.context.store.begin() as work:
            key = f"{self.plan.seed}-{self.began}-{number}"
            accepted = await applications.accept(work, SANDBOX_TENANT, request, key, datetime.now(UTC))
        if number % FORGOTTEN:
            await self.context.dispatch(accepted.stored.subject)

    async def _hurry_the_outbox(self) -> None:
        """A minute of the outbox's waits passes every second; its tries are minutes apart."""
        passing = "UPDATE outbox SET due_at = due_at - interval '60 s', lease_until = lease_until - interval '20 s'"

        async def pass_time() -> None:
            async with self.context.store.begin() as work:
                await work.execute(text(f"{passing} WHERE state = 'pending'"))

        while True:
            await asyncio.sleep(1.0)
            await _patiently(pass_time)

    async def _settle(self) -> None:
        """Wait until all is decided and posted, and every run that was under way then has ended in Prefect."""
        while len(self.happened) < self._total or await self._count("state IN ('pending', 'running')"):
            await asyncio.sleep(0.25)
        self.decided_after = time.monotonic() - self.began
        while await self._count("state = 'pending'", "outbox"):
            await asyncio.sleep(0.25)
        under_way = await self._unended()
        while under_way & await self._unended():
            await asyncio.sleep(0.5)
        self.settled_after = time.monotonic() - self.began

    async def _double(self) -> None:
        """Wait for the first thing done twice: more is not asked of the control."""
        while not (account := await _patiently(self._reckon)).doubled_pulls and not account.doubled_decisions:
            await asyncio.sleep(0.5)

    async def _reckon(self) -> Reckoning:
        return await reckon(self.context.store, self.sandbox, self.figures())

    async def _unended(self) -> set[str]:
        """Runs that Prefect's UI shows as under way."""
        states = FlowRunFilter(state=FlowRunFilterState(type=FlowRunFilterStateType(any_=UNENDED)))
        runs = await self.context.prefect.read_flow_runs(flow_run_filter=states, limit=200)
        return {f"{run.name} {run.state_name} {run.deployment_id} {run.id}" for run in runs}

    async def _open(self) -> str:
        owed, unsent = (
            await self._count("state IN ('pending', 'running')"),
            await self._count("state = 'pending'", "outbox"),
        )
        runs = sorted(await self._unended())
        return (
            f"{len(self._mishaps)} mishaps to come, {owed} undecided, {unsent} not posted, under way in Prefect: {runs}"
        )

    async def _count(self, condition: str, table: str = "applications") -> int:
        async def count() -> int:
            async with self.context.store.read() as work:
                return int(await work.scalar(text(f"SELECT count(*) FROM {table} WHERE {condition}")) or 0)

        return await _patiently(count)


async def _patiently(work: Callable[[], Awaitable[T]]) -> T:
    """Again and again while the database is away."""
    while True:
        try:
            return await work()
        except StoreUnreachable:
            await asyncio.sleep(0.1)
