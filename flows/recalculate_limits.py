"""The scheduled limit run: from the transactions of all users to their limits, with reasons."""

from datetime import UTC, date, datetime
from typing import Annotated

from prefect import flow
from prefect.client.schemas.objects import State
from prefect.runtime import flow_run
from prefect.states import Completed
from pydantic import Field

from rules.limits.policy import policy_for
from tasks.limit_shards import OnRunner, shard_runner
from tasks.publish_limits import Progress, publish_limits
from underwriting.domain.application import CustomerId, Product
from underwriting.domain.limits import Scope
from underwriting.limit_runs.dry_run import run_dry
from underwriting.limit_runs.request import Request
from underwriting.limit_runs.run import recalculate
from underwriting.limit_runs.run_context import RunContext
from underwriting.runtime import open_runtime
from underwriting.settings import settings

BusinessDate = Annotated[
    date | None,
    Field(description="Limits as of this business day of the lender; left out, the last one when the run was due"),
]
History = Annotated[
    str, Field(description="A folder, s3://bucket/folder or `database`; left out, as the settings say", max_length=500)
]
Shards = Annotated[int | None, Field(ge=1, le=5_000, description="Left out, as many as the settings say")]
Segment = Annotated[str | None, Field(min_length=1, max_length=64, description="Only this segment")]
Full = Annotated[bool, Field(description="Read every row again, also of files that look as they were")]
DryRun = Annotated[bool, Field(description="Calculate and show, and store nothing")]
PolicyName = Annotated[str, Field(max_length=64, description="Which policy decides", examples=["cfi", "cfi-cautious"])]
Tenant = Annotated[str, Field(max_length=64, description="Whose users; left out, as the settings say")]


@flow(
    flow_run_name="limits-{product}-{business_date}",
    task_runner=shard_runner(settings()),
    persist_result=False,
)
async def recalculate_limits(
    business_date: BusinessDate = None,
    product: Product = Product.FLOAT,
    history: History = "",
    shards: Shards = None,
    dry_run: DryRun = False,
    segment: Segment = None,
    user_id: CustomerId | None = None,
    policy: PolicyName = "cfi",
    full: Full = False,
    tenant: Tenant = "",
) -> State[None]:
    """Recalculate the limits of all users, of a segment or of one user, and apply what the guard lets pass.

    The same date again goes on where the run stopped, and changes nothing once it is done. A run that the guard holds
    waits for staff (`release-limits`).
    """
    async with open_runtime() as runtime:
        limit_policy = policy_for(policy, product, today=None if dry_run else datetime.now(UTC).date())
        request = Request(
            tenant=tenant or runtime.config.limits_tenant,
            product=product,
            business_date=business_date or limit_policy.business_day.last(due()),
            history=history or runtime.config.limits_history,
            policy=limit_policy,
            scope=Scope(segment, user_id),
            shards=shards,
            dry_run=dry_run,
            full=full,
        )
        context = RunContext(runtime.store, runtime.config, OnRunner(), Progress(), str(flow_run.id))
        report = await (run_dry(context, request) if dry_run else recalculate(context, request))
        if report.busy:
            return Completed(name="NotOwed", message=f"Another run works on {report.run_id}.")
        await publish_limits(report)
    name = "DryRun" if report.state is None else report.state.title().replace("_", "")
    return Completed(name=name, message=f"{report.run_id} for {report.business_date}: {report.sentence}")


def due() -> datetime:
    """When this run was due, however late it started."""
    scheduled: datetime | None = flow_run.scheduled_start_time
    return scheduled or datetime.now(UTC)
