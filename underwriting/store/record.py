"""The API's answer about an application. The record of a decision is built once and stored as bytes."""

from datetime import date, datetime
from typing import Self

from pydantic import BaseModel, ConfigDict, Field

from underwriting.domain.application import Application, ApplicationId, BureauConsent, Product, State
from underwriting.domain.decision import (
    CheckResult,
    Decision,
    Missing,
    Offer,
    Outcome,
    Reason,
    RulebookRef,
    Verdict,
    awaited,
)
from underwriting.domain.money import CurrencyCode, Money


class CheckRecord(BaseModel):
    """One check that ran: the result of each rule and the facts it read, or why the source gave nothing."""

    model_config = ConfigDict(frozen=True)

    check: str
    trouble: str | None = None
    outcomes: tuple[Outcome, ...]

    @classmethod
    def of(cls, result: CheckResult) -> Self:
        """Without the facts that no rule read."""
        return cls(check=result.check, trouble=result.trouble, outcomes=result.outcomes)


class OfferRecord(BaseModel):
    """The counteroffer."""

    model_config = ConfigDict(frozen=True)

    amount: str = Field(description="Decimal string in major units", examples=["2000.00"])
    term_months: int
    instalment: str = Field(description="A month's, as a decimal string in major units", examples=["105.75"])

    @classmethod
    def of(cls, offer: Offer) -> Self:
        """The offer, its amounts as decimals."""
        return cls(amount=offer.amount.decimal, term_months=offer.term_months, instalment=offer.instalment.decimal)

    def read(self, currency: str) -> Offer:
        """The offer, from its amounts in `currency`."""
        amount, instalment = (Money.parse(decimal, currency) for decimal in (self.amount, self.instalment))
        return Offer(amount=amount, term_months=self.term_months, instalment=instalment)


# States in which an application waits for staff or for the customer.
WAITING_IN = {
    Verdict.REFERRED: State.REFERRED,
    Verdict.INCOMPLETE: State.INCOMPLETE,
    Verdict.COUNTEROFFER: State.COUNTEROFFER,
}


class Record(BaseModel):
    """An application: its state, and what was decided, why and by whom."""

    model_config = ConfigDict(frozen=True)

    id: ApplicationId
    state: State
    customer_id: str
    product: Product
    amount: str = Field(description="Amount wanted, as a decimal string in major units", examples=["2500.00"])
    currency: CurrencyCode
    term_months: int | None = None
    as_of: date
    received_at: datetime
    bureau_consent: BureauConsent | None = Field(
        default=None, exclude_if=lambda consent: consent is None, description="As the application stated it"
    )
    verdict: Verdict | None = None
    approved_amount: str | None = Field(default=None, description="Decimal string in major units", examples=["2500.00"])
    reasons: tuple[Reason, ...] = ()
    missing: tuple[Missing, ...] = Field(default=(), description="What an incomplete application lacks")
    offer: OfferRecord | None = Field(default=None, description="The counteroffer, also once it was answered")
    respond_by: datetime | None = Field(default=None, description="Until when the customer may answer")
    rulebook: RulebookRef | None = None
    arm: str | None = Field(default=None, description="The arm of the rulebook's experiment, if it is of one")
    decided_by: str | None = Field(
        default=None,
        description="`rulebook`, `customer` (the answer to a counteroffer), `deadline`, or else the id of the person",
    )
    decided_at: datetime | None = None
    notice_due: date | None = Field(default=None, description="Day by which the customer must be told of the decision")
    checks: tuple[CheckRecord, ...] = ()

    @classmethod
    def undecided(cls, application: Application, state: State) -> Self:
        """The record of an application that nothing is decided about."""
        return cls(
            id=application.id,
            state=state,
            customer_id=application.customer_id,
            product=application.product,
            amount=application.requested.decimal,
            currency=application.requested.currency,
            term_months=application.term_months,
            as_of=application.as_of,
            received_at=application.received_at,
            bureau_consent=application.bureau_consent,
        )

    def decided(self, decision: Decision, checks: tuple[CheckRecord, ...]) -> Self:
        """The record after `decision`. The note of staff is not shown."""
        return self.model_copy(
            update={
                "state": WAITING_IN.get(decision.verdict, State.DONE),
                "verdict": decision.verdict,
                "approved_amount": decision.approved and decision.approved.decimal,
                "reasons": decision.reasons,
                "missing": decision.missing,
                "offer": decision.offer and OfferRecord.of(decision.offer),
                "respond_by": decision.respond_by,
                "rulebook": decision.rulebook,
                "arm": decision.arm,
                "decided_by": decision.decided_by,
                "decided_at": decision.decided_at,
                "notice_due": decision.notice_due,
                "checks": checks,
            }
        )

    @property
    def awaited(self) -> list[str]:
        """What the decision asks of the customer, for people, a line each."""
        offer = self.offer.read(self.currency) if self.offer else None
        return awaited(self.reasons, self.missing, offer, self.respond_by)

    @property
    def body(self) -> bytes:
        """The JSON that is stored and answered."""
        return self.model_dump_json().encode()
