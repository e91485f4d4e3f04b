"""An ad-hoc review from the Prefect UI: the form is the application."""

from collections.abc import AsyncIterator, Mapping
from datetime import UTC, date, datetime
from typing import Any

from prefect import flow
from prefect.client.schemas.objects import State
from prefect.runtime import flow_run

from flows.review_application import reviewed
from tasks.forms import Empty, form_of, refusing
from underwriting.domain.application import ApplicationRequest, BureauConsent, PermissiblePurpose, Product
from underwriting.rulebook_cache import NotLent
from underwriting.runtime import open_runtime
from underwriting.store import applications
from underwriting.store.errors import StoreError

# The tenant of applications that staff enter.
STAFF_TENANT = "staff"


async def _misfits(given: Mapping[str, Any]) -> AsyncIterator[str]:
    """An amount of nothing or of part cents, and what is not lent."""
    for (field, *_), sentence in ApplicationRequest.misfits(given):
        yield f"{field}: {sentence}"
    if given.keys() >= {"product", "currency"}:
        asked = ApplicationRequest(
            customer_id="anybody", amount="1", currency=given["currency"], product=given["product"]
        )
        with refusing(StoreError):
            async with open_runtime() as runtime:
                refusal = await runtime.rulebook_cache.refusal(asked)
        if refusal:
            yield f"{refusal.field}: {refusal}" if isinstance(refusal, NotLent) else str(refusal)


@flow(flow_run_name="review-customer", persist_result=False, validate_parameters=False)
@form_of(_misfits)
async def review_customer(
    customer_id: str,
    amount: str,
    currency: str = "USD",
    product: Product = Product.LOAN,
    term_months: int | Empty = None,
    consented_at: datetime | Empty = None,
    purpose: PermissiblePurpose = PermissiblePurpose.CREDIT_TRANSACTION,
    as_of: date | Empty = None,
) -> State[None]:
    """Accept an application for a customer and review it at once. A retry of this run reviews the same application.

    Args:
        customer_id: The customer's id, as the user service knows it, such as good.
        amount: The amount that the customer wants, such as 2500.00.
        currency: The currency of the amount, such as USD.
        product: What the customer applies for.
        term_months: In how many months the customer repays, from 1 to 120. Empty takes the term of the rulebook.
        consented_at: When the customer consented to a pull of the credit report. Empty means no consent: no credit
            bureau is asked, and a person decides.
        purpose: The permissible purpose of that pull. It counts only with a consent.
        as_of: The day as of which the customer is judged. Empty means today.
    """
    request = ApplicationRequest(
        customer_id=customer_id,
        amount=amount,
        currency=currency,
        product=product,
        term_months=term_months,
        as_of=as_of,
        bureau_consent=BureauConsent(purpose=purpose, consented_at=consented_at) if consented_at else None,
    )
    async with open_runtime() as runtime:
        with refusing(StoreError):
            async with runtime.store.begin() as work:
                accepted = await applications.accept(work, STAFF_TENANT, request, str(flow_run.id), datetime.now(UTC))
        return await reviewed(accepted.stored.subject.id)
