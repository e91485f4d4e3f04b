"""Users with a known right answer: the kinds of personas.yaml, each the steady user except for one special property.

The answers are those of the policy `cfi` for a run on the last day of the histories. A move is raised, held, lowered or
paused; the reason is one of those of the record.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from underwriting.domain.histories import Category
from underwriting.playground.kinds import read_kinds


class Cadence(StrEnum):
    """How often the persona's pay comes."""

    WEEKLY = "weekly"
    FORTNIGHTLY = "fortnightly"
    # The 15th and the last day, or the business day before.
    TWICE_A_MONTH = "twice_a_month"
    # The third Wednesday.
    MONTHLY = "monthly"


RAISED, HELD, LOWERED, PAUSED = "raised", "held", "lowered", "paused"


@dataclass(frozen=True)
class Persona:
    """One kind of user: what happens to the limit, and why. Days count back from the last one, money is in cents."""

    id: str
    special: str
    move: str
    reason: str
    # The limit after the run; None where it stays.
    after: int | None = None
    # Facts that make the persona what it is, by name.
    facts: Mapping[str, int | float | bool | None] = field(default_factory=dict)

    # The limit in force.
    limit: int = 5_000
    raised_ago: int | None = 30
    runs_below: int = 0

    # The main account.
    history: int = 200
    refreshed_ago: int = 0
    # The balance of the last day, and the holds on it.
    balance: int = 250_000
    holds: int = 0

    # The pay: amount, category, cadence, days since the last one, the most pays, and the missed one.
    pay: int = 140_000
    pay_kind: Category = Category.WAGES
    cadence: Cadence = Cadence.FORTNIGHTLY
    paid_ago: int = 4
    most_pays: int = 100
    missed_pay: int | None = None
    # Essential spending after each pay; other spending keeps the account level.
    essentials: int = 50_000

    # Within the last 30 days: returned debits, days below zero, advances of another app that are still due.
    returned: int = 0
    negative_days: int = 0
    advances_due: int = 0

    # Floats repaid on time, the last five days ago; the largest of them; in how many days an open one is due, below 0
    # where it is late.
    floats: int = 9
    largest: int = 5_000
    open_due_in: int | None = None
    # Renewals paid, the last ten days ago.
    renewals: int = 9

    # What the other services say; None where they do not know.
    fraud: bool | None = False
    match_score: float = 0.1
    confirmed_score: float = 0.0
    # Documents that the sources do not have.
    without: frozenset[str] = frozenset()


TABLE = read_kinds(__package__, "personas.yaml", Persona)
