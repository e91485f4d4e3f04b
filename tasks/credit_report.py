"""Check 4: the bureau's report, paid for once."""

from contextlib import AsyncExitStack

from prefect import task
from prefect.concurrency.asyncio import concurrency

from tasks.check import CHECK, judge
from tasks.review import Review
from underwriting.domain.application import BureauConsent
from underwriting.domain.decision import CheckResult
from underwriting.domain.documents import CreditReport
from underwriting.integrations.errors import SourceRefusal
from underwriting.integrations.steps import waiting
from underwriting.process.failpoints import failpoint
from underwriting.sources.answers import parse_document
from underwriting.sources.sources import BureauOrder
from underwriting.store import ledger
from underwriting.store.errors import Undecipherable
from underwriting.store.ledger import Effect
from underwriting.store.models import EffectState

PULL = "bureau-pull"
NO_CONSENT = "no report is pulled, since the application names no permissible purpose and consent (bureau_consent)"
# The global concurrency limit that bounds simultaneous pulls over all workers; made when the project is deployed.
BUREAU = "bureau"
# Seconds until the slot of a killed worker is free again: the least that Prefect allows, and less than all tries of a
# check take. With Prefect's default of five minutes, a few killed workers would block all reports.
SLOT_LEASE = 60


@task(**CHECK)
async def credit_report(review: Review) -> CheckResult:
    """Pull the bureau report once, whatever crashes meanwhile, and keep it sealed in the effect ledger.

    Without a permissible purpose and the customer's consent there is no pull.
    """
    consent = review.application.bureau_consent
    if consent is None:
        # What was not asked is no failure of the task.
        return await judge(review, "credit_report", trouble=str(SourceRefusal("bureau", NO_CONSENT)))
    # The intent is stored once the slot is ours: who only waited for a slot has asked for nothing.
    async with AsyncExitStack() as slot:
        with waiting(BUREAU, "for a free slot"):
            await slot.enter_async_context(concurrency(BUREAU, lease_duration=SLOT_LEASE, strict=True))
        forgotten = await _forgotten(review)
        try:
            async with review.runtime.store.begin() as work:
                pull = await ledger.begin(work, review.claim, PULL)
        except Undecipherable as error:
            raise SourceRefusal("bureau", f"the report was pulled before, and is not pulled again: {error}") from None
        failpoint("after-intent")
        if pull.payload is not None:
            report = read_report(pull.payload)
        else:
            report = forgotten or await _pulled(review, pull, consent)
    if pull.payload is None:
        failpoint("after-pull")
        async with review.runtime.store.begin() as work:
            await ledger.done(work, review.claim, PULL, report.model_dump_json().encode())
    review.add(report)
    return await judge(review, "credit_report")


def read_report(payload: bytes) -> CreditReport:
    """The report in the ledger; MalformedAnswer if it was stored before today's required fields."""
    return parse_document("bureau", CreditReport, payload)


async def _forgotten(review: Review) -> CreditReport | None:
    """A report that was paid for before the store was restored to an earlier moment, so that the ledger lacks it.

    A bureau that honours our key gives it again by itself; any other is asked before it is paid.
    """
    if review.runtime.config.bureau_idempotent:
        return None
    application = review.application
    async with review.runtime.store.read() as work:
        if await ledger.begun(work, application.id, PULL):
            return None
    reference = ledger.provider_key(application, PULL)
    return await review.runtime.sources.find_credit_report(reference, application.requested.currency)


async def _pulled(review: Review, pull: Effect, consent: BureauConsent) -> CreditReport:
    """The report of this pull: requested for the first time, again under the same key, or looked up by the key."""
    application, sources = review.application, review.runtime.sources
    order = BureauOrder(pull.provider_key, application.requested.currency, application.as_of, consent)
    if pull.state is EffectState.UNKNOWN:
        raise SourceRefusal("bureau", "the result of an earlier pull is unknown; it is not repeated")
    if pull.first or review.runtime.config.bureau_idempotent:
        return await sources.credit_report(application.customer_id, order)
    if (found := await sources.find_credit_report(order.reference, order.currency)) is not None:
        return found
    async with review.runtime.store.begin() as work:
        await ledger.unknown(work, review.claim, PULL)
    raise SourceRefusal("bureau", "an earlier pull left no report; it is not repeated")
