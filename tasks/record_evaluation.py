"""The one final transaction of an evaluation."""

from prefect import task
from prefect.cache_policies import NO_CACHE

from tasks.user_check import UserCheck
from underwriting.domain.eligibility import Eligibility
from underwriting.edges.metrics import metrics
from underwriting.failpoints import failpoint
from underwriting.store import evaluations
from underwriting.store.models import Channel
from underwriting.workplace import Workplace


@task(cache_policy=NO_CACHE, persist_result=False, timeout_seconds=60)
async def record_evaluation(check: UserCheck, eligibility: Eligibility, books_digest: str) -> None:
    """Store the evaluation with every book's outcomes, its messages and the audit entry, or nothing.

    LeaseLost where another worker owns the evaluation by now: its result counts, and this one is dropped.
    """
    failpoint("before-finish")
    async with check.place.store.begin() as work:
        await evaluations.finish(work, check.claim, eligibility, books_digest, listening(check.place))
    request = check.request
    seconds = (eligibility.decided_at - request.requested_at).total_seconds()
    metrics().decided("evaluation", request.product, eligibility.verdict, seconds)
    failpoint("after-finish")


def listening(place: Workplace) -> list[Channel]:
    """The channels on which somebody hears of evaluations."""
    outlets = {Channel.EVENTS: place.outlets.bus, Channel.ANALYTICS: place.outlets.analytics}
    return [channel for channel, outlet in outlets.items() if outlet is not None]
