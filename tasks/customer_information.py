"""Check 1: who applies."""

from prefect import task

from tasks.check import CHECK, judge
from tasks.review import Review
from underwriting.domain.decision import CheckResult


@task(**CHECK)
async def customer_information(review: Review) -> CheckResult:
    """Fetch the person from the user service, and the company that the person acts for from the registry."""
    application, sources = review.application, review.runtime.sources
    person = await sources.person(application.customer_id, application.as_of)
    review.add(person)
    if person.company_number is not None:
        review.add(await sources.company(person.company_number, application.as_of))
    return await judge(review, "customer_information")
