"""Makes Prefect know what prefect.yaml says: `python -m underwriting.embedded.deploy prefect.yaml [WORKER]`.

Does what `prefect deploy --all` does with the file, by Prefect's own functions, and what the file cannot say: the work
pool, the bureau's concurrency limit, and the end of schedules that left the file. Twice is as good as once. With the
name of a worker, the process goes on as that warm worker: it has imported all that a worker needs.
"""

import asyncio
import os
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import cast

import uvloop
from prefect.cli.deploy._config import _load_deploy_configs_and_actions, _pick_deploy_configs
from prefect.cli.deploy._core import _run_multi_deploy
from prefect.client.orchestration import PrefectClient, get_client
from prefect.client.schemas.actions import GlobalConcurrencyLimitCreate, WorkPoolCreate
from prefect.client.schemas.filters import WorkPoolFilter, WorkPoolFilterName
from prefect.context import AsyncClientContext
from prefect.exceptions import ObjectAlreadyExists, ObjectNotFound
from rich.console import Console

from underwriting.embedded.child import until
from underwriting.embedded.services import READY_SECONDS
from underwriting.settings import settings
from underwriting.worker import WarmWorker

# prefect.yaml names its work pool by this variable.
WORK_POOL_VARIABLE = "UNDERWRITING_WORK_POOL"
# The bureau serves few callers at a time and answers in seconds; more would only queue on its side.
BUREAU_LIMIT = "bureau"
BUREAU_SLOTS = 4


async def deploy(client: PrefectClient, prefect_file: Path, work_pool: str) -> None:
    """Bring Prefect's objects in line with the file; ValueError says what is wrong with it."""
    os.environ[WORK_POOL_VARIABLE] = work_pool
    console = Console(highlight=False)
    configs, actions = _load_deploy_configs_and_actions(prefect_file=prefect_file, console=console)
    if not configs:
        raise ValueError(f"{prefect_file}: no deployments to read there")
    schedules = {config["name"]: _slugs(config) for config in configs}
    await _create_work_pool(client, work_pool)
    await _create_bureau_limit(client)
    picked = _pick_deploy_configs(configs, deploy_all=True, console=console, is_interactive=_never)
    # One client for all of them; Prefect's functions would each make one, and leave it open.
    async with AsyncClientContext.get_or_create():
        await _run_multi_deploy(
            deploy_configs=picked,
            actions=actions,
            deploy_all=True,
            prefect_file=prefect_file,
            console=console,
            is_interactive=_never,
        )
    await _delete_schedules_but(client, work_pool, schedules)


def _slugs(config: Mapping[str, object]) -> set[str]:
    """The slugs of a deployment's schedules: only by a slug does Prefect know a schedule again."""
    found = cast(list[dict[str, str]], config.get("schedules") or [])
    if missing := [schedule for schedule in found if not schedule.get("slug")]:
        raise ValueError(f"deployment {config['name']}: the schedule {missing[0]} needs a slug")
    return {schedule["slug"] for schedule in found}


async def _create_work_pool(client: PrefectClient, name: str) -> None:
    template = WarmWorker.get_default_base_job_template()
    try:
        await client.create_work_pool(WorkPoolCreate(name=name, type=WarmWorker.type, base_job_template=template))
    except ObjectAlreadyExists:
        return


async def _create_bureau_limit(client: PrefectClient) -> None:
    """Create the limit; one that exists may carry an operator's own value."""
    try:
        await client.read_global_concurrency_limit_by_name(BUREAU_LIMIT)
    except ObjectNotFound:
        limit = GlobalConcurrencyLimitCreate(name=BUREAU_LIMIT, limit=BUREAU_SLOTS)
        await client.create_global_concurrency_limit(limit)


async def _delete_schedules_but(client: PrefectClient, work_pool: str, wanted: Mapping[str, set[str]]) -> None:
    """Prefect keeps firing schedules that are no longer in the file, also those of deployments that left it."""
    pool = WorkPoolFilter(name=WorkPoolFilterName(any_=[work_pool]))
    for deployment in await client.read_deployments(work_pool_filter=pool):
        for schedule in deployment.schedules:
            if schedule.slug not in wanted.get(deployment.name, set()):
                await client.delete_deployment_schedule(deployment.id, schedule.id)


def _never() -> bool:
    return False


async def _deploy_when_ready(prefect_file: Path, work_pool: str) -> None:
    async with get_client() as client:

        async def answers() -> bool:
            return await client.api_healthcheck() is None

        if not await until(answers, READY_SECONDS):
            sys.exit("the Prefect server does not answer")
        try:
            await deploy(client, prefect_file, work_pool)
        except ValueError as error:
            sys.exit(str(error))


async def main(prefect_file: Path, worker: str | None = None) -> None:
    """Deploy, and work on where a worker is named."""
    work_pool = settings().work_pool
    await _deploy_when_ready(prefect_file, work_pool)
    if worker is not None:
        await WarmWorker(work_pool, name=worker).start()


if __name__ == "__main__":
    asyncio.set_event_loop_policy(uvloop.EventLoopPolicy())
    asyncio.run(main(Path(sys.argv[1]), *sys.argv[2:]))
