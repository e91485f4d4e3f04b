"""What every check of a review shares: its retries, its rules, and its result if the source fails."""

import asyncio
from typing import Any

from prefect import Task
from prefect.cache_policies import NO_CACHE
from prefect.client.schemas.objects import State, TaskRun

from rules.facts import compute_facts
from rules.prescreening.engine import evaluate
from tasks.review import Review
from underwriting.domain.decision import CheckResult
from underwriting.integrations.errors import SourceError, SourceOutage
from underwriting.process.metrics import metrics
from underwriting.settings import settings


def is_outage(_task: Task[..., Any], _run: TaskRun, state: State[Any]) -> bool:
    """Whether to retry: after an outage or a timeout, not after a refusal or a malformed answer."""
    return isinstance(state.data, SourceOutage | TimeoutError)


# Prefect stores neither arguments, which contain personal data, nor results, which go to the store.
CHECK: dict[str, Any] = {
    "retries": len(settings().retry_delays),
    "retry_delay_seconds": list(settings().retry_delays),
    "retry_jitter_factor": 0.5,
    "retry_condition_fn": is_outage,
    "timeout_seconds": settings().check_timeout,
    "cache_policy": NO_CACHE,
    "persist_result": False,
}


async def judge(review: Review, check: str, trouble: str | None = None) -> CheckResult:
    """Compute the check's facts from the documents gathered so far, and run its rules."""
    return await asyncio.to_thread(_judge, review, check, trouble)


async def result_of(review: Review, check: str, state: State[CheckResult]) -> CheckResult:
    """The result of a check. If its source failed, the facts that need it are unknown.

    Any other error is ours and is raised: nothing is decided then, and the application is tried again.
    """
    try:
        return await state.aresult()
    except (SourceError, TimeoutError) as error:
        metrics().troubled(check)
        return await judge(review, check, trouble=str(error) or "timed out")


def _judge(review: Review, check: str, trouble: str | None) -> CheckResult:
    facts = compute_facts(check, review.tables())
    (result,) = evaluate(review.book, facts, [check]).check_results(0)
    return result.model_copy(update={"trouble": trouble})
