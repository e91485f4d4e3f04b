"""Decisions of staff on limit runs that the guard held."""

from sqlalchemy import update

from underwriting.domain.limits import LimitRunState, LimitShardState
from underwriting.store import audit
from underwriting.store.columns import from_now
from underwriting.store.errors import NotHeld
from underwriting.store.limits.runs import VOID, get, refuse_to_go_back
from underwriting.store.models import LimitRunRow, LimitShardRow, sealed_cell
from underwriting.store.session import Work


async def decide(work: Work, run_id: str, decision: LimitRunState, by: str, note: str) -> LimitRunRow:
    """APPLYING releases a held run, DISCARDED discards it. The same decision again changes nothing.

    If the run took effect before, only its correction is discarded: the run stays in force, and its corrected shards
    wait for another calculation. NotHeld if the run does not wait for staff; RunInTheWay if a later date was applied
    already.
    """
    run = await get(work, run_id)
    if run.state is not LimitRunState.HELD:
        if run.decided_by == by and (run.state in VOID) == (decision is LimitRunState.DISCARDED):
            return run
        raise NotHeld(f"{run_id} is {run.state} and does not wait for a person; nothing is changed")
    if decision is LimitRunState.APPLYING:
        await refuse_to_go_back(work, run.tenant, run.product, run.business_date, run.scope)
    if decision is LimitRunState.DISCARDED and run.applied_at is not None:
        decision = LimitRunState.INCOMPLETE
        await work.execute(
            update(LimitShardRow)
            .where(LimitShardRow.run_id == run_id, LimitShardRow.state == LimitShardState.PROPOSED)
            .values(state=LimitShardState.FAILED, trouble=f"the correction was discarded by {by}", digest=None)
        )
    applied = {"applied_at": from_now()} if decision is LimitRunState.APPLYING else {}
    sealed = work.keys.seal(note.encode(), sealed_cell(LimitRunRow.note, run_id))
    decided = await work.scalar(
        update(LimitRunRow)
        .where(LimitRunRow.id == run_id, LimitRunRow.state == LimitRunState.HELD)
        .values(state=decision, decided_by=by, note=sealed, **applied)
        .returning(LimitRunRow)
    )
    if decided is None:
        raise NotHeld(f"{run_id} was decided by somebody else meanwhile; nothing is changed")
    action = "released" if decision is LimitRunState.APPLYING else "discarded"
    await audit.append(work, f"limits.{action}", run_id, by)
    return decided
