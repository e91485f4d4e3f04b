"""The warm worker keeps Prefect's promises, on a real Prefect server."""

import asyncio
from collections.abc import Callable, Iterator
from contextlib import AbstractAsyncContextManager
from typing import Any

import httpx
import pytest
from prefect.states import Cancelling, Suspended
from prefect.workers.base import BaseWorker
from support import small_flows
from support.pools import Pool

from underwriting.local import free_port
from underwriting.process import health
from underwriting.settings import settings
from underwriting.worker import WarmWorker

Working = Callable[..., AbstractAsyncContextManager[WarmWorker]]


@pytest.fixture(autouse=True)
def forget_naps() -> None:
    small_flows.most_naps = 0


@pytest.fixture(autouse=True)
def settings_of_the_test_only() -> Iterator[None]:
    yield
    settings.cache_clear()


def test_prefect_knows_the_type() -> None:
    assert BaseWorker.get_worker_class_from_type("warm") is WarmWorker


async def test_runs_go_on_side_by_side_up_to_the_limit(pool: Pool, working: Working) -> None:
    nap = await pool.deploy("nap_in_company")
    early = await pool.begin(nap, {"of": 2})
    async with working(limit=2):
        runs = [early, *[await pool.begin(nap, {"of": 2}) for _ in range(4)]]
        states = [await pool.until(run) for run in runs]
    assert [state.name for state in states] == ["Completed"] * 5
    assert small_flows.most_naps == 2


async def test_cancelling_one_run_touches_no_other(pool: Pool, working: Working) -> None:
    nap = await pool.deploy("nap")
    async with working():
        cancelled, other = await pool.begin(nap, {"seconds": 60}), await pool.begin(nap, {"seconds": 3})
        await pool.until(cancelled, "Running")
        await pool.client.set_flow_run_state(cancelled.id, Cancelling())
        assert (await pool.until(cancelled)).name == "Cancelled"
        assert (await pool.until(other)).is_completed()
        assert small_flows.napping == 0


async def test_a_suspended_run_stops_at_its_next_task_and_frees_its_place(pool: Pool, working: Working) -> None:
    async with working(limit=1):
        run = await pool.begin("steps", {"count": 300})
        await pool.until(run, "Running")
        await pool.client.set_flow_run_state(run.id, Suspended(timeout_seconds=600))
        assert (await pool.until(await pool.begin("nap"))).is_completed()
        assert (await pool.client.read_flow_run(run.id)).state_name == "Suspended"


async def test_the_end_of_a_run_is_told_as_it_was(pool: Pool, working: Working) -> None:
    ends = {"fails": ("Failed", "no good"), "leaves": ("Crashed", "exit"), "succeeds_at_last": ("Completed", "")}
    async with working():
        runs = {flow: await pool.begin(flow) for flow in ends}
        for flow, run in runs.items():
            name, message = ends[flow]
            state = await pool.until(run)
            assert state.name == name
            assert message in (state.message or "")
        assert (await pool.until(await pool.begin("nap"))).is_completed(), "the worker lives on"


async def test_a_deployment_that_cannot_run_fails_its_own_runs_only(pool: Pool, working: Working) -> None:
    elsewhere: list[dict[str, Any]] = [{"prefect.deployments.steps.set_working_directory": {"directory": "/"}}]
    wrong = {
        "No module named 'support.nowhere'": await pool.deploy("support.nowhere.nap"),
        "'nowhere' not found": await pool.deploy("nowhere"),
        "is not a flow": await pool.deploy("not_a_flow"),
        "is not a plain `async def` flow": await pool.deploy("synchronous"),
        "is not of the form package.module.flow": await pool.deploy("tests/support/small_flows.py:nap"),
        "deploy it with `pull: []`": await pool.deploy("nap", pull_steps=elsewhere),
    }
    async with working(limit=len(wrong)):
        runs = {message: await pool.begin(deployment) for message, deployment in wrong.items()}
        runs["minutes"] = await pool.begin("nap", {"minutes": 1})
        for message, run in runs.items():
            state = await pool.until(run)
            assert state.name == "Failed"
            assert message in (state.message or "")
        assert (await pool.until(await pool.begin("nap"))).is_completed(), "the worker lives on"


async def test_a_run_named_by_its_creator_keeps_its_name(pool: Pool, working: Working) -> None:
    named = await pool.deploy("named")
    async with working():
        plain, given = await pool.begin(named, {"key": "a"}), await pool.begin(named, {"key": "b"}, name="named-b")
        names = [(await pool.finished(run)).name for run in (plain, given)]
    assert names == ["named-a", "named-b"]


async def test_a_worker_that_ends_lets_its_runs_end(pool: Pool, working: Working) -> None:
    async with working():
        run = await pool.begin("nap", {"seconds": 1.5})
        await pool.until(run, "Running")
        await asyncio.sleep(0.1)
    assert (await pool.until(run, seconds=1)).is_completed()


async def test_a_worker_whose_flows_are_blocked_is_not_alive(
    pool: Pool, working: Working, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("UNDERWRITING_HEALTH_PORT", str(port := free_port()))
    settings.cache_clear()
    async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}") as client:
        async with working():
            assert [(await client.get(path)).status_code for path in ("/live", "/ready")] == [200, 200]
            # Not before: the first answer takes as long as what is imported for it.
            monkeypatch.setattr(health, "ANSWER_SECONDS", 0.3)
            run = await pool.begin("blocks", {"seconds": 3})
            async with asyncio.timeout(30):
                while (answer := await client.get("/live")).status_code == 200:
                    await asyncio.sleep(0.05)
            assert answer.json() == {"status": "the flows' loop is blocked"}
            assert (await pool.until(run)).is_completed()
            assert (await client.get("/live")).status_code == 200
        with pytest.raises(httpx.ConnectError):
            await client.get("/live")


async def test_a_worker_without_its_prefect_server_is_live_and_not_ready(
    working: Working, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("UNDERWRITING_HEALTH_PORT", str(port := free_port()))
    settings.cache_clear()
    async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}") as client, working() as worker:
        # As after a poll that was not answered.
        worker._server_wait = 5.0
        answers = [await client.get(path) for path in ("/live", "/ready")]
    assert [answer.status_code for answer in answers] == [200, 503]
    assert answers[1].json()["status"] == "the Prefect server does not answer"
