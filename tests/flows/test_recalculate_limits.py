"""Limit runs from the Prefect UI: the form, what is seen of them, a person's word, and the same on Dask."""

import asyncio
import os
import re
import signal
from datetime import UTC, date, datetime
from typing import Any

import pyarrow as pa
import pytest
from distributed import LocalCluster
from prefect import get_client
from prefect.client.schemas.filters import ArtifactFilter, ArtifactFilterFlowRunId
from prefect.client.schemas.objects import State
from support.limit_histories import END, rewritten, written

from flows.recalculate_limits import recalculate_limits
from flows.release_limits import Release, release_limits
from flows.rollback_limits import rollback_limits
from rules.limits.policy import policy_for
from tasks.limit_shards import shard_runner
from underwriting.limit_runs.places import may_be_read
from underwriting.limit_runs.rollback import roll_back
from underwriting.limit_runs.run_context import RunContext
from underwriting.runtime import Runtime
from underwriting.settings import settings
from underwriting.store import audit
from underwriting.store.limits import records as limit_records
from underwriting.store.limits import runs as limit_runs
from underwriting.store.limits import shards as limit_shards

NO_PERSONAS = 0.0


@pytest.fixture(scope="module")
def usual(tmp_path_factory: pytest.TempPathFactory) -> str:
    return str(written(tmp_path_factory.mktemp("usual") / "history", users=120, personas=NO_PERSONAS))


@pytest.fixture(scope="module")
def strange(tmp_path_factory: pytest.TempPathFactory) -> str:
    """The fraud service says the same of everybody: the guard of the shipped policy sees what is no usual day."""
    folder = written(tmp_path_factory.mktemp("strange") / "history", users=120, personas=NO_PERSONAS)

    def confirmed(rows: pa.Table) -> pa.Table:
        runtime = rows.schema.get_field_index("fraud_hit")
        return rows.set_column(runtime, rows.schema.field(runtime), pa.repeat(pa.scalar(True), len(rows)))

    rewritten(folder, "users", confirmed)
    return str(folder)


async def run(history: str, dask: str = "", shards: int = 3, **parameters: Any) -> State[None]:
    """Run the flow, its shards in threads or on Dask."""
    runner = shard_runner(settings().model_copy(update={"limits_dask": dask}))
    flow = recalculate_limits.with_options(task_runner=runner)
    state: State[None] = await flow(END, history=history, shards=shards, return_state=True, **parameters)
    return state


async def artifacts(state: State[None]) -> list[Any]:
    run_id = state.state_details.flow_run_id
    assert run_id is not None
    mine = ArtifactFilter(flow_run_id=ArtifactFilterFlowRunId(any_=[run_id]))
    async with get_client() as client:
        return list(await client.read_artifacts(artifact_filter=mine))


async def name_of(state: State[None]) -> str:
    run_id = state.state_details.flow_run_id
    assert run_id is not None
    async with get_client() as client:
        return (await client.read_flow_run(run_id)).name


async def test_a_run_is_named_after_its_date_also_where_it_was_left_out(runtime: Runtime, usual: str) -> None:
    assert await name_of(await run(usual, dry_run=True)) == f"limits-float-{END}-dry-run"
    state: State[None] = await recalculate_limits(history="/nowhere", user_id="ada", return_state=True)
    last = policy_for("cfi").business_day.last(datetime.now(UTC))
    assert await name_of(state) == f"limits-float-{last}-one-user"


@pytest.mark.parametrize(
    ("parameters", "sentence"),
    [
        ({"history": "/nowhere"}, "/nowhere has no users/*.parquet"),
        ({"policy": "cif"}, "policy: no policy is called cif; there are cfi"),
        ({"user_id": "ada", "segment": "student"}, "segment: a run is about a segment or about one user, not both"),
        (
            {"segment": "studnet"},
            "segment: no segment is called studnet; did you mean student? There are core, employer, ",
        ),
        ({"shards": 0}, "shards: write a number from 1 to 5,000"),
    ],
)
async def test_a_form_filled_in_wrongly_ends_with_one_sentence(
    runtime: Runtime, parameters: dict[str, Any], sentence: str
) -> None:
    state: State[None] = await recalculate_limits(**{"history": "/nowhere", **parameters}, return_state=True)
    assert state.is_failed()
    assert (state.message or "").startswith(sentence)


