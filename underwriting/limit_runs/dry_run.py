"""A dry run: calculates what a run would decide from the limits in force, and stores nothing but files."""

import asyncio

from ulid import ULID

from rules.limits.guard import check_run
from underwriting.domain.limits import LimitRunState
from underwriting.limit_runs.history import History
from underwriting.limit_runs.plan import open_history, plan_ranges
from underwriting.limit_runs.report import Report, merged
from underwriting.limit_runs.request import Request
from underwriting.limit_runs.run import spec_of
from underwriting.limit_runs.run_context import RunContext
from underwriting.limit_runs.shard import ShardResult
from underwriting.limit_runs.totals import Totals, summed
from underwriting.store.limits import runs as limit_runs
from underwriting.store.models import LimitRunRow


async def run_dry(context: RunContext, request: Request) -> Report:
    """Calculate all shards into a folder of their own and check the totals by the guard; HistoryError as in a run."""
    run_id = f"dry_{ULID()}"
    history = await asyncio.to_thread(open_history, request.history)
    results = await _calculated(context, request, history, run_id)
    policy, totals = request.policy, summed(result.totals for result in results)
    async with context.store.read() as work:
        earlier = await limit_runs.before(work, unsaved_run(request, run_id), policy.guard.last_runs)
    return Report(
        run_id=run_id,
        business_date=request.business_date,
        policy=str(request.policy.ref),
        fact_terms=str(request.run_request.fact_terms),
        currency=policy.currency,
        state=None,
        folder=context.folder(run_id),
        totals=totals,
        guard=check_run(policy.guard, totals, [Totals.model_validate(run.totals) for run in earlier if run.totals]),
        tables=merged(result.tables for result in results),
        shards=len(results),
        calculated=len(results),
        failed={result.number: result.error for result in results if result.error is not None},
    )


async def _calculated(context: RunContext, request: Request, history: History, run_id: str) -> list[ShardResult]:
    ranges = await asyncio.to_thread(
        plan_ranges, history, request.scope, request.shards, context.config.limits_shard_users
    )
    run = unsaved_run(request, run_id)

    async def one(number: int) -> ShardResult:
        return await context.calculate(await spec_of(context, request, history, run, number, ranges[number]))

    return await context.for_each(range(len(ranges)), one)


def unsaved_run(request: Request, run_id: str) -> LimitRunRow:
    """The run as it would be stored."""
    order = request.run_request
    return LimitRunRow(
        id=run_id,
        tenant=order.tenant,
        product=order.product,
        business_date=order.business_date,
        scope=order.scope,
        judged_at=order.judged_at,
        state=LimitRunState.CALCULATING,
    )
