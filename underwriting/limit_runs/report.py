"""The result of a limit run, from the store."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import Any

from rules.limits.guard import GuardResult, GuardVerdict
from underwriting.domain.limits import LimitRunState, LimitShardState
from underwriting.limit_runs.intake import TableIntake
from underwriting.limit_runs.run_context import RunContext
from underwriting.limit_runs.totals import Totals, summed
from underwriting.store.limits import runs as limit_runs
from underwriting.store.limits import shards as limit_shards
from underwriting.store.models import LimitShardRow


@dataclass(frozen=True)
class Report:
    """The result of a run. `state` is None for a dry run, which is not stored."""

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
    # The person who released or discarded a held run, and the note.
    decided_by: str | None = None
    note: str | None = None
    # Another worker owns it.
    busy: bool = False

    @property
    def sentence(self) -> str:
        """What became of it, in one line without personal data."""
        totals = self.totals
        paused = f"{totals.paused:,} paused, " if totals.paused else ""
        moves = f"{totals.raised:,} raised, {totals.lowered:,} lowered, {paused}"
        moves += f"{totals.held:,} unchanged of {totals.users:,}"
        failed = f"; {len(self.failed):,} of {shards_text(self.shards)} failed" if self.failed else ""
        return f"{moves}{failed}{f'; {guard}' if (guard := self.guard_text) else ''}"

    @property
    def guard_text(self) -> str:
        """What the guard does or did, as of now; empty where it released the run."""
        if self.guard.verdict is GuardVerdict.RELEASE:
            return ""
        if self.state is None:
            return "the guard would hold it"
        return "the guard holds it" if self.state is LimitRunState.HELD else "the guard held it"


def shards_text(count: int) -> str:
    """A number of shards: "1 shard", "5,000 shards"."""
    return f"{count:,} shard{'' if count == 1 else 's'}"


async def report_of(context: RunContext, run_id: str) -> Report:
    """The run as it is now; UnknownLimitRun where there is none."""
    async with context.store.read() as work:
        run = await limit_runs.get(work, run_id)
        shards = await limit_shards.shards(work, run_id)
        note = limit_runs.note_of(work, run)
    return Report(
        run_id=run.id,
        business_date=run.business_date,
        policy=f"{run.policy} v{run.policy_version}",
        fact_terms=f"{run.fact_terms} v{run.fact_terms_version}" if run.fact_terms else None,
        currency=run.currency,
        state=run.state,
        folder=context.folder(run.id),
        totals=summed(Totals.model_validate(shard.totals) for shard in shards if shard.totals is not None),
        guard=guard_result_of(run.guard),
        tables=tables_of(shards),
        shards=len(shards),
        calculated=0,
        failed={shard.number: shard.trouble or "" for shard in shards if shard.state is LimitShardState.FAILED},
        decided_by=run.decided_by,
        note=note,
    )


def guard_result_of(stored: Mapping[str, Any] | None) -> GuardResult:
    """The stored result of the guard; RELEASE for a run that was not checked yet."""
    if stored is None:
        return GuardResult(GuardVerdict.RELEASE)
    return GuardResult(GuardVerdict(stored["verdict"]), tuple(stored["reasons"]))


def tables_of(shards: Iterable[LimitShardRow]) -> dict[str, TableIntake]:
    """The counts of each input table, over all shards."""
    return merged({name: TableIntake(**one) for name, one in shard.intake.items()} for shard in shards if shard.intake)


def merged(intakes: Iterable[Mapping[str, TableIntake]]) -> dict[str, TableIntake]:
    """The sums over several shards."""
    found: dict[str, TableIntake] = {}
    for tables in intakes:
        for name, one in tables.items():
            before = found.get(name, TableIntake(0))
            reasons = sorted(before.malformed.keys() | one.malformed.keys())
            malformed = {reason: before.malformed.get(reason, 0) + one.malformed.get(reason, 0) for reason in reasons}
            found[name] = TableIntake(before.rows + one.rows, malformed)
    return found
