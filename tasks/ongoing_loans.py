"""Check 7a: open loans."""

from prefect import task

from tasks.check import CHECK, judge
from tasks.review import Review
from underwriting.domain.decision import CheckResult


@task(**CHECK)
async def ongoing_loans(review: Review) -> CheckResult:
    """Fetch the customer's loans with us: how many are open, and the share of their instalments in the income."""
    application = review.application
    review.add(
        await review.runtime.sources.ongoing_loans(
            application.customer_id, application.requested.currency, application.as_of
        )
    )
    return await judge(review, "ongoing_loans")
