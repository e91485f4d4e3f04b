"""The one final transaction of an evaluation."""

from datetime import UTC, datetime

from tasks.run_books import BooksResult
from tasks.user_check import UserCheck
from underwriting.domain.eligibility import Eligibility
from underwriting.process.failpoints import failpoint
from underwriting.process.metrics import metrics
from underwriting.store import evaluations, matches, profiles, reported_floats
from underwriting.store.queue.outbox import event_channels
from underwriting.store.session import Work


async def record_evaluation(check: UserCheck, eligibility: Eligibility, result: BooksResult) -> bool:
    """Store the evaluation with every book's outcomes, its messages and the audit entry, or nothing.

    False if what it rests on has changed: the books have to run again. LeaseLost if another worker owns the evaluation
    now: that worker's result counts, and this one is dropped.
    """
    request = check.request
    failpoint("before-finish")
    async with check.runtime.store.begin() as work:
        if not await _is_unchanged(work, check, result):
            return False
        channels = event_channels(check.runtime.config)
        await evaluations.finish(work, check.claim, eligibility, result.digest, channels, result.floats_reported)
        if (screened := check.screened) is not None:
            await matches.keep(work, request.tenant, request.user_id, screened.found, screened.kinds)
    seconds = (eligibility.decided_at - request.requested_at).total_seconds()
    metrics().decided("evaluation", request.product, eligibility.verdict, seconds)
    failpoint("after-finish")
    return True


async def _is_unchanged(work: Work, check: UserCheck, result: BooksResult) -> bool:
    """Whether profile, books and reported floats are still those that the result rests on."""
    request = check.request
    profile = await profiles.current(work, request.tenant, request.user_id, datetime.now(UTC))
    _, digest = await check.runtime.rulebook_cache.eligibility(work, request.product)
    reported = await reported_floats.count(work, request.tenant, request.user_id)
    now = (profile.version if profile else profiles.NOT_STORED, digest, reported)
    return now == (check.profile.version, result.digest, result.floats_reported)
