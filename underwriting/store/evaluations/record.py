"""What the API answers of an evaluation. The record of a decided one is built once and stored as bytes."""

from collections.abc import Mapping
from datetime import date, datetime
from typing import Self

from pydantic import BaseModel, ConfigDict, Field

from underwriting.domain.application import Product, State
from underwriting.domain.decision import FactValue, Outcome, Reason, Result, RulebookRef, Verdict
from underwriting.domain.eligibility import BookResult, Decider, Eligibility, EvaluationId, EvaluationRequest
from underwriting.domain.money import CurrencyCode, Money


class BookRecord(BaseModel):
    """One rulebook that applied: its result, and the result of each rule with the facts that it read."""

    model_config = ConfigDict(frozen=True)

    rulebook: RulebookRef
    priority: int
    superseding: bool
    arm: str | None = None
    certain: bool = Field(default=True, description="False where it is not known whether the rulebook applies")
    result: Result
    first_failed: str | None = None
    cap: str | None = Field(
        default=None,
        description="Highest amount its rules allow, major units; null: no cap",
        examples=["50.00"],
    )
    outcomes: tuple[Outcome, ...]

    @classmethod
    def of(cls, book: BookResult, currency: str) -> Self:
        """The book's result, its cap as a decimal."""
        return cls(**{**dict(book), "cap": _decimal(book.cap, currency)})

    def result_in(self, currency: str) -> BookResult:
        """The inverse: the book's result, its cap in minor units."""
        return BookResult(**{**dict(self), "cap": _minor(self.cap, currency)})


class EvaluationRecord(BaseModel):
    """An evaluation: its state, what the user may take, why, and by which rulebook."""

    model_config = ConfigDict(frozen=True)

    id: EvaluationId
    state: State
    user_id: str
    product: Product
    as_of: date
    requested_at: datetime
    verdict: Verdict | None = None
    currency: CurrencyCode | None = None
    approved_amounts: tuple[str, ...] = Field(
        default=(), description="Decimal strings in major units", examples=[["10.00", "20.00"]]
    )
    affordability_cap: str | None = Field(
        default=None, description="Decimal string in major units; null means not known", examples=["50.00"]
    )
    policy: RulebookRef | None = Field(default=None, description="The limit policy that decides what is affordable")
    fact_terms: RulebookRef | None = Field(default=None, description="The numbers that facts about bank feeds rest on")
    deciding: RulebookRef | None = None
    arm: str | None = None
    reasons: tuple[Reason, ...] = ()
    profile_version: int | None = None
    decided_by: Decider | None = Field(
        default=None,
        description="`rulebook` or `person`; which person it was is in the evaluation's log, as `by` of `decided`",
    )
    decided_at: datetime | None = None
    notice_due: date | None = Field(default=None, description="Day by which the customer must be told of the decision")
    troubles: dict[str, str] = Field(
        default_factory=dict, description="Why a source gave nothing, or what its answer lacks"
    )
    books: tuple[BookRecord, ...] = ()

    @classmethod
    def undecided(cls, request: EvaluationRequest, state: State) -> Self:
        """The record of an evaluation without a result."""
        return cls(
            id=request.id,
            state=state,
            user_id=request.user_id,
            product=request.product,
            as_of=request.as_of,
            requested_at=request.requested_at,
        )

    @classmethod
    def decided(cls, request: EvaluationRequest, judged: Eligibility) -> Self:
        """The record of a decided evaluation. It shows the facts that a rule read."""
        currency = judged.currency
        return cls.undecided(request, State.DONE).model_copy(
            update={
                "verdict": judged.verdict,
                "currency": currency,
                "approved_amounts": tuple(Money(minor=it, currency=currency).decimal for it in judged.approved_amounts),
                "affordability_cap": _decimal(judged.affordability_cap, currency),
                "policy": judged.policy,
                "fact_terms": judged.fact_terms,
                "deciding": judged.deciding,
                "arm": judged.arm,
                "reasons": judged.reasons,
                "profile_version": judged.profile_version,
                "decided_by": judged.decided_by,
                "decided_at": judged.decided_at,
                "notice_due": judged.notice_due,
                "troubles": judged.troubles,
                "books": tuple(BookRecord.of(book, currency) for book in judged.books),
            }
        )

    def eligibility(self, facts: Mapping[str, FactValue]) -> Eligibility:
        """The inverse of `decided`, with the facts that are stored beside it; ValueError where nothing is decided
        yet."""
        currency = self.currency
        if currency is None or self.verdict is None or self.profile_version is None or self.decided_at is None:
            raise ValueError(f"evaluation {self.id} has no result")
        return Eligibility(
            verdict=self.verdict,
            currency=currency,
            approved_amounts=tuple(Money.parse(amount, currency).minor for amount in self.approved_amounts),
            affordability_cap=_minor(self.affordability_cap, currency),
            policy=self.policy,
            fact_terms=self.fact_terms,
            deciding=self.deciding,
            arm=self.arm,
            reasons=self.reasons,
            books=tuple(book.result_in(currency) for book in self.books),
            facts=dict(facts),
            troubles=self.troubles,
            profile_version=self.profile_version,
            notice_due=self.notice_due,
            decided_by=self.decided_by or Decider.RULEBOOK,
            decided_at=self.decided_at,
        )

    @property
    def body(self) -> bytes:
        """The JSON that is stored and answered."""
        return self.model_dump_json().encode()


def _decimal(minor: int | None, currency: str) -> str | None:
    return None if minor is None else Money(minor=minor, currency=currency).decimal


def _minor(decimal: str | None, currency: str) -> int | None:
    return None if decimal is None else Money.parse(decimal, currency).minor
