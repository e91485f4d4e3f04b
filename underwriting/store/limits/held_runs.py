"""Decisions of staff on limit runs that the guard held, or that cannot go on."""

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

    A run that is still being calculated may be discarded, too: what its worker stores afterwards is refused.

    If the run took effect before, only its correction is discarded: the run stays in force, and its corrected shards
    wait for another calculation. NotHeld if the run does not wait for staff; RunInTheWay if a later date was applied
    already.
    """
    run = await get(work, run_id)
    unfinished = run.state is LimitRunState.CALCULATING and decision is LimitRunState.DISCARDED
    if run.state is not LimitRunState.HELD and not unfinished:
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
    # If whoever released it dies before it is applied, the housekeeping applies it.
    applied = {"applied_at": from_now(), "lease_until": from_now()} if decision is LimitRunState.APPLYING else {}
    sealed = work.keys.seal(note.encode(), sealed_cell(LimitRunRow.note, run_id))
    decided = await work.scalar(
        update(LimitRunRow)
        .where(LimitRunRow.id == run_id, LimitRunRow.state == run.state)
        .values(state=decision, decided_by=by, note=sealed, fence=LimitRunRow.fence + 1, **applied)
        .returning(LimitRunRow)
    )
    if decided is None:
        raise NotHeld(f"{run_id} was decided by somebody else meanwhile; nothing is changed")
    action = "released" if decision is LimitRunState.APPLYING else "discarded"
    await audit.append(work, f"limits.{action}", run_id, by)
    return decided
