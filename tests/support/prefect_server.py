"""A real Prefect server for a session's tests, as `make up` starts it."""

import asyncio
import gc
import os
import shutil
import tempfile
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from prefect.client.orchestration import get_client
from prefect.client.schemas.actions import GlobalConcurrencyLimitCreate
from prefect.events.worker import EventsWorker
from prefect.logging.handlers import APILogWorker
from prefect.settings import PREFECT_API_SSL_CERT_FILE, PREFECT_API_URL, temporary_settings
from support.databases import run

from underwriting.local import Services, embedded, free_port
from underwriting.settings import Settings
from underwriting.worker.deploy import BUREAU_LIMIT


@contextmanager
def embedded_services() -> Iterator[Services]:
    """PostgreSQL, the Prefect server and the sandbox, on ports and in a folder of their own."""
    # A short path, and not pytest's folder: where root runs the tests, the database's user has to reach it.
    folder = Path(tempfile.mkdtemp(prefix="services-"))
    ports = {f"{name}_port": free_port() for name in ("prefect", "sandbox", "api")}
    config = Settings.model_validate({"state_dir": folder, "source_timeout": 1.0, **ports})
    running = embedded(config, api=False, workers=0)
    try:
        services = run(running.__aenter__())
        try:
            yield services
        finally:
            run(running.__aexit__(None, None, None))
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def prefect_pointed_at(services: Services) -> Iterator[None]:
    """Prefect's settings in this process lead to the server, which knows the bureau's concurrency limit."""
    # pytest loads Prefect, which reads its settings then, before tests/conftest.py names the one certificate.
    certificate = {PREFECT_API_SSL_CERT_FILE: os.environ["SSL_CERT_FILE"]}
    with temporary_settings({PREFECT_API_URL: f"{services.settings.prefect_url}/api", **certificate}):
        run(_create_bureau_limit())
        yield
        run(_drain())
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ResourceWarning)
            gc.collect()


async def _create_bureau_limit() -> None:
    async with get_client() as client:
        await client.create_global_concurrency_limit(GlobalConcurrencyLimitCreate(name=BUREAU_LIMIT, limit=4))


async def _drain() -> None:
    """What Prefect still wants to tell its server has to be said before the server ends."""
    await asyncio.gather(*(worker for worker in (APILogWorker.instance().drain(), EventsWorker.drain_all()) if worker))
