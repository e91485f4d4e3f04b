"""One kind of user of floats: what the services say of it, and what a reader of its histories should find."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from underwriting.domain.decision import Verdict
from underwriting.playground.sandbox.accounts import Regular
from underwriting.playground.sandbox.personas import PERSONAS, Persona
from underwriting.sources.sources import Service


@dataclass(frozen=True)
class Income:
    """The main income stream that a reader of the feed should find: from whom, how often, how much (major units)."""

    payer: str
    # The first and the last distance between two payments that is no surprise.
    days: tuple[int, int]
    amount: float
    # Amounts differ by up to this share.
    spread: float = 0.0


@dataclass(frozen=True)
class FloatUser:
    """One kind of user: what a float check should come to, and what the feed and the histories should tell."""

    id: str
    special: str
    verdict: Verdict
    # None where no stream can be told; more running streams than one are counted.
    income: Income | None
    # Code of the first reason; empty for an approval.
    reason: str = ""
    streams: int = 1
    # Facts of rules/facts/histories.yaml that tell what is wrong, or are not known.
    troubles: tuple[str, ...] = ()

    # The user service's word; the person behind the user.
    segment: str | None = "standard"
    good_standing: bool | None = True
    fraud_hit: bool | None = False
    covered_borrower: bool | None = False
    person: Persona = PERSONAS["good"]

    # The main account: what comes back, what it holds at a month's end (major units), days since it was linked.
    plan: tuple[Regular, ...] = ()
    floor: float = 2700
    history_days: int = 730
    stale_days: int = 0
    institution: str = "ins_3"

    # Floats repaid, so many of the latest of them late; of one more that is open, the days it is past due (0: not due
    # yet).
    floats: int = 10
    late: int = 0
    open_past_due: int | None = None
    # Renewals paid, and open.
    renewals: int = 12
    unpaid_renewals: int = 0
    open_loans: int = 0

    # The score service's word; None where it knows nothing.
    payback: float | None = 0.93
    advance_score: int | None = 820

    down: Service | None = None
    slow: Service | None = None
    lies: Mapping[Service, Mapping[str, object]] = field(default_factory=dict)