@pytest.mark.parametrize(
    ("parameters", "sentence"),
    [
        ({"user_id": "nobody"}, "user_id: no such user is in "),
        ({"segment": "student"}, "segment: nobody of the segment student is in "),
    ],
)
async def test_a_form_that_names_nobody_ends_with_one_sentence(
    runtime: Runtime, usual: str, parameters: dict[str, Any], sentence: str
) -> None:
    state = await run(usual, dry_run=True, **parameters)
    assert state.is_failed()
    assert (state.message or "").startswith(sentence)


async def test_nothing_is_decided_before_its_decision_time_not_even_in_a_dry_run(runtime: Runtime, usual: str) -> None:
    state: State[None] = await recalculate_limits(date(2999, 1, 1), dry_run=True, history=usual, return_state=True)
    assert state.is_failed()
    assert (state.message or "").startswith("the limits for 2999-01-01 are decided at 2999-01-02 ")


async def digests(runtime: Runtime) -> list[list[str | None]]:
    """The digests of each run's records, shard by shard; the oldest run first."""
    async with runtime.store.read() as work:
        runs = await limit_runs.newest(work, runtime.config.limits_tenant)
        return [[shard.records_digest for shard in await limit_shards.shards(work, run.id)] for run in reversed(runs)]


async def test_a_run_shows_its_progress_its_summary_and_its_pictures(runtime: Runtime, usual: str) -> None:
    state = await run(usual)
    assert state.name == "Applied", state.message
    found = await artifacts(state)
    assert {artifact.type for artifact in found} == {"progress", "markdown"}
    assert [artifact.data for artifact in found if artifact.type == "progress"] == [100.0, 100.0]
    (text,) = [str(artifact.data) for artifact in found if artifact.type == "markdown"]
    assert "| transactions | " in text
    assert len(re.findall(r"!\[[^\]]+\]\(data:image/png;base64,[A-Za-z0-9+/=]{5000,}\)", text)) == 4
    assert not re.search(r"u\d{9}", text), "nothing about one user"
    async with runtime.store.read() as work:
        (row,) = await limit_runs.newest(work, runtime.config.limits_tenant)
    files = {file.name for file in (runtime.config.limits_place / row.id).iterdir()}
    assert {"moves.csv", "moves.parquet", "summary.md", "limits.png", "promise.png"} <= files
    assert (await run(usual)).message == state.message


async def test_a_dry_run_stores_nothing(runtime: Runtime, usual: str) -> None:
    state = await run(usual, dry_run=True)
    assert state.name == "DryRun"
    async with runtime.store.read() as work:
        assert await limit_runs.newest(work, runtime.config.limits_tenant) == []


async def test_a_strange_run_waits_for_a_person(runtime: Runtime, strange: str) -> None:
    held = await run(strange)
    assert held.name == "Held"
    assert "120 paused" in str(held.message)
    async with runtime.store.read() as work:
        (row,) = await limit_runs.newest(work, runtime.config.limits_tenant)
    refused: State[None] = await release_limits(
        "lim_00000000000000000000000000", Release.RELEASE, "looked at it", "ann", return_state=True
    )
    assert refused.is_failed()
    released: State[None] = await release_limits(row.id, Release.RELEASE, "looked at it", "ann", return_state=True)
    assert released.name == "Release"
    async with runtime.store.read() as work:
        assert (await limit_runs.get(work, row.id)).state == "applied"
        assert (await limit_runs.get(work, row.id)).decided_by == "ann"


