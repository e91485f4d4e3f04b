"""Applications that wait for their customer: an answer, or the deadline, moves them on.

An incomplete one is reviewed again under the same id; what is still missing at its deadline rejects it. A counteroffer
is accepted, which approves it, or it is declined or expires, and then the request is rejected.
"""

from collections.abc import Collection
from datetime import UTC, datetime
from enum import StrEnum

from sqlalchemy import select, update

from underwriting.domain.application import Application, State
from underwriting.domain.decision import BY_CUSTOMER, BY_DEADLINE, COUNTEROFFER_NOTICE, Decision, Verdict
from underwriting.domain.notice import NoticeKind
from underwriting.store import applications, audit, decisions, notices
from underwriting.store.applications import StoredApplication, application_of
from underwriting.store.errors import NotWaiting
from underwriting.store.models import ApplicationRow
from underwriting.store.session import Work


class Answer(StrEnum):
    """What a customer may say: that the missing parts are there now, or yes or no to a counteroffer."""

    SUPPLIED = "supplied"
    ACCEPTED = "accepted"
    DECLINED = "declined"


async def answer(
    work: Work,
    application_id: str,
    said: Answer,
    *,
    tenant: str | None,
    by: str,
    now: datetime,
    partners: Collection[str],
) -> StoredApplication:
    """Store a customer's answer, which `by` handed in; the application as it stands then.

    The same answer again changes nothing. NotWaiting where the application does not wait for it, or the offer expired;
    UnknownApplication where it is not this tenant's; no tenant means a colleague.
    """
    stored = await applications.get(work, tenant, application_id)
    if said is Answer.SUPPLIED:
        if await _reopened(work, stored.application, now, by, completed_at=now) is None:
            _supplied_before(stored)
    elif not await _settled(work, stored, said, now, by, partners):
        _answered_before(stored, said)
    return await applications.get(work, tenant, application_id)


async def overdue(work: Work, now: datetime, limit: int = 100) -> list[str]:
    """Applications whose time to answer ended, or that are to be reviewed again; the longest waiting first."""
    query = select(ApplicationRow.id).where(ApplicationRow.wake_at <= now).order_by(ApplicationRow.wake_at).limit(limit)
    return list(await work.scalars(query))


async def wake(work: Work, application_id: str, now: datetime, partners: Collection[str]) -> None:
    """Review an incomplete application again, or let an offer expire; nothing where it was answered meanwhile."""
    stored = await applications.get(work, None, application_id)
    if stored.state is State.INCOMPLETE:
        await _reopened(work, stored.application, now, "system", completed_at=stored.application.completed_at)
    elif stored.state is State.COUNTEROFFER:
        await _settled(work, stored, None, now, "system", partners)


async def _reopened(
    work: Work, application: Application, now: datetime, by: str, *, completed_at: datetime | None
) -> Application | None:
    """Put an incomplete application back; None where it does not wait.

    It is judged as of today, unless its request named a day before the one of its receipt.
    """
    today = application.as_of >= application.received_at.astimezone(UTC).date()
    row = await work.scalar(
        update(ApplicationRow)
        .where(ApplicationRow.id == application.id, ApplicationRow.state == State.INCOMPLETE)
        .values(
            state=State.PENDING,
            attempts=0,
            dispatched_at=None,
            wake_at=None,
            completed_at=completed_at,
            as_of=now.astimezone(UTC).date() if today else application.as_of,
        )
        .returning(ApplicationRow)
    )
    if row is None:
        return None
    await audit.append(work, "application.reopened", application.id, by, as_of=row.as_of.isoformat())
    return application_of(row)


async def _settled(
    work: Work, stored: StoredApplication, said: Answer | None, now: datetime, by: str, partners: Collection[str]
) -> bool:
    """Decide a counteroffer by the answer, or by its absence; False where it does not wait for that."""
    application = stored.application
    in_time = ApplicationRow.respond_by <= now if said is None else ApplicationRow.respond_by > now
    waiting = (ApplicationRow.id == application.id, ApplicationRow.state == State.COUNTEROFFER, in_time)
    settled = update(ApplicationRow).where(*waiting).values(state=State.DONE, wake_at=None)
    if await work.scalar(settled.returning(ApplicationRow.id)) is None:
        return False
    offered = (await decisions.history(work, application.id))[-1]
    told_at = await notices.first_sent(work, application.id, NoticeKind.COUNTEROFFER)
    # Who declines was told of the offer, by the partner at least.
    if told_at is None and said is Answer.DECLINED:
        told_at = offered.decided_at
    decision = _decided(offered, said, now, told_at)
    record = stored.record.decided(decision, stored.record.checks)
    await decisions.write_decision(work, application, decision, record, partners=partners, answered_by=by)
    return True


def _decided(offered: Decision, said: Answer | None, now: datetime, told_at: datetime | None) -> Decision:
    """The approval or the rejection; of an offer that nobody was told of, notice is due as it was before."""
    accepted = said is Answer.ACCEPTED
    due = offered.notice_due if told_at is None else (told_at + COUNTEROFFER_NOTICE).date()
    return offered.model_copy(
        update={
            "verdict": Verdict.APPROVED if accepted else Verdict.REJECTED,
            "approved": offered.offer.amount if accepted and offered.offer else None,
            "reasons": () if accepted else offered.reasons,
            "respond_by": None,
            "decided_by": BY_DEADLINE if said is None else BY_CUSTOMER,
            "decided_at": now,
            "notice_due": None if accepted else due,
        }
    )


def _supplied_before(stored: StoredApplication) -> None:
    under_way = stored.state in {State.PENDING, State.RUNNING} and stored.application.completed_at is not None
    if not under_way:
        raise NotWaiting(f"application {stored.application.id} is not incomplete, so nothing can be supplied")


def _answered_before(stored: StoredApplication, said: Answer) -> None:
    verdict = Verdict.APPROVED if said is Answer.ACCEPTED else Verdict.REJECTED
    record = stored.record
    if record.decided_by == BY_CUSTOMER and record.verdict is verdict:
        return
    why = "its offer expired" if stored.state is State.COUNTEROFFER else "it waits for no answer to an offer"
    raise NotWaiting(f"application {stored.application.id} cannot be {said}: {why}")
