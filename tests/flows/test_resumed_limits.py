"""A limit run that is cut midway is finished by what the sweep starts, and ends as if nothing had happened."""

import asyncio
import os
import subprocess
import sys
from datetime import timedelta
from typing import Any

import pytest
from prefect import get_client
from prefect.client.schemas.filters import FlowRunFilter, FlowRunFilterName
from prefect.client.schemas.objects import FlowRun
from prefect.states import Cancelled, Crashed, Failed
from support.limit_histories import END, written
from support.reviews import let_time_pass

from flows.recalculate_limits import recalculate_limits
from flows.resume_limits import resume_limits
from flows.sweep import sweep
from rules.limits.policy import policy_for
from underwriting import dispatch
from underwriting.domain.application import Product
from underwriting.limit_runs.request import Request
from underwriting.limit_runs.rollback import roll_back
from underwriting.limit_runs.run import recalculate
from underwriting.limit_runs.run_context import RunContext
from underwriting.local import Services
from underwriting.runtime import Runtime
from underwriting.store.limits import runs as limit_runs
from underwriting.store.limits import shards as limit_shards
from underwriting.store.models import LimitRunRow, LimitShardRow

HOUR = timedelta(hours=1)
SHARDS = 3
KILLED_RUN = """
import asyncio, sys
from datetime import date
from flows.recalculate_limits import recalculate_limits
asyncio.run(recalculate_limits(date.fromisoformat(sys.argv[1]), history=sys.argv[2], shards=int(sys.argv[3])))
"""


@pytest.fixture(scope="module")
def history(tmp_path_factory: pytest.TempPathFactory) -> str:
    return str(written(tmp_path_factory.mktemp("usual") / "history", users=120, personas=0.0))


@pytest.fixture
async def deployed(runtime: Runtime) -> None:
    """The deployment that resumed runs are started by; the test runs them with the parameters that they get."""
    await (await resume_limits.ato_deployment("resume-limits")).aapply()


async def runs(runtime: Runtime) -> list[LimitRunRow]:
    async with runtime.store.read() as work:
        return await limit_runs.newest(work, runtime.config.limits_tenant)


async def shards_of(runtime: Runtime) -> list[LimitShardRow]:
    (run,) = await runs(runtime)
    async with runtime.store.read() as work:
        return await limit_shards.shards(work, run.id)


async def until_half_done(runtime: Runtime) -> None:
    """Until some shards are proposed and others are not."""
    async with asyncio.timeout(120):
        while not (await runs(runtime) and any(shard.state == "proposed" for shard in await shards_of(runtime))):
            await asyncio.sleep(0.02)


async def resumed(runtime: Runtime) -> list[FlowRun]:
    """What the sweep started for the run, oldest first; twice is as good as once."""
    (run,) = await runs(runtime)
    async with get_client() as client:
        named = FlowRunFilter(name=FlowRunFilterName(any_=[f"resume-{run.id}"]))
        return sorted(await client.read_flow_runs(flow_run_filter=named), key=lambda found: found.created or END)


async def flow_state(flow_run_id: str | None) -> str | None:
    assert flow_run_id is not None
    async with get_client() as client:
        return (await client.read_flow_run(flow_run_id)).state_name


async def whole(runtime: Runtime, history: str) -> list[str | None]:
    """The digests of the records of the same run, never cut; after taking the first one back."""
    (first,) = await runs(runtime)
    await roll_back(RunContext(runtime.store, runtime.config), first.id, "test")
    policy = policy_for("cfi")
    asked = Request(runtime.config.limits_tenant, Product.FLOAT, END, history, policy, shards=SHARDS)
    assert (await recalculate(RunContext(runtime.store, runtime.config), asked)).state == "applied"
    async with runtime.store.read() as work:
        return [shard.records_digest for shard in await limit_shards.shards(work, (await runs(runtime))[0].id)]


