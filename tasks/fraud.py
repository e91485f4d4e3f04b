"""Check 6: fraud, and persons who may not get a loan."""

from prefect import task

from tasks.check import CHECK, judge
from tasks.review import Review
from underwriting.domain.decision import CheckResult
from underwriting.domain.documents import Company, Person


@task(**CHECK)
async def fraud(review: Review) -> CheckResult:
    """Screen the person and the company against the lists in the store, and ask the fraud service."""
    application, person = review.application, review.document(Person)
    # Our own lists come first, so that a listed person is rejected even while the fraud service is down. Without a
    # person there is nobody to screen, and NotListed is unknown.
    if person is not None:
        company = review.document(Company)
        review.screened = await review.runtime.screener.screen(
            application.tenant, application.customer_id, person, company
        )
        review.add(review.screened.document)
    review.add(await review.runtime.sources.fraud_report(application.customer_id, application.id, application.as_of))
    return await judge(review, "fraud")
