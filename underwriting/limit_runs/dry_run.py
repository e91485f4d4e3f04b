"""A dry run: calculates what a run would decide from the limits in force, and stores nothing but files."""

import asyncio
from datetime import UTC, datetime, timedelta

from ulid import ULID

from underwriting.domain.limits import LimitRunState
from underwriting.limit_runs.plan import open_history
from underwriting.limit_runs.report import Report, merged
from underwriting.limit_runs.request import Request
from underwriting.limit_runs.run import guard_result, shard_ranges, spec_of
from underwriting.limit_runs.run_context import RunContext
from underwriting.limit_runs.shard import ShardResult
from underwriting.limit_runs.totals import summed
from underwriting.store.limits import runs as limit_runs
from underwriting.store.models import LimitRunRow


async def run_dry(context: RunContext, request: Request) -> Report:
    """Calculate all shards into a folder of their own and check the totals by the guard; errors as in a run."""
    # The day under way may be tried, but no later one.
    limit_runs.refuse_before_decision_time(request.run_request, datetime.now(UTC) + timedelta(days=1))
    async with context.store.read() as work:
        await limit_runs.refuse_other_content(work, request.policy.ref)
    run_id = f"dry_{ULID()}"
    history = await asyncio.to_thread(open_history, request.history)
    ranges = await shard_ranges(context, request, history)
    run = unsaved_run(request, run_id)

    async def calculate(number: int) -> ShardResult:
        return await context.calculate(await spec_of(context, request, history, run, number, ranges[number]))

    results = await context.for_each(range(len(ranges)), calculate)
    totals = summed(result.totals for result in results)
    return Report(
        run_id=run_id,
        business_date=request.business_date,
        policy=str(request.policy.ref),
        fact_terms=str(request.run_request.fact_terms),
        currency=request.policy.currency,
        state=None,
        folder=context.folder(run_id),
        totals=totals,
        guard=await guard_result(context, run, request.policy, totals),
        tables=merged(result.tables for result in results),
        shards=len(results),
        calculated=len(results),
        failed={result.number: result.error for result in results if result.error is not None},
    )


def unsaved_run(request: Request, run_id: str) -> LimitRunRow:
    """The run as it would be stored."""
    stored = request.run_request
    return LimitRunRow(
        id=run_id,
        tenant=stored.tenant,
        product=stored.product,
        business_date=stored.business_date,
        scope=stored.scope,
        judged_at=stored.judged_at,
        state=LimitRunState.CALCULATING,
    )
