"""Check 1: who applies."""

from prefect import task

from tasks.check import CHECK, judge
from tasks.review import Review
from underwriting.domain.decision import CheckResult
from underwriting.domain.documents import NoPerson
from underwriting.integrations.errors import CustomerNotFound


@task(**CHECK)
async def customer_information(review: Review) -> CheckResult:
    """Fetch the person from the user service, and the company that the person acts for from the registry.

    That the user service has no such customer is an answer, too.
    """
    application, sources = review.application, review.runtime.sources
    try:
        person = await sources.person(application.customer_id, application.as_of)
    except CustomerNotFound as error:
        review.add(NoPerson())
        return await judge(review, "customer_information", trouble=str(error))
    review.add(person)
    if person.company_number is not None:
        review.add(await sources.company(person.company_number, application.as_of))
    return await judge(review, "customer_information")
