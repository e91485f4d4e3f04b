"""Flows that end in every way a flow can, for a worker to run."""

import asyncio
import sys
import time
from contextlib import suppress

from prefect import flow, task
from prefect.runtime import flow_run

# How many naps went on at once at most, in this process.
napping, most_naps = 0, 0


@flow(persist_result=False)
async def nap(seconds: float = 0.0) -> None:
    global napping, most_naps  # noqa: PLW0603 - counted across runs
    napping += 1
    most_naps = max(most_naps, napping)
    try:
        await asyncio.sleep(seconds)
    finally:
        napping -= 1


@flow(persist_result=False)
async def nap_in_company(of: int) -> None:
    """Nap until so many naps went on at once, for twenty seconds at most, and a moment longer: for others to join."""
    global napping, most_naps  # noqa: PLW0603 - counted across runs
    napping += 1
    most_naps = max(most_naps, napping)
    with suppress(TimeoutError):
        async with asyncio.timeout(20):
            while most_naps < of:
                await asyncio.sleep(0.02)
    await asyncio.sleep(0.4)
    napping -= 1


@flow(persist_result=False)
async def blocks(seconds: float) -> None:
    time.sleep(seconds)  # noqa: ASYNC251 - it is what a flow must not do


@flow(persist_result=False)
async def fails() -> None:
    raise ValueError("no good")


@flow(persist_result=False)
async def leaves() -> None:
    sys.exit(3)


@flow(persist_result=False, retries=1, retry_delay_seconds=0)
async def succeeds_at_last() -> None:
    if flow_run.run_count == 1:
        raise ValueError("not yet")


@task(persist_result=False)
async def step() -> None:
    await asyncio.sleep(0.1)


@flow(persist_result=False)
async def steps(count: int) -> None:
    for _ in range(count):
        await step()


@flow(persist_result=False, flow_run_name="named-{key}")
async def named(key: str) -> None:
    return


@flow(persist_result=False)
def synchronous() -> None:
    return


not_a_flow = 42
