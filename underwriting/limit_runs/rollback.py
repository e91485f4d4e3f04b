"""Rollback of a run: everybody whose limit it changed gets the former limit, as a new version of the profile."""

from dataclasses import dataclass
from datetime import UTC, datetime

from rules.limits.tiers import TIERS
from underwriting.domain.limits import LimitRunState, LimitShardState
from underwriting.limit_runs.run_context import RunContext
from underwriting.store import audit
from underwriting.store.errors import RunInTheWay
from underwriting.store.limits import changes as limit_changes
from underwriting.store.limits import records as limit_records
from underwriting.store.limits import runs as limit_runs
from underwriting.store.limits import shards as limit_shards
from underwriting.store.models import LimitRunRow

_CAN_BE_ROLLED_BACK = (
    LimitRunState.APPLIED,
    LimitRunState.INCOMPLETE,
    LimitRunState.APPLYING,
    LimitRunState.ROLLING_BACK,
)


@dataclass(frozen=True)
class Rollback:
    """How many limits were rolled back now, and how many profiles were changed since and left alone."""

    run_id: str
    written: int
    overtaken: int

    @property
    def sentence(self) -> str:
        """What was done, in one line."""
        left = f"{self.overtaken:,} that were changed since are left alone"
        return f"{self.run_id} is rolled back: {self.written:,} profiles written; {left}"


async def preview(context: RunContext, run_id: str) -> str:
    """What a rollback would do, in two sentences; RunInTheWay where there is nothing to roll back, or no more."""
    async with context.store.read() as work:
        run = await limit_runs.get(work, run_id)
        _check(run)
        changed = await limit_records.applied(work, run_id)
    whose = f"{run_id} of {run.business_date} for {run.tenant}, {run.scope or 'everybody'}"
    return (
        f"{changed:,} profiles would change: those that {whose}, changed. A rollback gives these users their former "
        "limits back, and sends an event for each; profiles that were changed since are left alone."
    )


async def roll_back(context: RunContext, run_id: str, by: str) -> Rollback:
    """Roll a run back, or continue doing so; a second call changes nothing. Its date may be run again afterwards.

    RunInTheWay where the run changed nothing, or another worker owns it. Profiles that later runs or staff changed are
    left alone, since they are newer.
    """
    async with context.lease(run_id) as claimed:
        async with context.store.begin() as work:
            run = await limit_runs.get(work, run_id)
            if run.state is LimitRunState.ROLLED_BACK:
                return Rollback(run_id, 0, 0)
            if claimed is None:
                raise RunInTheWay(f"another worker owns {run_id}; try again when it is done")
            _check(run)
            if run.state is not LimitRunState.ROLLING_BACK:
                await limit_runs.enter(work, claimed, LimitRunState.ROLLING_BACK)
                await audit.append(work, "limits.rollback_ordered", run_id, by)
            shards = await limit_shards.shards(work, run_id)
        left = [shard for shard in shards if shard.state is not LimitShardState.ROLLED_BACK]
        written, overtaken = 0, 0
        for done, shard in enumerate(left, 1):
            async with context.store.begin() as work:
                back = await limit_changes.roll_back_shard(work, claimed, run, shard, TIERS, datetime.now(UTC))
            await context.progress("rolling back", done, len(left))
            written, overtaken = written + back.written, overtaken + len(back.overtaken)
        async with context.store.begin() as work:
            await limit_runs.enter(work, claimed, LimitRunState.ROLLED_BACK)
    return Rollback(run_id, written, overtaken)


def _check(run: LimitRunRow) -> None:
    if run.state is LimitRunState.ROLLED_BACK:
        raise RunInTheWay(f"{run.id} is rolled back already: nothing is left to do")
    if run.purged_at is not None:
        raise RunInTheWay(
            f"the records of {run.id} were deleted on {run.purged_at:%Y-%m-%d}, since they were past their term: "
            "it cannot be rolled back"
        )
    if run.state not in _CAN_BE_ROLLED_BACK:
        raise RunInTheWay(f"{run.id} is {run.state}: it changed nothing that could be rolled back")
