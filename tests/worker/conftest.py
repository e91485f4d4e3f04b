"""A warm worker in the test's own process, against a real Prefect server."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager, nullcontext
from pathlib import Path

import pytest
from support.pools import Pool

from underwriting.worker import WarmWorker

Working = Callable[..., AbstractAsyncContextManager[WarmWorker]]


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Prefect's engine leaves short-lived clients of its own to the garbage collector, which complains of them."""
    here = Path(__file__).parent
    for item in items:
        if here in item.path.parents:
            item.add_marker(pytest.mark.filterwarnings("ignore:unclosed <socket:ResourceWarning"))


@pytest.fixture
async def pool(prefect_server: None) -> AsyncIterator[Pool]:
    async with Pool.fresh() as pool:
        yield pool


@pytest.fixture
def working(pool: Pool) -> Working:
    """`async with working(limit=2):` has a worker work in the pool for as long as the block lasts."""

    @asynccontextmanager
    async def work(limit: int = 4) -> AsyncIterator[WarmWorker]:
        worker = WarmWorker(pool.name, limit=limit, open_runtime=nullcontext)
        task = asyncio.create_task(worker.start(printer=lambda *_: None))
        try:
            while not worker.is_setup and not task.done():
                await asyncio.sleep(0.02)
            yield worker
        finally:
            task.cancel()
            await asyncio.wait([task])

    return work
