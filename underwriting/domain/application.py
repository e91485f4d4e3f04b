"""An accepted application for credit, and its states."""

from collections.abc import Iterator, Mapping
from datetime import UTC, date, datetime, timedelta
from enum import StrEnum
from typing import Annotated, Any

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from underwriting.domain.money import AMOUNT_PATTERN, CurrencyCode, Money
from underwriting.domain.plausible import NO_BOOLEAN, WRITTEN, PastDate, RequestedMoment
from underwriting.domain.wording import AllAtOnce, Problem

# Opaque to us, chosen by the partner; restricted to characters that are safe in URL paths and logs.
CustomerId = Annotated[
    str,
    Field(
        pattern=r"^[A-Za-z0-9][A-Za-z0-9_-]{0,63}$",
        description="Opaque customer id: letters, digits, - and _, at most 64",
        examples=["good"],
    ),
]
ApplicationId = Annotated[
    str,
    Field(
        pattern=r"^app_[0-9A-HJKMNP-TV-Z]{26}$",
        description="Application id, as the API returned it",
        examples=["app_01KAYB2M4Z5W8Q0V6T3R9N7XJC"],
    ),
]


class Product(StrEnum):
    """What is applied for."""

    LOAN = "loan"
    FLOAT = "float"


class State(StrEnum):
    """The state of an application; `REFERRED` waits for a person, `QUARANTINED` and `CANCELLED` for an operator.

    `INCOMPLETE` and `COUNTEROFFER` wait for the customer, until a stored deadline.
    """

    PENDING = "pending"
    RUNNING = "running"
    DONE = "done"
    REFERRED = "referred"
    INCOMPLETE = "incomplete"
    COUNTEROFFER = "counteroffer"
    QUARANTINED = "quarantined"
    CANCELLED = "cancelled"


class PermissiblePurpose(StrEnum):
    """The purposes for which a consumer report may be pulled (US Fair Credit Reporting Act, 15 U.S.C. 1681b(a))."""

    # (a)(3)(A): a credit transaction that the consumer requests.
    CREDIT_TRANSACTION = "credit_transaction"
    # (a)(2): the consumer's written instructions.
    WRITTEN_INSTRUCTIONS = "written_instructions"


# The tolerated difference between clocks.
CLOCK_DIFFERENCE = timedelta(seconds=30)


def _given_already(moment: datetime) -> datetime:
    if moment > datetime.now(UTC) + CLOCK_DIFFERENCE:
        raise ValueError("is in the future; send the moment at which the customer consented")
    return moment.astimezone(UTC)


ConsentMoment = Annotated[RequestedMoment, AfterValidator(_given_already)]
TermMonths = Annotated[int, Field(ge=1, le=120), NO_BOOLEAN]
# Up to today.
RequestedDay = Annotated[PastDate, WRITTEN]


class BureauConsent(BaseModel):
    """The legal basis of a pull of the credit report. It is stored, and sent to the bureau with the pull."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    purpose: PermissiblePurpose
    consented_at: ConsentMoment = Field(description="When the customer consented to the pull")


class ApplicationRequest(AllAtOnce):
    """What a partner asks: may this customer have this loan?"""

    model_config = ConfigDict(
        frozen=True,
        extra="forbid",
        json_schema_extra={
            "examples": [
                {
                    "customer_id": "good",
                    "amount": "2500.00",
                    "currency": "USD",
                    "bureau_consent": {"purpose": "credit_transaction", "consented_at": "2026-03-02T09:30:00Z"},
                }
            ]
        },
    )

    customer_id: CustomerId
    product: Product = Product.LOAN
    amount: str = Field(
        pattern=AMOUNT_PATTERN,
        description="Amount wanted, as a decimal string in major units",
        examples=["2500.00"],
    )
    currency: CurrencyCode
    term_months: TermMonths | None = Field(
        default=None, description="Term in months; the rulebook's own where it is left out"
    )
    as_of: RequestedDay | None = Field(
        default=None,
        description="Business date the customer is judged on; today (UTC) where it is left out. An earlier day needs a "
        "scope of its own, and a later one is refused.",
    )

    # Left out of the fingerprint if missing, so that earlier requests keep their fingerprints after an upgrade.
    bureau_consent: BureauConsent | None = Field(
        default=None,
        exclude_if=lambda consent: consent is None,
        description="Permissible purpose and consent; without them no report is pulled, and a person decides",
    )

    @classmethod
    def misfits(cls, given: Mapping[str, Any]) -> Iterator[Problem]:
        """An amount of zero, or one that is finer than its currency."""
        if "amount" not in given:
            return
        try:
            # Zero is too little in any currency.
            if Money.parse(given["amount"], given.get("currency", "USD")).minor <= 0:
                yield ("amount",), "must be more than zero"
        except ValueError as error:
            if "currency" in given:
                yield ("amount",), str(error)

    @property
    def requested(self) -> Money:
        """The amount in minor units."""
        return Money.parse(self.amount, self.currency)


class Application(BaseModel):
    """One accepted application, without personal data, which stays with the sources."""

    model_config = ConfigDict(frozen=True)

    id: ApplicationId
    tenant: str
    request_key: str
    customer_id: CustomerId
    product: Product
    requested: Money
    term_months: int | None
    as_of: date
    bureau_consent: BureauConsent | None = None
    received_at: datetime
    # The lender's day of the receipt, and of the day on which the customer completed an incomplete application.
    received_on: date
    completed_on: date | None = None
    # Until when it waits for the customer.
    respond_by: datetime | None = None

    @property
    def complete_since(self) -> date:
        """The lender's day on which it was received complete; the time for the notice runs from then."""
        return self.completed_on or self.received_on
