"""Check 4: the bureau's report, paid for once."""

from prefect import task
from prefect.concurrency.asyncio import concurrency

from tasks.check import CHECK, judge
from tasks.review import Review
from underwriting.clients.errors import SourceRefusal
from underwriting.domain.decision import CheckResult
from underwriting.domain.documents import CreditReport
from underwriting.failpoints import failpoint
from underwriting.store import ledger
from underwriting.store.ledger import Effect
from underwriting.store.models import EffectState

PULL = "bureau-pull"
# The global concurrency limit that bounds simultaneous pulls over all workers; made when the project is deployed.
BUREAU = "bureau"
# Seconds until the slot of a killed worker is free again; the least that Prefect allows, and less than a check's tries
# take together. By Prefect's own five minutes, a few killed workers would leave everybody without a report.
SLOT_LEASE = 60


@task(**CHECK)
async def credit_report(review: Review) -> CheckResult:
    """Pull the bureau report once, whatever crashes in between, and keep it sealed in the effect ledger."""
    async with review.place.store.begin() as work:
        pull = await ledger.begin(work, review.claim, PULL)
    failpoint("after-intent")
    if pull.payload is not None:
        review.add(CreditReport.model_validate_json(pull.payload))
        return await judge(review, "credit_report")
    async with concurrency(BUREAU, lease_duration=SLOT_LEASE, strict=True):
        report = await _pulled(review, pull)
    failpoint("after-pull")
    async with review.place.store.begin() as work:
        await ledger.done(work, review.claim, PULL, report.model_dump_json().encode())
    review.add(report)
    return await judge(review, "credit_report")


async def _pulled(review: Review, pull: Effect) -> CreditReport:
    """The report of this pull: asked for the first time, again under the same key, or looked up by it."""
    application, sources = review.application, review.place.sources
    currency = application.requested.currency
    if pull.state is EffectState.UNKNOWN:
        raise SourceRefusal("bureau", "an earlier pull is of unknown fate; it is not repeated")
    if pull.first or review.place.config.bureau_idempotent:
        return await sources.credit_report(application.customer_id, currency, pull.provider_key, application.as_of)
    if (found := await sources.find_credit_report(pull.provider_key, currency)) is not None:
        return found
    async with review.place.store.begin() as work:
        await ledger.unknown(work, review.claim, PULL)
    raise SourceRefusal("bureau", "an earlier pull left no report; it is not repeated")
