"""An application for credit, as accepted, and the states it goes through."""

from datetime import date, datetime
from enum import StrEnum
from typing import Annotated, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from underwriting.domain.money import CurrencyCode, Money

# Opaque to us, chosen by the partner; narrow enough to stand in a URL path and in a log line.
CustomerId = Annotated[
    str,
    Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_-]{0,63}$", description="Opaque customer id", examples=["good"]),
]
ApplicationId = Annotated[
    str,
    Field(pattern=r"^app_[0-9A-HJKMNP-TV-Z]{26}$", description="Application id, as the API returned it"),
]


class Product(StrEnum):
    """What is applied for."""

    LOAN = "loan"
    FLOAT = "float"


class State(StrEnum):
    """Where an application stands; `REFERRED` waits for a person, `QUARANTINED` for an operator.

    `INCOMPLETE` and `COUNTEROFFER` wait for the customer, until a stored deadline.
    """

    PENDING = "pending"
    RUNNING = "running"
    DONE = "done"
    REFERRED = "referred"
    INCOMPLETE = "incomplete"
    COUNTEROFFER = "counteroffer"
    FAILED = "failed"
    QUARANTINED = "quarantined"


class ApplicationRequest(BaseModel):
    """What a partner asks: may this customer have this loan?"""

    model_config = ConfigDict(frozen=True, extra="forbid")

    customer_id: CustomerId
    product: Product = Product.LOAN
    amount: str = Field(
        pattern=r"^[0-9]{1,12}(\.[0-9]{1,4})?$",
        description="Amount wanted, as a decimal string in major units",
        examples=["2500.00"],
    )
    currency: CurrencyCode
    term_months: int | None = Field(
        default=None, ge=1, le=120, description="Term in months; the rulebook's own where it is left out"
    )
    as_of: date | None = Field(
        default=None, description="Business date the customer is judged on; today (UTC) where it is left out"
    )

    @model_validator(mode="after")
    def _lends_a_positive_amount(self) -> Self:
        if self.requested.minor <= 0:
            raise ValueError("amount must be more than zero")
        return self

    @property
    def requested(self) -> Money:
        """The amount in minor units."""
        return Money.parse(self.amount, self.currency)


class Application(BaseModel):
    """One accepted application. Identified by its own id; everything personal stays with the sources."""

    model_config = ConfigDict(frozen=True)

    id: ApplicationId
    tenant: str
    request_key: str
    customer_id: CustomerId
    product: Product
    requested: Money
    term_months: int | None
    as_of: date
    received_at: datetime
    # When the customer supplied what an incomplete application lacked, and until when an incomplete one waits.
    completed_at: datetime | None = None
    respond_by: datetime | None = None

    @property
    def complete_since(self) -> datetime:
        """When it was received complete: from then on the time runs in which the customer has to be told."""
        return self.completed_at or self.received_at
