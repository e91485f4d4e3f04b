"""The one final transaction of an evaluation."""

from prefect import task
from prefect.cache_policies import NO_CACHE

from tasks.user_check import UserCheck
from underwriting.domain.eligibility import Eligibility
from underwriting.edges.metrics import metrics
from underwriting.failpoints import failpoint
from underwriting.store import evaluations
from underwriting.store.models import Channel


@task(cache_policy=NO_CACHE, persist_result=False, timeout_seconds=60)
async def record_evaluation(check: UserCheck, eligibility: Eligibility, books_digest: str) -> None:
    """Store the evaluation with every book's outcomes, its messages and the audit entry, or nothing.

    LeaseLost where another worker owns the evaluation by now: its result counts, and this one is dropped.
    """
    failpoint("before-finish")
    outlets = check.place.outlets
    listening = {Channel.EVENTS: outlets.bus, Channel.ANALYTICS: outlets.analytics}
    channels = [channel for channel, outlet in listening.items() if outlet is not None]
    async with check.place.store.begin() as work:
        await evaluations.finish(work, check.claim, eligibility, books_digest, channels)
    request = check.request
    seconds = (eligibility.decided_at - request.requested_at).total_seconds()
    metrics().decided("evaluation", request.product, eligibility.verdict, seconds)
    failpoint("after-finish")
