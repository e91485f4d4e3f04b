"""Deploys prefect.yaml.

Does the same as `prefect deploy --all`, by Prefect's own functions, and what the file cannot express: it creates the
work pool with its first queue, the bureau's concurrency limit and the automation that reports limit runs, and deletes
schedules that are no longer in the file. A second call changes nothing.
"""

import logging
import os
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import cast
from uuid import UUID

from prefect.automations import AutomationCore, EventTrigger, Posture, ResourceSpecification, SendNotification
from prefect.client.orchestration import PrefectClient
from prefect.client.schemas.actions import GlobalConcurrencyLimitCreate, WorkPoolCreate
from prefect.client.schemas.filters import WorkPoolFilter, WorkPoolFilterName
from prefect.exceptions import ObjectAlreadyExists, ObjectNotFound
from prefect.types import SecretDict
from pydantic import SecretStr

from underwriting.worker.prefect_private import deploy_all, read_deployments
from underwriting.worker.worker import WarmWorker

log = logging.getLogger(__name__)

# prefect.yaml names its work pool by this variable.
WORK_POOL_VARIABLE = "UNDERWRITING_WORK_POOL"
# The queue whose runs start before those of all others.
URGENT = "urgent"
# The bureau serves few callers at a time and answers in seconds; more would only queue on its side.
BUREAU_LIMIT = "bureau"
BUREAU_SLOTS = 4


# The nightly run, the automation about it, and the ends that a person has to know of; Late is one that
# did not start when it was due.
NIGHTLY = "recalculate-limits"
AUTOMATION = "underwriting: a limit run failed or is late"
REPORTED = ("Failed", "Crashed", "Late", "Held", "Incomplete")


async def deploy(client: PrefectClient, prefect_file: Path, work_pool: str, alert_url: SecretStr | None = None) -> None:
    """Bring Prefect's objects in line with the file; ValueError says what is wrong with it.

    Limit runs that fail or are late are reported to `alert_url`; nothing is where there is none.
    """
    os.environ[WORK_POOL_VARIABLE] = work_pool
    configs, actions = read_deployments(prefect_file)
    if not configs:
        raise ValueError(f"{prefect_file}: no deployments to read there")
    schedules = {config["name"]: _slugs(config) for config in configs}
    await _create_work_pool(client, work_pool)
    await _create_bureau_limit(client)
    await deploy_all(configs, actions, prefect_file)
    await _delete_schedules_but(client, work_pool, schedules)
    await _report_limit_runs(client, alert_url)
    log.info("%d deployments are in the work pool %s: %s", len(schedules), work_pool, ", ".join(sorted(schedules)))


def _slugs(config: Mapping[str, object]) -> set[str]:
    """The slugs of a deployment's schedules: only by a slug does Prefect know a schedule again."""
    found = cast(list[dict[str, str]], config.get("schedules") or [])
    if missing := [schedule for schedule in found if not schedule.get("slug")]:
        raise ValueError(f"deployment {config['name']}: the schedule {missing[0]} needs a slug")
    return {schedule["slug"] for schedule in found}


async def _create_work_pool(client: PrefectClient, name: str) -> None:
    template = WarmWorker.get_default_base_job_template()
    with suppress(ObjectAlreadyExists):
        await client.create_work_pool(WorkPoolCreate(name=name, type=WarmWorker.type, base_job_template=template))
    with suppress(ObjectAlreadyExists):
        await client.create_work_queue(URGENT, work_pool_name=name, priority=1)


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


async def _report_limit_runs(client: PrefectClient, alert_url: SecretStr | None) -> None:
    """Create or renew the automation, or delete it where nobody is to be told."""
    known = await client.read_automations_by_name(AUTOMATION)
    if alert_url is None:
        for former in known:
            await client.delete_automation(former.id)
        return
    automation = AutomationCore(
        name=AUTOMATION,
        description="Posts that a limit run failed, was held, is incomplete, or did not start when it was due.",
        trigger=EventTrigger(
            posture=Posture.Reactive,
            expect={f"prefect.flow-run.{state}" for state in REPORTED},
            match_related=ResourceSpecification(
                {"prefect.resource.role": "deployment", "prefect.resource.name": NIGHTLY}
            ),
            threshold=1,
        ),
        actions=[
            SendNotification(
                block_document_id=await _save_webhook(client, alert_url),
                subject="{{ flow_run.name }}: {{ flow_run.state.name }}",
                body="{{ flow_run.state.message }} {{ flow_run|ui_url }}",
            )
        ],
    )
    if known:
        await client.update_automation(known[0].id, automation)
    else:
        await client.create_automation(automation)


async def _save_webhook(client: PrefectClient, address: SecretStr) -> UUID:
    """Save where to post, as a block of Prefect; its id. The address often has a token in it, so it is a secret."""
    # Slow to import, and only needed where somebody is told.
    from prefect.blocks.notifications import CustomWebhookNotificationBlock  # noqa: PLC0415

    block = CustomWebhookNotificationBlock(
        name="underwriting",
        url="{{address}}",
        json_data={"text": "{{subject}}\n{{body}}"},
        secrets=SecretDict({"address": address.get_secret_value()}),
    )
    saved: UUID = await block.save("underwriting-alerts", overwrite=True, client=client)
    return saved
