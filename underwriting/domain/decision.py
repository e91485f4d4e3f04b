"""Rule results, check results and decisions."""

from collections.abc import Iterable
from datetime import UTC, date, datetime, timedelta
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

# The value of a fact: money is an integer of minor units, a ratio is a float, None is unknown.
FactValue = bool | int | float | str | date | None


def shown(value: FactValue) -> str:
    """A fact as text: yes or no, ratios with four significant digits, None as "unknown"."""
    match value:
        case None:
            return "unknown"
        case bool():
            return "yes" if value else "no"
        case float():
            return f"{value:.4g}"
        case _:
            return str(value)


class Result(StrEnum):
    """The result of a rule for one subject; `UNKNOWN` is not `FAIL`, and never approves."""

    PASS = "pass"
    FAIL = "fail"
    UNKNOWN = "unknown"


class Verdict(StrEnum):
    """The outcome of a decision."""

    APPROVED = "approved"
    REJECTED = "rejected"
    REFERRED = "referred"
    # Of an application: something is missing that can be supplied; a lower amount or longer term would be approved.
    INCOMPLETE = "incomplete"
    COUNTEROFFER = "counteroffer"


class OnUnknown(StrEnum):
    """How a rulebook treats an unknown. Approving is not an option."""

    REFER = "refer"
    REJECT = "reject"


class Reason(BaseModel):
    """A stable code and the sentence for the customer."""

    model_config = ConfigDict(frozen=True)

    code: str
    sentence: str
    # Of a score: what lowered it, the most important first. Left out if there is none.
    key_factors: Annotated[tuple[str, ...], Field(exclude_if=lambda factors: not factors)] = ()

    def because_of(self, factors: Iterable[str]) -> "Reason":
        """The same with its key factors, also in the sentence: a low score alone is not a specific reason.

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
    """The exact text that decided: name, version, and the SHA-256 of its canonical form."""

    model_config = ConfigDict(frozen=True)

    name: str
    version: int
    digest: str

    def __str__(self) -> str:
        return f"{self.name} v{self.version}"


class Outcome(BaseModel):
    """The result of one rule, the reason if it did not pass, and the facts that it read."""

    model_config = ConfigDict(frozen=True)

    rule: str
    result: Result
    reason: Reason | None = None
    # Referred whatever the rulebook's `on_unknown`: a possible match on a list.
    refers: bool = False
    # The highest amount that it allows, minor units: -1 sets no cap, 0 allows nothing. None for a rule without amounts.
    amount: int | None = None
    observed: dict[str, FactValue] = Field(default_factory=dict)


class Missing(Reason):
    """Why an application is incomplete, and what exactly is missing, if known."""

    what: str | None = None


class Offer(BaseModel):
    """An amount and a term that a rulebook may offer, with the instalment that follows from them."""

    model_config = ConfigDict(frozen=True)

    amount: Money
    term_months: int
    instalment: Money

    def __str__(self) -> str:
        return f"{self.amount} over {self.term_months} months, {self.instalment} a month"


def awaited(
    reasons: Iterable[Reason], missing: Iterable[Missing], offer: Offer | None, until: datetime | None
) -> list[str]:
    """What a decision asks of the customer, for people: what is missing, what is offered, until when to answer.

    The `reasons` are shown, too: something missing of which nothing more is known is named only if it is none of them.
    """
    codes = codes_of(reasons)
    lines = [f"missing: {each.what or each.code}" for each in missing if each.what or each.code not in codes]
    if offer:
        lines.append(f"offered instead: {offer}")
    if until:
        lines.append(f"waits for the customer until {until.astimezone(UTC):%Y-%m-%d %H:%M} UTC")
    return lines


def as_found(reasons: Iterable[Reason], outcomes: Iterable[Outcome]) -> tuple[Reason, ...]:
    """The reasons with the key factors that the outcomes give them; others unchanged."""
    given = {outcome.reason.code: outcome.reason for outcome in outcomes if outcome.reason}
    return tuple(given.get(reason.code, reason) for reason in reasons)


class CheckResult(BaseModel):
    """One check of a review: its rules' outcomes, its facts, and the error of its source, if any."""

    model_config = ConfigDict(frozen=True)

    check: str
    outcomes: tuple[Outcome, ...]
    facts: dict[str, FactValue] = Field(default_factory=dict)
    trouble: str | None = None
    # The facts that depend on the amount or the term, for each alternative to the request, in order; empty if they were
    # not computed.
    alternatives: tuple[dict[str, FactValue], ...] = ()


# Deciders other than staff, who are identified by their ids.
BY_RULEBOOK, BY_CUSTOMER, BY_DEADLINE = "rulebook", "customer", "deadline"


class Decision(BaseModel):
    """A decision: the verdict, the reasons, the rulebook, and the decider.

    `missing` lists what an incomplete application lacks; `offer` is the counteroffer, also after the customer's answer.
    Both wait for the customer until `respond_by`.
    """

    model_config = ConfigDict(frozen=True)

    verdict: Verdict
    approved: Money | None = None
    reasons: tuple[Reason, ...] = Field(default=(), max_length=MAX_PRINCIPAL_REASONS)
    rulebook: RulebookRef
    # The rulebook's arm of an experiment.
    arm: str | None = None
    missing: tuple[Missing, ...] = ()
    offer: Offer | None = None
    respond_by: datetime | None = None
    decided_by: str = BY_RULEBOOK
    note: str | None = None
    decided_at: datetime
    notice_due: date | None = None
