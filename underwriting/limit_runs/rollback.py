"""Rollback of a run: everybody whose limit it changed gets the former limit, as a new version of the profile."""

from dataclasses import dataclass
from datetime import UTC, datetime

from rules.limits.tiers import TIERS
from underwriting.domain.limits import LimitRunState, LimitShardState
from underwriting.limit_runs.run_context import RunContext
from underwriting.store import audit
from underwriting.store.errors import RunInTheWay
from underwriting.store.limits import changes as limit_changes
from underwriting.store.limits import runs as limit_runs
from underwriting.store.limits import shards as limit_shards

CAN_BE_ROLLED_BACK = (
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
            if run.state not in CAN_BE_ROLLED_BACK:
                raise RunInTheWay(f"{run_id} is {run.state}: it changed nothing that could be rolled back")
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
