"""What the API answers of an application. A decision's record is built once, stored as bytes and replayed."""

from datetime import date, datetime
from typing import Self

from pydantic import BaseModel, ConfigDict, Field

from underwriting.domain.application import Application, ApplicationId, Product, State
from underwriting.domain.decision import CheckResult, Decision, Outcome, Reason, RulebookRef, Verdict
from underwriting.domain.money import CurrencyCode


class CheckRecord(BaseModel):
    """One check that ran: what each rule said and saw, or why the source gave nothing."""

    model_config = ConfigDict(frozen=True)

    check: str
    trouble: str | None = None
    outcomes: tuple[Outcome, ...]

    @classmethod
    def of(cls, result: CheckResult) -> Self:
        """Leave out the facts that no rule looked at."""
        return cls(check=result.check, trouble=result.trouble, outcomes=result.outcomes)


class Record(BaseModel):
    """An application, where it stands, and what was decided, why and by whom."""

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
    verdict: Verdict | None = None
    approved_amount: str | None = Field(default=None, description="Decimal string in major units", examples=["2500.00"])
    reasons: tuple[Reason, ...] = ()
    rulebook: RulebookRef | None = None
    decided_by: str | None = None
    decided_at: datetime | None = None
    notice_due: date | None = Field(default=None, description="Day by which the customer must be told of a rejection")
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
        )

    def decided(self, decision: Decision, checks: tuple[CheckRecord, ...]) -> Self:
        """The record after `decision`. A person's note stays inside the house."""
        return self.model_copy(
            update={
                "state": State.REFERRED if decision.verdict is Verdict.REFERRED else State.DONE,
                "verdict": decision.verdict,
                "approved_amount": decision.approved and decision.approved.decimal,
                "reasons": decision.reasons,
                "rulebook": decision.rulebook,
                "decided_by": decision.decided_by,
                "decided_at": decision.decided_at,
                "notice_due": decision.notice_due,
                "checks": checks,
            }
        )

    @property
    def body(self) -> bytes:
        """The JSON that is stored and answered."""
        return self.model_dump_json().encode()
