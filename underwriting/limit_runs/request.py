"""What a limit run is asked for, and what it came to."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from pathlib import Path

from rules.facts.terms import fact_terms
from rules.limits.guard import GuardResult, GuardVerdict
from rules.limits.policy import LimitPolicy
from underwriting.domain.application import Product
from underwriting.domain.limits import LimitRunState, Scope
from underwriting.limit_runs.intake import TableIntake
from underwriting.limit_runs.shard import ShardResult, ShardSpec
from underwriting.limit_runs.totals import Totals
from underwriting.store.limits.runs import RunRequest

# How shards are calculated: in a thread, or as tasks somewhere else.
Calculate = Callable[[ShardSpec], Awaitable[ShardResult]]
# What is told of how far a run is: what is being done, how many shards of how many.
Progress = Callable[[str, int, int], Awaitable[None]]


@dataclass(frozen=True)
class Request:
    """A run over a history for one business date, by one policy."""

    tenant: str
    product: Product
    business_date: date
    history: str
    policy: LimitPolicy
    scope: Scope = field(default_factory=Scope)
    # None: as many as the setting `limits_shard_users` makes.
    shards: int | None = None
    dry_run: bool = False
    # Read every row again, also of files that look as they were.
    full: bool = False

    @property
    def judged_at(self) -> datetime:
        """The decision time, as of which hours are counted. A stored run keeps the one it was planned with."""
        return self.policy.business_day.moment(self.business_date)

    @property
    def order(self) -> RunRequest:
        """As the store knows it."""
        return RunRequest(
            tenant=self.tenant,
            product=self.product,
            business_date=self.business_date,
            scope=str(self.scope),
            history=self.history,
            judged_at=self.judged_at,
            currency=self.policy.currency,
            policy=self.policy.ref,
            policy_text=self.policy.text,
            fact_terms=fact_terms().ref,
        )


@dataclass(frozen=True)
class Report:
    """What a run came to. `state` is None for a dry run, which nothing is stored of."""

    run_id: str
    business_date: date
    policy: str
    # The numbers that its facts rest on; None in a run from before they were kept.
    fact_terms: str | None
    currency: str
    state: LimitRunState | None
    folder: Path
    totals: Totals
    guard: GuardResult
    tables: Mapping[str, TableIntake]
    shards: int
    # Shards calculated by this very run of the program; 0 where everything was done before.
    calculated: int
    # Why a shard failed, by its number.
    failed: Mapping[int, str] = field(default_factory=dict)
    # Limits written by this very run of the program, and users whose profile was changed by somebody else meanwhile.
    written: int = 0
    overtaken: int = 0
    # Somebody else works on it.
    busy: bool = False

    @property
    def sentence(self) -> str:
        """What became of it, in one line without personal data."""
        totals = self.totals
        paused = f"{totals.paused} paused, " if totals.paused else ""
        moves = f"{totals.raised} raised, {totals.lowered} lowered, {paused}{totals.held} held of {totals.users}"
        failed = f"; {len(self.failed)} of {self.shards} shards failed" if self.failed else ""
        held = "; the guard holds it" if self.guard.verdict is GuardVerdict.HOLD else ""
        return f"{moves}{failed}{held}"
