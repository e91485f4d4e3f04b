"""Who works on an application or an evaluation: one owner at a time, identified by its fence.

A claim raises the fence and sets a lease by the database's clock; the owner renews the lease. Once it expires, another
worker may claim, and the fence keeps the first one from storing anything. Prefect is only a trigger: `unclaimed` lists
for the housekeeping what nobody works on.
"""

from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any, Generic

from sqlalchemy import and_, or_, select, update

from underwriting.domain.application import State
from underwriting.integrations.steps import Steps
from underwriting.store import audit, execution
from underwriting.store import lease as leases
from underwriting.store.columns import from_now
from underwriting.store.errors import LeaseLost, NotRetryable
from underwriting.store.kinds import Kind
from underwriting.store.models import AttemptEnd, Claimable
from underwriting.store.session import Work
from underwriting.store.stored import T


@dataclass(frozen=True)
class Claim(Generic[T]):
    """One worker's ownership of one application or evaluation."""

    kind: Kind[T]
    subject: T
    fence: int
    attempt: int
    # What was done so far, for the execution log.
    steps: Steps = field(default_factory=Steps, compare=False, repr=False)


@dataclass(frozen=True)
class Unclaimed(Generic[T]):
    """What no worker works on. `dispatch_no` is the number of the next dispatch."""

    subject: T
    state: State
    dispatch_no: int
    # The run that it was last given to, or that owned it when its lease expired.
    flow_run_id: str | None


async def claim(
    work: Work, kind: Kind[T], subject_id: str, flow_run_id: str, lease: timedelta, max_attempts: int
) -> Claim[T] | None:
    """Own the subject for `lease`; None if it is owned, finished or unknown.

    After `max_attempts` unfinished claims it is quarantined, because it may be what kills the workers.
    """
    table = kind.row
    row = await leases.take(
        work,
        table,
        subject_id,
        lease,
        _claimable(table),
        table.attempts < max_attempts,
        state=State.RUNNING,
        attempts=table.attempts + 1,
        flow_run_id=flow_run_id,
    )
    if row is not None:
        await execution.began(work, subject_id, row.fence, flow_run_id)
        return Claim(kind, kind.subject(row), row.fence, row.attempts)
    await _quarantine(work, kind, subject_id, max_attempts)
    return None


async def renew(work: Work, claim: Claim[T], lease: timedelta) -> bool:
    """Own it for another `lease` from now; False if somebody else does, or if it is finished."""
    ours = await change(work, claim, lease_until=from_now(lease))
    if ours:
        await execution.goes_on(work, claim.subject.id, claim.fence, claim.steps)
    return ours


async def give_back(work: Work, claim: Claim[T], wait: timedelta, error: BaseException | None = None) -> None:
    """Let others claim it after `wait`, since the attempt failed of `error`; without one, somebody stopped it.

    If it is finished, or not ours any more, only the execution log notes that.
    """
    how = AttemptEnd.FAILED if isinstance(error, Exception) else AttemptEnd.STOPPED
    if not await change(work, claim, lease_until=from_now(wait)):
        how = AttemptEnd.LOST
    elif how is AttemptEnd.FAILED:
        claim.steps.add("waited", seconds=wait.total_seconds(), why="before the next attempt")
    await execution.ended(work, claim.subject.id, claim.fence, claim.steps, how, error)


async def finish(work: Work, claim: Claim[T], state: State, **values: Any) -> None:
    """Leave it in `state`, decided; LeaseLost, and nothing is stored, if it is finished, or not ours any more."""
    if not await change(work, claim, state=state, lease_until=None, **values):
        raise LeaseLost(claim.subject.id)
    await execution.ended(work, claim.subject.id, claim.fence, claim.steps, AttemptEnd.DECIDED)


async def cancel(work: Work, kind: Kind[T], subject_id: str, flow_run_id: str) -> bool:
    """Leave it undecided until `retry`, since somebody cancelled its flow run; False if it is decided or goes on."""
    table = kind.row
    free = or_(table.lease_until.is_(None), table.lease_until < from_now())
    cancelled = await work.scalar(
        update(table)
        .where(table.id == subject_id, table.state.in_((State.PENDING, State.RUNNING)), free)
        .where(table.flow_run_id == flow_run_id)
        .values(state=State.CANCELLED, lease_until=None, trouble="its flow run was cancelled in Prefect")
        .returning(table.id)
    )
    if cancelled is not None:
        await audit.append(work, f"{kind.name}.cancelled", subject_id, "system", flow_run_id=flow_run_id)
    return cancelled is not None


