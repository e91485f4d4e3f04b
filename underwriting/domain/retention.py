"""How long records are kept: their kinds, the least that the law demands, and what a lender asks for beyond it."""

from calendar import monthrange
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date, timedelta
from enum import StrEnum

from pydantic import BaseModel, ConfigDict, model_validator

# In the setting, the holds of a tenant name persons, or all of them.
EVERYBODY = "*"
REG_B = "12 CFR 1002.12(b)"
OFAC = "31 CFR 501.601"
# Whatever concerns a person who was found on a screening list is kept as long as the record of that.
LISTED_MONTHS = 120


class Kind(StrEnum):
    """A kind of record that is deleted once nothing demands to keep it."""

    APPLICATIONS = "applications"
    BUSINESS_APPLICATIONS = "business-applications"
    EVALUATIONS = "evaluations"
    FLOATS = "floats"
    LIMITS = "limits"
    PROFILES = "profiles"
    SCREENING = "screening"
    MESSAGES = "messages"
    EVENTS = "events"
    LOG = "log"


@dataclass(frozen=True)
class Minimum:
    """The least time for which records of a kind are kept: so many months after `since`, demanded by `source`."""

    months: int
    since: str
    source: str


_OURS = "no law"
MINIMUMS: Mapping[Kind, Minimum] = {
    Kind.APPLICATIONS: Minimum(25, "the notification of the action taken", REG_B),
    Kind.BUSINESS_APPLICATIONS: Minimum(12, "the notification of the action taken", REG_B),
    Kind.EVALUATIONS: Minimum(25, "the notification of the action taken", REG_B),
    Kind.FLOATS: Minimum(25, "the report of the float", REG_B),
    Kind.LIMITS: Minimum(25, "the notification of the action taken", REG_B),
    Kind.PROFILES: Minimum(25, "the next version", REG_B),
    Kind.SCREENING: Minimum(LISTED_MONTHS, "the clearance of the match", OFAC),
    # Copies of what other records hold.
    Kind.MESSAGES: Minimum(1, "the delivery", _OURS),
    # A source repeats an event for days; one that is known changes nothing.
    Kind.EVENTS: Minimum(3, "the handling", _OURS),
    Kind.LOG: Minimum(1, "the last attempt", _OURS),
}


class Retention(BaseModel):
    """What one lender asks for: more months than the minimum, by kind, and persons of whom nothing is deleted.

    A lender that is under investigation keeps what concerns it until the end (12 CFR 1002.12(b)(4)).
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    months: dict[str, int] = {}
    holds: frozenset[str] = frozenset()

    @model_validator(mode="after")
    def _keeps_the_minimum(self) -> "Retention":
        for kind, months in self.months.items():
            if kind not in tuple(Kind):
                raise ValueError(f"there is no kind {kind}; there are {', '.join(Kind)}")
            if refusal := too_short([Kind(kind)], months):
                raise ValueError(refusal)
        return self


@dataclass(frozen=True)
class Term:
    """Until when something is kept, that day included, and why. Without a day, for as long as `why` is true."""

    until: date | None
    why: str

    def is_over(self, today: date) -> bool:
        """Whether it may be deleted."""
        return self.until is not None and self.until < today

    def or_later(self, other: "Term") -> "Term":
        """The longer of both."""
        if self.until is None or (other.until is not None and self.until >= other.until):
            return self
        return other


NOT_DEMANDED = Term(date.min, "nothing demands to keep it")


@dataclass(frozen=True)
class Demands:
    """What the law and the lenders demand on a day; `asked` are the months that whoever purges asks for."""

    today: date
    lenders: Mapping[str, Retention] = field(default_factory=dict)
    asked: int = 0

    def term(
        self,
        tenant: str,
        person: str,
        kind: Kind,
        since: date,
        by_law: tuple[int, str] | None = None,
    ) -> Term:
        """The term of one record of a person; `by_law` is another minimum than that of the kind, with its source."""
        if self.is_held(tenant, person):
            return Term(None, "a hold in UNDERWRITING_RETENTION")
        lender = self.lenders.get(tenant, Retention())
        months, source = by_law or (MINIMUMS[kind].months, MINIMUMS[kind].source)
        for more, why in ((lender.months.get(kind, 0), "UNDERWRITING_RETENTION"), (self.asked, "--older-than")):
            if more > months:
                months, source = more, why
        return Term(months_after(since, months), f"{source}, {months} months")

    def is_held(self, tenant: str, person: str) -> bool:
        """Whether the lender holds everything that concerns a person."""
        return not self.lenders.get(tenant, Retention()).holds.isdisjoint((person, EVERYBODY))

    def first_kept(self, months: int) -> date:
        """The first day that is not so many months ago: what happened before it is past its term."""
        return first_kept(self.today, months)


def too_short(kinds: Iterable[Kind], months: int) -> str | None:
    """Which of these kinds are to be kept for more than so many months; None if none is."""
    longer = [(kind, MINIMUMS[kind]) for kind in kinds if months < MINIMUMS[kind].months]
    least = [f"{kind} {it.months} months after {it.since} ({it.source})" for kind, it in longer]
    return f"{months} months are too few: keep {'; '.join(least)}" if least else None


def months_after(day: date, months: int) -> date:
    """The same day of the month so many months later, or the last of that month if it is shorter."""
    years, month = divmod(day.year * 12 + day.month - 1 + months, 12)
    if years > date.max.year:
        return date.max
    return date(years, month + 1, min(day.day, monthrange(years, month + 1)[1]))


def first_kept(today: date, months: int) -> date:
    """The first day whose `months_after` is today or later."""
    day = months_after(today, -months)
    while months_after(day, months) < today:
        day += timedelta(days=1)
    while months_after(day - timedelta(days=1), months) >= today:
        day -= timedelta(days=1)
    return day
