"""One kind of user of floats: what the services answer about it, and the facts that should follow."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from underwriting.domain.decision import Verdict
from underwriting.domain.service import Service
from underwriting.playground.sandbox.account_bookings import RecurringBooking


@dataclass(frozen=True)
class Income:
    """The main income stream that the facts should find: payer, cadence and amount (major units)."""

    payer: str
    # The least and the most days between two payments.
    days: tuple[int, int]
    amount: float
    # Amounts differ by up to this share.
    spread: float = 0.0


@dataclass(frozen=True)
class FloatUser:
    """One kind of user: the expected verdict of a float check, and the facts that should follow from the histories."""

    id: str
    special: str
    verdict: Verdict
    # Code of the first reason; empty for an approval.
    reason: str = ""
    # None where no stream is found; `streams` is the number of running streams.
    income: Income | None = Income("northwind traders", (14, 14), 1150)
    streams: int = 1
    # Facts of rules/facts/histories.yaml that show the problem, or are unknown.
    notable_facts: tuple[str, ...] = ()

    # The user service's answer; the persona that is the person behind the user.
    segment: str | None = "standard"
    good_standing: bool | None = True
    fraud_hit: bool | None = False
    covered_borrower: bool | None = False
    person: str = "good"

    # The main account: recurring bookings, the balance at each month's end (major units), days since it was linked.
    plan: tuple[RecurringBooking, ...] = ()
    floor: float = 2700
    history_days: int = 730
    stale_days: int = 0
    institution: str = "ins_3"

    # Floats repaid; how many of the latest were late; the days that one more, open float is past due (0: not due yet).
    floats: int = 10
    late: int = 0
    open_past_due: int | None = None
    # Renewals paid, and open.
    renewals: int = 12
    unpaid_renewals: int = 0
    open_loans: int = 0

    # The score service's answer; None where it has no score.
    payback: float | None = 0.93
    advance_score: int | None = 820

    down: Service | None = None
    slow: Service | None = None
    wrong_fields: Mapping[Service, Mapping[str, object]] = field(default_factory=dict)