async def retry(work: Work, kind: Kind[T], subject_id: str, by: str) -> None:
    """Put a quarantined or cancelled subject back, with all its attempts.

    NotRetryable in any other state, and if the same user is already being evaluated for the same product again.
    """
    table = kind.row
    row = await work.scalar(
        update(table)
        .where(table.id == subject_id, table.state.in_((State.CANCELLED, State.QUARANTINED)), kind.retryable)
        .values(state=State.PENDING, attempts=0, dispatched_at=None, flow_run_id=None, trouble=None)
        .returning(table)
    )
    if row is None:
        found = await work.get(table, subject_id)
        if found is None:
            raise kind.unknown(subject_id)
        if found.state in (State.CANCELLED, State.QUARANTINED):
            raise NotRetryable(f"{subject_id} is {found.state}, but the same is under way anew: nothing to retry")
        then = "it is under way" if found.state in (State.PENDING, State.RUNNING) else "nothing to retry"
        raise NotRetryable(f"{subject_id} is {found.state}, neither quarantined nor cancelled: {then}")
    await audit.append(work, f"{kind.name}.retried", subject_id, by)


async def unclaimed(work: Work, kind: Kind[T], pending_for: timedelta, limit: int = 100) -> list[Unclaimed[T]]:
    """What waits for a worker though it had its turn (`turns.take`), without what had it within `pending_for`.

    These are RUNNING rows whose lease expired, which come first and are due at once unless they were dispatched again
    since then, and PENDING rows, oldest first.
    """
    table = kind.row
    long_ago = from_now(-pending_for)
    expired = and_(table.state == State.RUNNING, table.lease_until < from_now())
    overdue = or_(
        and_(table.state == State.PENDING, table.dispatched_at < long_ago),
        and_(expired, or_(table.dispatched_at.is_(None), table.dispatched_at < table.lease_until)),
        and_(expired, table.dispatched_at < long_ago),
    )
    rows = await work.scalars(select(table).where(overdue).order_by(expired.desc(), table.id).limit(limit))
    return [Unclaimed(kind.subject(row), row.state, row.dispatch_no + 1, row.flow_run_id) for row in rows]


async def dispatched(work: Work, kind: Kind[T], subject_id: str, dispatch_no: int, flow_run_id: str) -> bool:
    """Note that dispatch `dispatch_no` was handed to `flow_run_id`; False if it is noted or overtaken already."""
    table = kind.row
    noted = await work.scalar(
        update(table)
        .where(table.id == subject_id, table.dispatch_no == dispatch_no - 1)
        .values(dispatch_no=dispatch_no, dispatched_at=from_now(), flow_run_id=flow_run_id)
        .returning(table.id)
    )
    if noted is None:
        return False
    await execution.dispatched(work, subject_id, dispatch_no, flow_run_id)
    return True


def owned(claim: Claim[T]) -> Any:
    """The condition under which a worker may still write about what it claimed."""
    table = claim.kind.row
    return and_(table.id == claim.subject.id, table.fence == claim.fence, table.state == State.RUNNING)


async def change(work: Work, claim: Claim[T], **values: Any) -> bool:
    """Set columns of what is claimed; False, and nothing is changed, if it is not ours any more."""
    return await leases.change(work, claim.kind.row, owned(claim), **values)


def _claimable(table: type[Claimable]) -> Any:
    return or_(table.state == State.PENDING, and_(table.state == State.RUNNING, table.lease_until < from_now()))


async def _quarantine(work: Work, kind: Kind[T], subject_id: str, max_attempts: int) -> None:
    table = kind.row
    why = f"no attempt of {max_attempts} came to an end"
    row = await work.scalar(
        update(table)
        .where(table.id == subject_id, _claimable(table), table.attempts >= max_attempts)
        .values(state=State.QUARANTINED, lease_until=None, trouble=why)
        .returning(table)
    )
    if row is not None:
        await audit.append(work, f"{kind.name}.quarantined", subject_id, "system", attempts=row.attempts)
