"""A person's word on a limit run that the guard held."""

from sqlalchemy import update

from underwriting.domain.limits import LimitRunState, LimitShardState
from underwriting.store import audit
from underwriting.store.columns import from_now
from underwriting.store.errors import NotHeld
from underwriting.store.limits.runs import VOID, get, refuse_to_go_back
from underwriting.store.models import LimitRunRow, LimitShardRow, sealed_cell
from underwriting.store.session import Work


async def decide(work: Work, run_id: str, word: LimitRunState, by: str, note: str) -> LimitRunRow:
    """A person's word on a held run: APPLYING releases it, DISCARDED discards it. The same word again changes nothing.

    What is discarded of a run that took effect before is its correction: the run stands, and its corrected shards
    wait for another calculation. NotHeld where the run does not wait for a person; RunInTheWay where it would be
    applied after a later date was.
    """
    run = await get(work, run_id)
    if run.state is not LimitRunState.HELD:
        if run.decided_by == by and (run.state in VOID) == (word is LimitRunState.DISCARDED):
            return run
        raise NotHeld(f"{run_id} is {run.state} and does not wait for a person; nothing is changed")
    if word is LimitRunState.APPLYING:
        await refuse_to_go_back(work, run.tenant, run.product, run.business_date, run.scope)
    if word is LimitRunState.DISCARDED and run.applied_at is not None:
        word = LimitRunState.INCOMPLETE
        await work.execute(
            update(LimitShardRow)
            .where(LimitShardRow.run_id == run_id, LimitShardRow.state == LimitShardState.PROPOSED)
            .values(state=LimitShardState.FAILED, trouble=f"the correction was discarded by {by}", digest=None)
        )
    applied = {"applied_at": from_now()} if word is LimitRunState.APPLYING else {}
    sealed = work.keys.seal(note.encode(), sealed_cell(LimitRunRow.note, run_id))
    settled = await work.scalar(
        update(LimitRunRow)
        .where(LimitRunRow.id == run_id, LimitRunRow.state == LimitRunState.HELD)
        .values(state=word, decided_by=by, note=sealed, **applied)
        .returning(LimitRunRow)
    )
    if settled is None:
        raise NotHeld(f"{run_id} was settled by somebody else meanwhile; nothing is changed")
    said = "released" if word is LimitRunState.APPLYING else "discarded"
    await audit.append(work, f"limits.{said}", run_id, by)
    return settled
