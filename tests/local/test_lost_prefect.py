"""The runbook of a lost Prefect database: an empty server, and the store says what has to be done."""

import asyncio
import shutil
import tempfile
from collections.abc import Awaitable, Callable
from contextlib import AbstractAsyncContextManager
from datetime import UTC, datetime
from pathlib import Path

import asyncpg
import httpx
import pytest
from support.limit_histories import cut_limit_run, written
from support.reviews import CONSENT, rows

from underwriting.cli.setup import prepare
from underwriting.domain.application import ApplicationRequest, Product
from underwriting.local import Postgres, Services, embedded, free_port
from underwriting.local.environment import postgres_folder
from underwriting.local.postgres import PREFECT_DATABASE
from underwriting.settings import Settings
from underwriting.store import applications, evaluations
from underwriting.store.keyfile import keyring
from underwriting.store.limits import runs as limit_runs
from underwriting.store.models import ApplicationRow, EvaluationRow
from underwriting.store.session import Store

PREFECT_FILE = Path(__file__).parents[2] / "prefect.yaml"
LONG_AGO = datetime(2026, 3, 2, 9, 30, tzinfo=UTC)


def opened(services: Services) -> AbstractAsyncContextManager[Store]:
    return Store.open(services.settings.database_url, keyring(services.settings))


async def until(holds: Callable[[], Awaitable[bool]], seconds: float = 240) -> None:
    async with asyncio.timeout(seconds):
        while not await holds():
            await asyncio.sleep(0.2)


async def accept(store: Store) -> tuple[str, str]:
    """An application and an evaluation, as the API stores them."""
    fields = {"customer_id": "good", "amount": "2500.00", "currency": "USD", "bureau_consent": CONSENT}
    request = ApplicationRequest.model_validate({**fields, "as_of": "2026-06-30"})
    async with store.begin() as work:
        application = await applications.accept(work, "sandbox", request, "key", LONG_AGO)
        evaluation = await evaluations.accept(
            work, "sandbox", "steady-pay", Product.FLOAT, None, None, datetime.now(UTC), callback=None
        )
    return application.stored.subject.id, evaluation.stored.subject.id


async def flow_run_ids(store: Store) -> list[str | None]:
    async with store.read() as work:
        found = [await work.scalar(ApplicationRow.__table__.select().with_only_columns(ApplicationRow.flow_run_id))]
        found.append(await work.scalar(EvaluationRow.__table__.select().with_only_columns(EvaluationRow.flow_run_id)))
    return found


async def lose_prefect(config: Settings) -> None:
    """Drop the database of Prefect's server, and nothing else."""
    server = Postgres(postgres_folder(config), config.state_dir / "logs" / "postgres.log")
    await server.start()
    connection = await asyncpg.connect(server.url("postgres").replace("+asyncpg", ""))
    await connection.execute(f'DROP DATABASE "{PREFECT_DATABASE}" WITH (FORCE)')
    await connection.close()
    await server.stop()


async def known_runs(services: Services, ids: list[str | None]) -> int:
    async with httpx.AsyncClient(base_url=f"{services.settings.prefect_url}/api") as client:
        answers = [await client.get(f"/flow_runs/{each}") for each in ids]
    return sum(answer.is_success for answer in answers)


@pytest.mark.timeout(900)
async def test_an_empty_prefect_server_goes_on_with_what_the_store_says() -> None:
    folder = Path(tempfile.mkdtemp(prefix="lost-"))
    try:
        history = written(folder / "history", users=60, personas=0.0)
        ports = {f"{name}_port": free_port() for name in ("prefect", "sandbox", "api")}
        config = Settings.model_validate({"state_dir": folder / "state", "lease_seconds": 5, **ports})
        async with (
            embedded(config, prefect_file=PREFECT_FILE, prepare=prepare, api=False, workers=0) as services,
            opened(services) as store,
        ):
            application_id, evaluation_id = await accept(store)

            async def dispatched() -> bool:
                return None not in await flow_run_ids(store)

            await until(dispatched)
            before = await flow_run_ids(store)
            assert await known_runs(services, before) == 2
            await cut_limit_run(history, services.environment)
        await lose_prefect(config)
        async with embedded(config, prefect_file=PREFECT_FILE, prepare=prepare, api=False, workers=1) as services:
            assert await known_runs(services, before) == 0
            async with opened(services) as store:

                async def all_done() -> bool:
                    async with store.read() as work:
                        decided = await applications.get(work, None, application_id)
                        evaluated = await evaluations.get(work, None, evaluation_id)
                        (run,) = await limit_runs.newest(work, "sandbox")
                    states = (decided.state, evaluated.state, run.state)
                    return states[:2] == ("done", "done") and run.state in ("applied", "held")

                await until(all_done, 400)
                assert await rows(store, "decisions") == await rows(store, "eligibilities") == 1
                assert await rows(store, "limit_runs") == 1
    finally:
        shutil.rmtree(folder, ignore_errors=True)
