"""The scheduled limit run: from the transactions of all users to their limits, with reasons."""

from collections.abc import AsyncIterator, Mapping
from datetime import UTC, date, datetime
from typing import Any

from prefect import flow
from prefect.client.schemas.objects import State
from prefect.runtime import flow_run
from prefect.states import Completed

from rules.limits.policy import LimitPolicy, policy_for, shipped_policies
from tasks.forms import Empty, InputRefused, form_of, is_empty, refusing
from tasks.limit_shards import OnRunner, shard_runner
from tasks.publish_limits import Progress, publish_limits
from underwriting.domain.application import Product
from underwriting.domain.limits import Scope
from underwriting.limit_runs.dry_run import run_dry
from underwriting.limit_runs.history import HistoryError
from underwriting.limit_runs.places import may_be_read
from underwriting.limit_runs.request import Request, scope_of
from underwriting.limit_runs.run import recalculate
from underwriting.limit_runs.run_context import RunContext
from underwriting.runtime import Runtime, open_runtime
from underwriting.settings import settings
from underwriting.store.errors import RunInTheWay


def _run_name() -> str:
    """`limits-float-2026-06-30`, with the date that the run is about, and what else sets it apart."""
    given = flow_run.parameters
    # Without a policy the run ends and says so.
    policy = shipped_policies().get(given["policy"])
    day = given["business_date"]
    if is_empty(day):
        day = policy.business_day.last(due()) if policy else "without-policy"
    marks = ("one-user" if given["user_id"] else given["segment"], "dry-run" if given["dry_run"] else "")
    return "-".join(filter(None, ("limits", Product.FLOAT, str(day), *marks)))


async def _misfits(given: Mapping[str, Any]) -> AsyncIterator[str]:
    """A policy that is not there or not in force, a segment that nobody is in, a history that may not be read."""
    config, name = settings(), given.get("policy")
    if name is not None and name not in shipped_policies():
        yield f"policy: no policy is called {name}; there are {', '.join(shipped_policies())}"
    elif name is not None and "dry_run" in given:
        try:
            _policy(name, dry_run=given["dry_run"])
        except ValueError as error:
            yield f"policy: {error}"
    try:
        scope_of(given.get("segment"), given.get("user_id"), config.segments)
    except ValueError as error:
        yield f"segment: {error}"
    if "history" not in given:
        return
    if not (where := given["history"] or config.limits_history):
        yield "history: name a folder on the worker, or set UNDERWRITING_LIMITS_HISTORY"
    elif not may_be_read(config, where):
        yield "history: the settings do not allow it; name one at UNDERWRITING_LIMITS_HISTORY or _LIMITS_HISTORIES"


def _policy(name: str, *, dry_run: bool) -> LimitPolicy:
    """A dry run may try a policy that is not in force."""
    return policy_for(name, today=None if dry_run else datetime.now(UTC).date())


@flow(flow_run_name=_run_name, task_runner=shard_runner(settings()), persist_result=False, validate_parameters=False)
@form_of(_misfits)
async def recalculate_limits(
    business_date: date | Empty = None,
    dry_run: bool = False,
    user_id: str = "",
    segment: str = "",
    policy: str = "cfi",
    history: str = "",
    tenant: str = "",
    full: bool = False,
    shards: int | Empty = None,
) -> State[None]:
    """Recalculate the limits of all users, of a segment or of one user, and apply what the guard lets pass.

    The same date again goes on where the run stopped, and changes nothing once it is done. A run that the guard holds
    waits for staff (`release-limits`).

    Args:
        business_date: The business day of the lender at whose end the limits hold, such as 2026-06-30. Empty takes the
            last one that had ended when the run was due.
        dry_run: On: calculate and show, and store nothing. Off: the limits of users change.
        user_id: Only this user, such as u000000034. Empty: all users.
        segment: Only users of this segment, such as student. Empty: all users.
        policy: The name of the limit policy that decides, such as cfi or cfi-cautious.
        history: Where the users' transactions are: a folder on the worker, s3://bucket/folder, or "database", among the
            places that the settings allow. Empty takes the one of UNDERWRITING_LIMITS_HISTORY.
        tenant: Whose users they are, such as sandbox. Empty takes the one of UNDERWRITING_LIMITS_TENANT.
        full: On: read every row again, also of files that look as they did before.
        shards: Into how many parts the users are divided, from 1 to 5,000. Empty makes parts of
            UNDERWRITING_LIMITS_SHARD_USERS users.
    """
    async with open_runtime() as runtime:
        config = runtime.config
        limit_policy = _policy(policy, dry_run=dry_run)
        request = Request(
            tenant=tenant or config.limits_tenant,
            product=limit_policy.product,
            business_date=business_date or limit_policy.business_day.last(due()),
            history=history or config.limits_history,
            policy=limit_policy,
            scope=scope_of(segment, user_id, config.segments),
            shards=shards,
            dry_run=dry_run,
            full=full,
        )
        return await calculated(runtime, request)


async def calculated(runtime: Runtime, request: Request) -> State[None]:
    """Calculate limits in the flow run that calls this, or go on with it, and show what became of it."""
    context = RunContext(runtime.store, runtime.config, OnRunner(), Progress(), str(flow_run.id))
    with refusing(HistoryError, RunInTheWay):
        report = await (run_dry(context, request) if request.dry_run else recalculate(context, request))
    if report.busy:
        return Completed(name="NotOwed", message=f"Another run works on {report.run_id}.")
    if (scope := request.scope) != Scope() and not report.totals.users:
        whom = "user_id: no such user" if scope.user_id else f"segment: nobody of the segment {scope.segment}"
        raise InputRefused(f"{whom} is in {request.history}")
    await publish_limits(runtime.config, report)
    name = "DryRun" if report.state is None else report.state.title().replace("_", "")
    return Completed(name=name, message=f"{report.run_id} for {report.business_date}: {report.sentence}")


def due() -> datetime:
    """When this run was due, however late it started."""
    scheduled: datetime | None = flow_run.scheduled_start_time
    return scheduled or datetime.now(UTC)
