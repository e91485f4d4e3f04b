"""Check 3: whether the income carries the loan."""

from prefect import task

from tasks.check import CHECK, judge
from tasks.review import Review
from underwriting.domain.decision import CheckResult
from underwriting.domain.documents import Person


@task(**CHECK)
async def financial_statements(review: Review) -> CheckResult:
    """Fetch a company's accounts; for a person, income and outgoings come from the bank statements."""
    application, person = review.application, review.document(Person)
    if person is not None and person.company_number is not None:
        review.add(
            await review.runtime.sources.financial_statements(
                application.customer_id, application.requested.currency, application.as_of
            )
        )
    return await judge(review, "financial_statements")