async def test_a_rollback_says_first_what_it_would_change(runtime: Runtime, usual: str) -> None:
    await run(usual)
    async with runtime.store.read() as work:
        (row,) = await limit_runs.newest(work, runtime.config.limits_tenant)
        changed = await limit_records.applied(work, row.id)
    assert changed > 0
    tried: State[None] = await rollback_limits(row.id, "ann", return_state=True)
    assert tried.name == "DryRun"
    assert str(tried.message).startswith(f"{changed} profiles would change")
    (page,) = await artifacts(tried)
    assert page.data.startswith(f"# Rollback of a limit run\n\n{tried.message}\n\n## Limits as of ")
    assert (page.description, "switch dry_run off" in page.description) == (tried.message, True)
    assert "To take it back" not in page.data, "the reader is doing that"
    async with runtime.store.read() as work:
        assert (await limit_runs.get(work, row.id)).state == "applied"
    done: State[None] = await rollback_limits(row.id, "ann", dry_run=False, return_state=True)
    assert (done.name, f"{changed} profiles written" in str(done.message)) == ("RolledBack", True)
    (page,) = [each for each in await artifacts(done) if each.type == "markdown"]
    assert page.data.startswith(f"# Rollback of a limit run\n\n{done.message}\n\n## Limits as of ")
    assert page.description == done.message
    async with runtime.store.read() as work:
        assert (await limit_runs.get(work, row.id)).state == "rolled_back"
        assert ("limits.rollback_ordered", "ann") in {
            (entry.action, entry.actor) for entry in await audit.entries(work, row.id)
        }
    again: State[None] = await rollback_limits(row.id, "ann", return_state=True)
    assert again.is_failed()
    assert "is rolled back already" in str(again.message)


async def test_dask_gives_the_same_bytes_even_when_a_worker_is_killed(runtime: Runtime, usual: str) -> None:
    await run(usual, shards=4)
    async with runtime.store.read() as work:
        (row,) = await limit_runs.newest(work, runtime.config.limits_tenant)
    await roll_back(RunContext(runtime.store, runtime.config), row.id, "test")
    cluster = {"n_workers": 2, "threads_per_worker": 1, "dashboard_address": None, "silence_logs": 50}
    async with LocalCluster(asynchronous=True, **cluster) as dask:
        going = asyncio.create_task(run(usual, dask=dask.scheduler_address, shards=4))
        await until_a_shard_is_done(runtime)
        os.kill(dask.workers[0].pid, signal.SIGKILL)
        state = await going
    assert state.name == "Applied", state.message
    here, there = await digests(runtime)
    assert here == there
    assert None not in here


async def until_a_shard_is_done(runtime: Runtime) -> None:
    """Until the second run has a record."""
    async with asyncio.timeout(120):
        while True:
            async with runtime.store.read() as work:
                newest = (await limit_runs.newest(work, runtime.config.limits_tenant))[0]
                shards = await limit_shards.shards(work, newest.id)
            if newest.state == "calculating" and any(shard.state == "proposed" for shard in shards):
                return
            await asyncio.sleep(0.05)


@pytest.mark.parametrize("policy", ["/etc/passwd", "/tmp/own.yaml", "own.yml"])
async def test_a_form_takes_policies_by_their_names_only(runtime: Runtime, usual: str, policy: str) -> None:
    state = await run(usual, dry_run=True, policy=policy)
    assert state.is_failed()
    assert (state.message or "").startswith(f"policy: no policy is called {policy}; there are cfi")


@pytest.mark.settings(user_service_url="https://users.example", limits_histories=("/data/histories", "s3://lender/h"))
@pytest.mark.parametrize(
    ("history", "allowed"),
    [
        ("/data/histories", True),
        ("/data/histories/may", True),
        ("s3://lender/h/may", True),
        ("database", True),
        ("/data/histories/../secrets", False),
        ("/data/histories-of-others", False),
        ("/etc", False),
        ("s3://lender/h?endpoint_override=evil.example", False),
        ("s3://lender/h/../secrets", False),
        ("s3://others/h", False),
    ],
)
async def test_a_form_takes_histories_from_the_places_of_the_settings(
    runtime: Runtime, history: str, allowed: bool
) -> None:
    assert may_be_read(runtime.config, history) is allowed
    if not allowed:
        state = await run(history, dry_run=True)
        assert state.is_failed()
        assert (state.message or "").startswith("history: the settings do not allow it")
