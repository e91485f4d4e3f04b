"""Check 2: the main account."""

from prefect import task

from tasks.check import CHECK, judge
from tasks.review import Review
from underwriting.domain.decision import CheckResult

# Six full months, as the shipped rulebook requires.
MONTHS = 6


@task(**CHECK)
async def bank_statements(review: Review) -> CheckResult:
    """Fetch six months of statements: coverage, balances, spending, returned payments."""
    application = review.application
    review.add(
        await review.runtime.sources.bank_statements(
            application.customer_id, application.requested.currency, MONTHS, application.as_of
        )
    )
    return await judge(review, "bank_statements")
