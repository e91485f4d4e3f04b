"""Evaluations: all applicable rulebooks for one user and product."""

from datetime import date, datetime
from enum import StrEnum
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

from underwriting.domain.application import CustomerId, Product
from underwriting.domain.decision import MAX_PRINCIPAL_REASONS, FactValue, Outcome, Reason, Result, RulebookRef, Verdict
from underwriting.domain.money import AMOUNT_PATTERN, CurrencyCode

EvaluationId = Annotated[
    str,
    Field(
        pattern=r"^evl_[0-9A-HJKMNP-TV-Z]{26}$",
        description="Evaluation id, as the API returned it",
        examples=["evl_01KAYB2M4Z5W8Q0V6T3R9N7XJC"],
    ),
]

UpTo = Annotated[
    str | None,
    Field(
        pattern=AMOUNT_PATTERN,
        description="Highest amount to approve, in major units; left out, all that profile and affordability allow",
        examples=["20.00"],
    ),
]


class Decider(StrEnum):
    """Who made the final decision. Only staff see which person it was."""

    RULEBOOK = "rulebook"
    PERSON = "person"


class EvaluationRequest(BaseModel):
    """One accepted request for an evaluation, as the flow works on it."""

    model_config = ConfigDict(frozen=True)

    id: EvaluationId
    tenant: str
    request_key: str
    user_id: CustomerId
    product: Product
    as_of: date
    requested_at: datetime
    # The lender's day of the request, from which the time for the notice runs.
    requested_on: date


class BookResult(BaseModel):
    """The result of one rulebook: passes if all its rules pass, fails if any fails, else unknown.

    `cap` is the lowest amount that its rules allow, minor units; None if no rule has a cap. A failed rule allows
    nothing; an unknown one allows what it would certainly allow if it passed.
    """

    model_config = ConfigDict(frozen=True)

    rulebook: RulebookRef
    priority: int
    superseding: bool
    # The arm of the experiment through which the book applies; None if it applies to all users.
    arm: str | None = None
    # False if the user's segment or the book's flag is unknown, and so whether the book applies: the result is then
    # unknown.
    certain: bool = True
    result: Result
    first_failed: str | None = None
    cap: int | None = None
    outcomes: tuple[Outcome, ...]


class Eligibility(BaseModel):
    """The result of an evaluation: verdict, amounts, and their basis. Amounts are minor units of `currency`."""

    model_config = ConfigDict(frozen=True)

    verdict: Verdict
    currency: CurrencyCode
    approved_amounts: tuple[int, ...] = ()
    affordability_cap: int | None = None
    # The limit policy that determines affordability.
    policy: RulebookRef | None = None
    # The fact terms: the numbers used by the facts about bank feeds.
    fact_terms: RulebookRef | None = None
    deciding: RulebookRef | None = None
    arm: str | None = None
    reasons: tuple[Reason, ...] = Field(default=(), max_length=MAX_PRINCIPAL_REASONS)
    books: tuple[BookResult, ...]
    facts: dict[str, FactValue]
    # The error of a source, or what its answer lacks, by source.
    troubles: dict[str, str] = Field(default_factory=dict)
    profile_version: int
    notice_due: date | None = None
    decided_by: Decider = Decider.RULEBOOK
    decided_at: datetime
