"""What a run came to, read back from the store."""

from collections.abc import Iterable, Mapping
from typing import Any

from rules.limits.guard import GuardResult, GuardVerdict
from underwriting.domain.limits import LimitShardState
from underwriting.limit_runs.intake import TableIntake
from underwriting.limit_runs.request import Report
from underwriting.limit_runs.run_context import RunContext
from underwriting.limit_runs.totals import Totals, summed
from underwriting.store.limits import runs as limit_runs
from underwriting.store.limits import shards as limit_shards
from underwriting.store.models import LimitShardRow


async def report_of(desk: RunContext, run_id: str) -> Report:
    """The run as it is now; UnknownLimitRun where there is none."""
    async with desk.store.read() as work:
        run = await limit_runs.get(work, run_id)
        shards = await limit_shards.shards(work, run_id)
    return Report(
        run_id=run.id,
        business_date=run.business_date,
        policy=f"{run.policy} v{run.policy_version}",
        fact_terms=f"{run.fact_terms} v{run.fact_terms_version}" if run.fact_terms else None,
        currency=run.currency,
        state=run.state,
        folder=desk.folder(run.id),
        totals=summed(Totals.model_validate(shard.totals) for shard in shards if shard.totals is not None),
        guard=word_of(run.guard),
        tables=tables_of(shards),
        shards=len(shards),
        calculated=0,
        failed={shard.number: shard.trouble or "" for shard in shards if shard.state is LimitShardState.FAILED},
    )


def word_of(stored: Mapping[str, Any] | None) -> GuardResult:
    """What the guard said, as it was stored; of a run that was not judged yet, nothing against it."""
    if stored is None:
        return GuardResult(GuardVerdict.RELEASE)
    return GuardResult(GuardVerdict(stored["verdict"]), tuple(stored["reasons"]))


def tables_of(shards: Iterable[LimitShardRow]) -> dict[str, TableIntake]:
    """What each input table gave, over all shards."""
    return merged({name: TableIntake(**one) for name, one in shard.intake.items()} for shard in shards if shard.intake)


def merged(intakes: Iterable[Mapping[str, TableIntake]]) -> dict[str, TableIntake]:
    """The sums of what several shards took in."""
    found: dict[str, TableIntake] = {}
    for tables in intakes:
        for name, one in tables.items():
            before = found.get(name, TableIntake(0))
            reasons = sorted(before.malformed.keys() | one.malformed.keys())
            malformed = {reason: before.malformed.get(reason, 0) + one.malformed.get(reason, 0) for reason in reasons}
            found[name] = TableIntake(before.rows + one.rows, malformed)
    return found
