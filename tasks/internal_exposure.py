"""Check 5: what the customer already owes us."""

from prefect import task

from tasks.check import CHECK, judge
from tasks.review import Review
from underwriting.domain.decision import CheckResult


@task(**CHECK)
async def internal_exposure(review: Review) -> CheckResult:
    """Fetch the outstanding total over all products from our own ledger."""
    application = review.application
    review.add(
        await review.runtime.sources.exposure(
            application.customer_id, application.requested.currency, application.as_of
        )
    )
    return await judge(review, "internal_exposure")
