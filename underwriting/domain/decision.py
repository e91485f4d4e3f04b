"""What rules say, what a check came to, and what was decided."""

from collections.abc import Iterable
from datetime import date, datetime, timedelta
from enum import StrEnum
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

from underwriting.domain.money import Money

# US Regulation B, 12 CFR 1002.9(a)(1)(iii): notice within 30 days of an adverse action on an existing account.
ADVERSE_ACTION_NOTICE = timedelta(days=30)
# 12 CFR 1002.9(a)(1)(i) and (c)(1): notice of the action taken, of a counteroffer, or of what is missing, within 30
# days of receiving the application.
APPLICATION_NOTICE = timedelta(days=30)
# 12 CFR 1002.9(a)(1)(iv): notice of adverse action within 90 days of notifying of a counteroffer that is not accepted.
COUNTEROFFER_NOTICE = timedelta(days=90)
# Official interpretation of 12 CFR 1002.9(b)(2): more than four reasons are not likely to help the applicant.
MAX_PRINCIPAL_REASONS = 4

# What a fact may be: money is an integer of minor units, a ratio is a float, NULL is not known.
FactValue = bool | int | float | str | date | None


def shown(value: FactValue) -> str:
    """A fact for a reader: four significant digits are enough for a ratio, and NULL is said to be unknown."""
    if value is None:
        return "unknown"
    return f"{value:.4g}" if isinstance(value, float) else str(value)


class Result(StrEnum):
    """What a rule says of a customer; `UNKNOWN` is not `FAIL`, and never approves."""

    PASS = "pass"
    FAIL = "fail"
    UNKNOWN = "unknown"


class Verdict(StrEnum):
    """What was decided."""

    APPROVED = "approved"
    REJECTED = "rejected"
    REFERRED = "referred"
    # Of an application: what is missing can still be supplied; less, or a longer term, would be approved.
    INCOMPLETE = "incomplete"
    COUNTEROFFER = "counteroffer"


class OnUnknown(StrEnum):
    """What a rulebook does with an unknown. There is no approving choice."""

    REFER = "refer"
    REJECT = "reject"


class Reason(BaseModel):
    """A stable code and the sentence a customer reads."""

    model_config = ConfigDict(frozen=True)

    code: str
    sentence: str
    # Of a score: what lowered it, the weightiest first. Left out where there is none.
    key_factors: Annotated[tuple[str, ...], Field(exclude_if=lambda factors: not factors)] = ()

    def because_of(self, factors: Iterable[str]) -> "Reason":
        """The same with its key factors, in the sentence too: a score that is too low is no specific reason alone.

        Official interpretation of 12 CFR 1002.9(b)(2), 4 and 6.
        """
        if not (named := tuple(factors)):
            return self
        sentence = f"{self.sentence} What lowered it: {'; '.join(named)}."
        return Reason(code=self.code, sentence=sentence, key_factors=named)


def codes_of(reasons: Iterable[Reason]) -> list[str]:
    """Their codes, in their order."""
    return [reason.code for reason in reasons]


class RulebookRef(BaseModel):
    """The very text that decided: name, version, and the SHA-256 of its canonical form."""

    model_config = ConfigDict(frozen=True)

    name: str
    version: int
    digest: str

    def __str__(self) -> str:
        return f"{self.name} v{self.version}"


class Outcome(BaseModel):
    """What one rule said, the reason where it did not pass, and the facts it looked at."""

    model_config = ConfigDict(frozen=True)

    rule: str
    result: Result
    reason: Reason | None = None
    # A person has to look at it whatever the rulebook says of unknowns: a possible match on a list.
    refers: bool = False
    # The highest amount that it allows, minor units: -1 sets no cap, 0 allows nothing. None for a rule without amounts.
    amount: int | None = None
    observed: dict[str, FactValue] = Field(default_factory=dict)


class Missing(Reason):
    """A reason for which an application is incomplete, and what exactly is missing, where it is known."""

    what: str | None = None


class Offer(BaseModel):
    """An amount and a term that a rulebook may offer, with the instalment that follows from them."""

    model_config = ConfigDict(frozen=True)

    amount: Money
    term_months: int
    instalment: Money

    def __str__(self) -> str:
        return f"{self.amount} over {self.term_months} months, {self.instalment} a month"


def as_found(reasons: Iterable[Reason], outcomes: Iterable[Outcome]) -> tuple[Reason, ...]:
    """The reasons as rules gave them, with their key factors; those that no rule gave as they are."""
    given = {outcome.reason.code: outcome.reason for outcome in outcomes if outcome.reason}
    return tuple(given.get(reason.code, reason) for reason in reasons)


class CheckResult(BaseModel):
    """One check of a review: its rules' outcomes, all the facts, and why its source gave nothing, if it did."""

    model_config = ConfigDict(frozen=True)

    check: str
    outcomes: tuple[Outcome, ...]
    facts: dict[str, FactValue] = Field(default_factory=dict)
    trouble: str | None = None
    # The facts that hang on the amount or the term, for each of the rulebook's alternatives to the request, in order.
    # Empty where they were not computed.
    alternatives: tuple[dict[str, FactValue], ...] = ()


# Who decides besides staff, who are known by their ids.
BY_RULEBOOK, BY_CUSTOMER, BY_DEADLINE = "rulebook", "customer", "deadline"


class Decision(BaseModel):
    """What was decided: why, by which rulebook, and by whom.

    `missing` says what an incomplete application lacks; `offer` is the counteroffer, also once it was accepted or not.
    Both wait for the customer's answer until `respond_by`.
    """

    model_config = ConfigDict(frozen=True)

    verdict: Verdict
    approved: Money | None = None
    reasons: tuple[Reason, ...] = Field(default=(), max_length=MAX_PRINCIPAL_REASONS)
    rulebook: RulebookRef
    # The arm of the experiment that the rulebook is of.
    arm: str | None = None
    missing: tuple[Missing, ...] = ()
    offer: Offer | None = None
    respond_by: datetime | None = None
    decided_by: str = BY_RULEBOOK
    note: str | None = None
    decided_at: datetime
    notice_due: date | None = None
