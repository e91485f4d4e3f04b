"""The one final transaction of a review."""

from collections.abc import Sequence

from tasks.review import Review
from underwriting.domain.decision import CheckResult, Decision
from underwriting.process.failpoints import failpoint
from underwriting.process.metrics import metrics
from underwriting.store import decisions, matches


async def record_decision(review: Review, results: Sequence[CheckResult], decision: Decision) -> None:
    """Store the decision, its outcomes, the message to the partner and the audit entry, or nothing.

    LeaseLost if another worker owns the application now: that worker's decision counts, and this one is dropped.
    """
    application = review.application
    failpoint("before-finish")
    wake_at = review.book.wake_at(decision)
    async with review.runtime.store.begin() as work:
        await decisions.finish(work, review.claim, results, decision, review.runtime.config.partners, wake_at)
        if (screened := review.screened) is not None:
            await matches.keep(work, application.tenant, application.customer_id, screened.found, screened.kinds)
    seconds = (decision.decided_at - application.received_at).total_seconds()
    metrics().decided("application", application.product, decision.verdict, seconds)
    failpoint("after-finish")
