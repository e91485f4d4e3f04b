"""Check 7b: the repayment of earlier loans."""

from prefect import task

from tasks.check import CHECK, judge
from tasks.review import Review
from underwriting.domain.decision import CheckResult


@task(**CHECK)
async def payment_history(review: Review) -> CheckResult:
    """Fetch the instalments that fell due on the customer's earlier loans with us."""
    application = review.application
    review.add(await review.runtime.sources.payment_history(application.customer_id, application.as_of))
    return await judge(review, "payment_history")
