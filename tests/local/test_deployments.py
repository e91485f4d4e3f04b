"""prefect.yaml is true: every flow loads, and deploying it makes exactly what it says."""

import inspect
import re
from collections.abc import AsyncIterator
from pathlib import Path
from uuid import uuid4

import pytest
from prefect.client.orchestration import PrefectClient, get_client
from prefect.client.schemas.filters import WorkPoolFilter, WorkPoolFilterName
from prefect.client.schemas.objects import State, StateType
from prefect.client.schemas.responses import DeploymentResponse
from prefect.flows import load_flow_from_entrypoint
from prefect.utilities.callables import parameter_docstrings
from pydantic import SecretStr
from pytest_httpserver import HTTPServer
from ruamel.yaml import YAML

from underwriting.local.child import until
from underwriting.worker.deploy import AUTOMATION, BUREAU_LIMIT, REPORTED, deploy

PREFECT_FILE = Path(__file__).parents[2] / "prefect.yaml"
DEPLOYMENTS = YAML(typ="safe").load(PREFECT_FILE.read_text("utf-8"))["deployments"]


@pytest.fixture
async def client(prefect_server: None, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[PrefectClient]:
    monkeypatch.setenv("UNDERWRITING_WORK_POOL", "changed by deploy")
    async with get_client() as client:
        yield client


@pytest.fixture
def work_pool() -> str:
    return f"pool-{uuid4().hex[:8]}"


@pytest.mark.parametrize("deployment", DEPLOYMENTS, ids=lambda deployment: str(deployment["name"]))
def test_every_flow_loads_for_real(deployment: dict[str, str]) -> None:
    flow = load_flow_from_entrypoint(deployment["entrypoint"], use_placeholder_flow=False)
    assert flow.isasync, "warm workers run `async def` flows"
    assert deployment["description"]


BOUNDS = {"pattern", "minLength", "maxLength", "minimum", "maximum", "minItems", "maxItems", "exclusiveMinimum"}


def keys_in(part: object) -> set[str]:
    """Every key of a schema, at any depth."""
    nested = part.values() if isinstance(part, dict) else part if isinstance(part, list) else ()
    return {*(part if isinstance(part, dict) else ())}.union(*map(keys_in, nested))


@pytest.mark.parametrize("deployment", DEPLOYMENTS, ids=lambda deployment: str(deployment["name"]))
def test_every_field_of_every_form_is_explained_and_shows_no_pattern(deployment: dict[str, str]) -> None:
    """Prefect shows bounds and patterns as they are; and the fields of a nested model in no order."""
    flow = load_flow_from_entrypoint(deployment["entrypoint"], use_placeholder_flow=False)
    schema = flow.parameters.model_dump()
    for name, field in schema["properties"].items():
        assert re.search(r"\w{2,}.*\.$", field.get("description") or "", re.DOTALL), f"{name} is explained"
    assert not keys_in(schema["properties"]) & BOUNDS
    assert "anyOf" not in keys_in(schema["properties"]), "a choice of types, None among them"
    assert not [name for name, field in schema["properties"].items() if field.get("default", "") is None]
    assert all("properties" not in each and not keys_in(each) & BOUNDS for each in schema["definitions"].values())
    text = inspect.getdoc(flow.fn) or ""
    assert set(parameter_docstrings(text)) == set(schema["properties"])


def test_a_limit_run_from_the_form_is_a_dry_run_and_a_scheduled_one_is_not() -> None:
    (limits,) = [each for each in DEPLOYMENTS if each["name"] == "recalculate-limits"]
    assert limits["parameters"] == {"dry_run": True}
    assert [schedule["parameters"]["dry_run"] for schedule in limits["schedules"]] == [False, False]


def test_the_form_of_a_limit_run_has_no_field_that_staff_leave_empty() -> None:
    of = {each["name"]: each["entrypoint"] for each in DEPLOYMENTS}
    form, resumed = (
        load_flow_from_entrypoint(of[name], use_placeholder_flow=False).parameters.properties
        for name in ("recalculate-limits", "resume-limits")
    )
    assert "run_id" not in form
    assert list(resumed) == ["run_id"]


async def test_deploying_twice_is_as_good_as_once(client: PrefectClient, work_pool: str) -> None:
    await deploy(client, PREFECT_FILE, work_pool)
    first = await deployed(client, work_pool)
    await deploy(client, PREFECT_FILE, work_pool)
    second = await deployed(client, work_pool)
    assert set(first) == {deployment["name"] for deployment in DEPLOYMENTS}
    assert {name: found.id for name, found in first.items()} == {name: found.id for name, found in second.items()}
    assert {schedule.slug for schedule in second["screen-customers"].schedules} == {"every-quarter-of-an-hour"}
    assert not any(found.pull_steps for found in second.values())
    assert (await client.read_work_pool(work_pool)).type == "warm"
    assert (await client.read_global_concurrency_limit_by_name(BUREAU_LIMIT)).limit > 0


async def test_schedules_that_left_the_file_stop(client: PrefectClient, work_pool: str, tmp_path: Path) -> None:
    await deploy(client, PREFECT_FILE, work_pool)
    lines = PREFECT_FILE.read_text("utf-8").splitlines()
    start = next(number for number, line in enumerate(lines) if "name: screen-customers" in line)
    shorter = tmp_path / "prefect.yaml"
    shorter.write_text("\n".join(line for line in lines[: lines.index("    schedules:", start)]), "utf-8")
    await deploy(client, shorter, work_pool)
    found = await deployed(client, work_pool)
    assert found["screen-customers"].schedules == []
    assert len(found["recalculate-limits"].schedules) == 2


async def test_a_limit_run_that_fails_or_is_late_is_reported_to_the_address(
    client: PrefectClient, work_pool: str, httpserver: HTTPServer
) -> None:
    """The automation of the server itself posts it; ends that nobody has to know of are not posted."""
    httpserver.expect_request("/alerts", method="POST").respond_with_data("ok")
    address = SecretStr(httpserver.url_for("/alerts"))
    await deploy(client, PREFECT_FILE, work_pool, address)
    await deploy(client, PREFECT_FILE, work_pool, address)
    assert len(await client.read_automations_by_name(AUTOMATION)) == 1
    nightly = (await deployed(client, work_pool))["recalculate-limits"]
    ends = {"Applied": StateType.COMPLETED, "DryRun": StateType.COMPLETED, "Held": StateType.COMPLETED}
    ends |= {"Incomplete": StateType.COMPLETED, "Failed": StateType.FAILED, "Crashed": StateType.CRASHED}
    ends |= {"Late": StateType.SCHEDULED}
    for name, kind in ends.items():
        run = await client.create_flow_run_from_deployment(nightly.id, name=f"limits-{name}")
        state = State[None](type=kind, name=name, message=f"it is {name}")
        await client.set_flow_run_state(run.id, state, force=True)
    expected = {f"limits-{name}: {name}" for name in REPORTED}

    def posted() -> dict[str, str]:
        texts = [request.get_json()["text"] for request, _ in httpserver.log]
        return dict(text.split("\n", 1) for text in texts)

    async def all_posted() -> bool:
        return expected <= set(posted())

    assert await until(all_posted, 30), posted()
    assert set(posted()) == expected
    assert posted()["limits-Held: Held"].startswith("it is Held http")
    await deploy(client, PREFECT_FILE, work_pool)
    assert await client.read_automations_by_name(AUTOMATION) == []


async def test_what_a_user_waits_for_starts_before_everything_else(client: PrefectClient, work_pool: str) -> None:
    await deploy(client, PREFECT_FILE, work_pool)
    order = {queue.name: queue.priority for queue in await client.read_work_queues(work_pool_name=work_pool)}
    assert sorted(order, key=lambda name: order[name]) == ["urgent", "default", "housekeeping"]
    found = await deployed(client, work_pool)
    assert found["evaluate-eligibility"].work_queue_name == "urgent"


def test_an_idle_day_has_few_scheduled_runs() -> None:
    """Sweeps, deliveries and events are the housekeeping's; each as a flow run would be thousands a day."""
    intervals = [schedule.get("interval") for each in DEPLOYMENTS for schedule in each.get("schedules", ())]
    assert sum(86_400 / interval for interval in intervals if interval) < 1_400


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("deployments: []", "no deployments"),
        ("pull: []\ndeployments: [{name: x, entrypoint: a.b, schedules: [{interval: 60}]}]", "deployment x: .* slug"),
    ],
)
async def test_a_file_that_says_too_little_is_refused(
    client: PrefectClient, work_pool: str, tmp_path: Path, content: str, message: str
) -> None:
    file = tmp_path / "prefect.yaml"
    file.write_text(content, "utf-8")
    with pytest.raises(ValueError, match=message):
        await deploy(client, file, work_pool)


async def deployed(client: PrefectClient, work_pool: str) -> dict[str, DeploymentResponse]:
    pool = WorkPoolFilter(name=WorkPoolFilterName(any_=[work_pool]))
    return {found.name: found for found in await client.read_deployments(work_pool_filter=pool)}