@pytest.mark.usefixtures("deployed")
@pytest.mark.parametrize("failpoint", ["after-proposed-shard", "after-applied-shard"])
async def test_a_killed_run_is_finished_by_what_the_sweep_starts(
    runtime: Runtime, services: Services, history: str, failpoint: str
) -> None:
    environment = {
        **os.environ,
        "PREFECT_API_URL": f"{services.settings.prefect_url}/api",
        "UNDERWRITING_FAILPOINT": failpoint,
        "UNDERWRITING_LIMITS_AT_ONCE": "1",
    }
    command = [sys.executable, "-c", KILLED_RUN, END.isoformat(), history, str(SHARDS)]
    killed = await asyncio.to_thread(subprocess.run, command, env=environment, capture_output=True, check=False)
    assert killed.returncode == -9, killed.stderr.decode()
    (before,) = await runs(runtime)
    done = {shard.number: shard.records_digest for shard in await shards_of(runtime) if shard.state != "pending"}
    assert 0 < len(done) <= SHARDS
    assert await sweep() == 0, "its lease holds"
    await let_time_pass(runtime.store, "limit_runs", "lease_until", HOUR)
    assert await sweep() == 1
    assert await flow_state(before.flow_run_id) == "Crashed"
    (begun,) = await resumed(runtime)
    state: Any = await resume_limits(**begun.parameters, return_state=True)
    assert state.name == "Applied", state.message
    (after,) = await runs(runtime)
    assert (after.id, after.state, after.fence) == (before.id, "applied", before.fence + 1)
    digests = {shard.number: shard.records_digest for shard in await shards_of(runtime)}
    assert digests.items() >= done.items()
    assert await sweep() == 0
    assert list(digests.values()) == await whole(runtime, history)


@pytest.mark.usefixtures("deployed")
async def test_a_run_cut_by_a_worker_that_stops_is_finished_too(runtime: Runtime, history: str) -> None:
    going = asyncio.create_task(recalculate_limits(END, history=history, shards=4, return_state=True))
    await until_half_done(runtime)
    going.cancel("the worker stops")
    await asyncio.wait([going])
    (cut,) = await runs(runtime)
    assert cut.state == "calculating"
    await let_time_pass(runtime.store, "limit_runs", "lease_until", HOUR)
    assert await sweep() == 1
    (begun,) = await resumed(runtime)
    state: Any = await resume_limits(**begun.parameters, return_state=True)
    assert state.name == "Applied", state.message


@pytest.mark.usefixtures("deployed")
async def test_a_successor_that_died_before_it_owned_the_run_has_a_successor(runtime: Runtime, history: str) -> None:
    await cut_short(runtime, history)
    assert (await sweep(), await sweep()) == (1, 0)
    (first,) = await resumed(runtime)
    async with get_client() as client:
        await client.set_flow_run_state(first.id, Crashed(message="killed"), force=True)
    assert await sweep() == 1
    assert [run.state_name for run in await resumed(runtime)] == ["Crashed", "Scheduled"]


@pytest.mark.usefixtures("deployed")
async def test_a_successor_that_failed_has_a_successor_after_a_while(
    runtime: Runtime, history: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The folder of the history was away for a moment."""
    await cut_short(runtime, history)
    assert await sweep() == 1
    (first,) = await resumed(runtime)
    async with get_client() as client:
        await client.set_flow_run_state(first.id, Failed(message="no users"), force=True)
    assert await sweep() == 0, "it failed a moment ago"
    monkeypatch.setattr(dispatch, "RESUME_WAIT", timedelta())
    assert await sweep() == 1
    assert [run.state_name for run in await resumed(runtime)] == ["Failed", "Scheduled"]
    state: Any = await resume_limits(**(await resumed(runtime))[-1].parameters, return_state=True)
    assert state.name == "Applied", state.message
    assert len(await shards_of(runtime)) == 4


@pytest.mark.usefixtures("deployed")
async def test_a_run_that_somebody_cancelled_stays_until_its_date_is_run_again(runtime: Runtime, history: str) -> None:
    flow_run_id = await cut_short(runtime, history)
    async with get_client() as client:
        await client.set_flow_run_state(flow_run_id, Cancelled(message="not today"), force=True)
    assert (await sweep(), await sweep()) == (0, 0)
    assert await resumed(runtime) == []
    assert [run.state for run in await runs(runtime)] == ["calculating"]
    state: Any = await recalculate_limits(END, history=history, return_state=True)
    assert state.name == "Applied"


async def cut_short(runtime: Runtime, history: str) -> str:
    """Cut a run midway and let its lease expire; the flow run that owned it."""
    going = asyncio.create_task(recalculate_limits(END, history=history, shards=4, return_state=True))
    await until_half_done(runtime)
    going.cancel()
    await asyncio.wait([going])
    await let_time_pass(runtime.store, "limit_runs", "lease_until", HOUR)
    (run,) = await runs(runtime)
    assert run.flow_run_id is not None
    return run.flow_run_id
