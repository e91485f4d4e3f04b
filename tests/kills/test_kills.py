"""Nothing lost, nothing twice, whatever is killed: the promise that everything else stands on, and its control.

Workers are killed with SIGKILL at every named failpoint and at seeded random points, stopped for longer than their
lease and let go again, and PostgreSQL is restarted without a shutdown; answers of the bureau and of the results
endpoint are lost on the way. `python -m benchmarks.soak` is the same at length.
"""

import shutil
import tempfile
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio

from tests.support.arena import Arena
from tests.support.ordeal import Plan, endure

pytestmark = [
    pytest.mark.asyncio(loop_scope="module"),
    pytest.mark.timeout(900),
    # Prefect's client leaves connections to the garbage collector, which complains of them.
    pytest.mark.filterwarnings("ignore:unclosed:ResourceWarning"),
]


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def arena() -> AsyncIterator[Arena]:
    """PostgreSQL, Prefect and the sandbox for both tests; not in pytest's folder, which other users cannot enter."""
    folder = Path(tempfile.mkdtemp(prefix="kills-"))
    try:
        async with Arena.opened(folder) as arena:
            yield arena
    finally:
        shutil.rmtree(folder, ignore_errors=True)


async def test_nothing_is_lost_and_nothing_done_twice(arena: Arena) -> None:
    plan = Plan(applications=24, kills=6, stalls=1, restarts=1, seed=20260302, patience=400)
    reckoning = await endure(arena, plan)
    assert reckoning.broken() == []
    assert len(reckoning.states) >= plan.applications
    assert reckoning.deliveries > len(reckoning.messages), "no acknowledgement was lost, so nothing was tried"


async def test_without_ledger_and_fence_the_same_harness_fails(arena: Arena) -> None:
    plan = Plan(
        applications=16,
        kills=3,
        stalls=2,
        restarts=0,
        seed=20260302,
        patience=300,
        failpoints=("after-pull", "before-finish"),
        guarded=False,
    )
    reckoning = await endure(arena, plan)
    assert reckoning.doubled_pulls + reckoning.doubled_decisions > 0
    assert reckoning.broken() != []
