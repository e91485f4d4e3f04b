"""Who works on an application. The row is the truth: one owner at a time, known by its fence.

A claim raises the fence and sets a lease by the database's clock; the owner renews it. Once it expires another
worker may claim, and the fence keeps the first one from storing anything. The scheduler is only a trigger: `owed`
tells the sweeper what nobody works on.
"""

from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from sqlalchemy import and_, or_, select, update

from underwriting.domain.application import Application, State
from underwriting.store import audit
from underwriting.store.applications import application_of
from underwriting.store.columns import from_now
from underwriting.store.errors import LeaseLost, NotRetryable, UnknownApplication
from underwriting.store.models import ApplicationRow
from underwriting.store.session import Work


@dataclass(frozen=True)
class Claim:
    """One worker's ownership of one application."""

    application: Application
    fence: int
    attempt: int


@dataclass(frozen=True)
class Owed:
    """An application that nobody works on. `dispatch_no` numbers the next dispatch."""

    application_id: str
    request_key: str
    state: State
    dispatch_no: int
    # The run it was last given to, or that held it when its lease expired.
    flow_run_id: str | None


async def claim(work: Work, application_id: str, flow_run_id: str, lease: timedelta, max_attempts: int) -> Claim | None:
    """Own the application for `lease`; None where it is owned, finished or unknown.

    After `max_attempts` claims without an end it is quarantined: whatever kills its workers must not go on.
    """
    row = await work.scalar(
        update(ApplicationRow)
        .where(ApplicationRow.id == application_id, _claimable(), ApplicationRow.attempts < max_attempts)
        .values(
            state=State.RUNNING,
            fence=ApplicationRow.fence + 1,
            attempts=ApplicationRow.attempts + 1,
            lease_until=from_now(lease),
            flow_run_id=flow_run_id,
        )
        .returning(ApplicationRow)
    )
    if row is not None:
        return Claim(application_of(row), row.fence, row.attempts)
    await _quarantine(work, application_id, max_attempts)
    return None


async def renew(work: Work, claim: Claim, lease: timedelta) -> bool:
    """Own it for another `lease` from now; False where somebody else does, or it is finished."""
    return await _owned(work, claim, lease_until=from_now(lease))


async def release(work: Work, claim: Claim) -> bool:
    """Give it back unfinished, for another attempt; False where it is not ours any more."""
    return await _owned(work, claim, state=State.PENDING, lease_until=None)


async def fail(work: Work, claim: Claim, why: str) -> None:
    """End it without a decision, for an operator to see; LeaseLost where it is not ours any more."""
    if not await _owned(work, claim, state=State.FAILED, lease_until=None, trouble=why):
        raise LeaseLost(claim.application.id)
    await audit.append(work, "application.failed", claim.application.id, "system", attempt=claim.attempt)


async def retry(work: Work, application_id: str, by: str) -> None:
    """Put a failed or quarantined application back, with all its attempts before it; NotRetryable for any other."""
    row = await work.scalar(
        update(ApplicationRow)
        .where(ApplicationRow.id == application_id, ApplicationRow.state.in_((State.FAILED, State.QUARANTINED)))
        .values(state=State.PENDING, attempts=0, dispatched_at=None, trouble=None)
        .returning(ApplicationRow)
    )
    if row is None:
        if await work.get(ApplicationRow, application_id) is None:
            raise UnknownApplication(application_id)
        raise NotRetryable(f"application {application_id} neither failed nor is quarantined; there is nothing to retry")
    await audit.append(work, "application.retried", application_id, by)


async def owed(work: Work, pending_for: timedelta, limit: int = 100) -> list[Owed]:
    """Applications that wait for a worker: oldest first, none that was dispatched within `pending_for`.

    That is PENDING ones, and RUNNING ones whose lease expired, which are due at once unless they were dispatched
    again since then.
    """
    long_ago = from_now(-pending_for)
    expired = and_(ApplicationRow.state == State.RUNNING, ApplicationRow.lease_until < from_now())
    overdue = or_(
        and_(
            ApplicationRow.state == State.PENDING,
            ApplicationRow.dispatched_at.is_(None),
            ApplicationRow.received_at < long_ago,
        ),
        and_(ApplicationRow.state == State.PENDING, ApplicationRow.dispatched_at < long_ago),
        and_(
            expired,
            or_(ApplicationRow.dispatched_at.is_(None), ApplicationRow.dispatched_at < ApplicationRow.lease_until),
        ),
        and_(expired, ApplicationRow.dispatched_at < long_ago),
    )
    rows = await work.scalars(select(ApplicationRow).where(overdue).order_by(ApplicationRow.id).limit(limit))
    return [Owed(row.id, row.request_key, row.state, row.dispatch_no + 1, row.flow_run_id) for row in rows]


async def dispatched(work: Work, application_id: str, dispatch_no: int, flow_run_id: str) -> bool:
    """Note that dispatch `dispatch_no` was handed to `flow_run_id`; False where it is noted or overtaken already."""
    noted = await work.scalar(
        update(ApplicationRow)
        .where(ApplicationRow.id == application_id, ApplicationRow.dispatch_no == dispatch_no - 1)
        .values(dispatch_no=dispatch_no, dispatched_at=from_now(), flow_run_id=flow_run_id)
        .returning(ApplicationRow.id)
    )
    return noted is not None


def owned(claim: Claim) -> Any:
    """The condition under which a worker may still write about its application."""
    return and_(
        ApplicationRow.id == claim.application.id,
        ApplicationRow.fence == claim.fence,
        ApplicationRow.state == State.RUNNING,
    )


async def _owned(work: Work, claim: Claim, **values: Any) -> bool:
    statement = update(ApplicationRow).where(owned(claim)).values(**values).returning(ApplicationRow.id)
    return await work.scalar(statement) is not None


def _claimable() -> Any:
    return or_(
        ApplicationRow.state == State.PENDING,
        and_(ApplicationRow.state == State.RUNNING, ApplicationRow.lease_until < from_now()),
    )


async def _quarantine(work: Work, application_id: str, max_attempts: int) -> None:
    why = f"no attempt of {max_attempts} came to an end"
    row = await work.scalar(
        update(ApplicationRow)
        .where(ApplicationRow.id == application_id, _claimable(), ApplicationRow.attempts >= max_attempts)
        .values(state=State.QUARANTINED, lease_until=None, trouble=why)
        .returning(ApplicationRow)
    )
    if row is not None:
        await audit.append(work, "application.quarantined", application_id, "system", attempts=row.attempts)
