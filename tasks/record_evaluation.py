"""The one final transaction of an evaluation."""

from datetime import UTC, datetime

from prefect import task
from prefect.cache_policies import NO_CACHE

from tasks.run_books import BooksResult
from tasks.user_check import UserCheck
from underwriting.domain.eligibility import Eligibility
from underwriting.integrations.metrics import metrics
from underwriting.process.failpoints import failpoint
from underwriting.runtime import Runtime
from underwriting.store import evaluations, matches, profiles, reported_floats
from underwriting.store.models import Channel
from underwriting.store.session import Work


@task(cache_policy=NO_CACHE, persist_result=False, timeout_seconds=60)
async def record_evaluation(check: UserCheck, eligibility: Eligibility, ran: BooksResult) -> bool:
    """Store the evaluation with every book's outcomes, its messages and the audit entry, or nothing.

    False where what it rests on changed meanwhile: it is to be judged again. LeaseLost where another worker owns the
    evaluation by now: its result counts, and this one is dropped.
    """
    request = check.request
    failpoint("before-finish")
    async with check.runtime.store.begin() as work:
        if not await _still_stands(work, check, ran):
            return False
        await evaluations.finish(
            work, check.claim, eligibility, ran.digest, listening(check.runtime), floats_reported=ran.floats_reported
        )
        if (screened := check.screened) is not None:
            await matches.keep(work, request.tenant, request.user_id, screened.found, screened.kinds)
    seconds = (eligibility.decided_at - request.requested_at).total_seconds()
    metrics().decided("evaluation", request.product, eligibility.verdict, seconds)
    failpoint("after-finish")
    return True


async def _still_stands(work: Work, check: UserCheck, ran: BooksResult) -> bool:
    """Whether profile, books and the floats that are known are those that were judged by."""
    request = check.request
    profile = await profiles.current(work, request.tenant, request.user_id, datetime.now(UTC))
    _, digest = await check.runtime.rulebook_cache.eligibility(work, request.product)
    told = await reported_floats.count(work, request.tenant, request.user_id)
    now = (profile and profile.version, digest, told)
    return now == (check.profile.version, ran.digest, ran.floats_reported)


def listening(runtime: Runtime) -> list[Channel]:
    """The channels on which somebody hears of evaluations."""
    outlets = {Channel.EVENTS: runtime.outlets.bus, Channel.ANALYTICS: runtime.outlets.analytics}
    return [channel for channel, outlet in outlets.items() if outlet is not None]
