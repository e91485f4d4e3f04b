"""Applications that wait for their customer until an answer or the deadline.

An incomplete application is reviewed again under the same id; if something is still missing at its deadline, it is
rejected. An application with a counteroffer is approved if the customer accepts, and rejected if the customer declines
or does not answer in time.
"""

from collections.abc import Collection
from datetime import UTC, date, datetime
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
    """What a customer may answer: what was missing is supplied, or yes or no to a counteroffer."""

    SUPPLIED = "supplied"
    ACCEPTED = "accepted"
    DECLINED = "declined"


async def answer(
    work: Work,
    application_id: str,
    given: Answer,
    *,
    tenant: str | None,
    by: str,
    now: datetime,
    partners: Collection[str],
) -> StoredApplication:
    """Store a customer's answer, which `by` handed in; returns the application after it.

    The same answer again changes nothing. NotWaiting if the application does not wait for it, or the offer expired;
    UnknownApplication if it is not this tenant's. None as the tenant is our staff.
    """
    stored = await applications.get(work, tenant, application_id)
    if given is Answer.SUPPLIED:
        if await _reopened(work, stored.subject, now, by, completed_on=work.day_of(now)) is None:
            _supplied_before(stored)
    elif not await _decide_offer(work, stored, given, now, by, partners):
        _answered_before(stored, given)
    return await applications.get(work, tenant, application_id)


async def overdue(work: Work, now: datetime, limit: int = 100) -> list[str]:
    """Applications whose time to answer ended, or that are to be reviewed again; the longest waiting first."""
    query = select(ApplicationRow.id).where(ApplicationRow.wake_at <= now).order_by(ApplicationRow.wake_at).limit(limit)
    return list(await work.scalars(query))


async def wake(work: Work, application_id: str, now: datetime, partners: Collection[str]) -> None:
    """Review an incomplete application again, or let an offer expire; nothing if it was answered meanwhile."""
    stored = await applications.get(work, None, application_id)
    if stored.state is State.INCOMPLETE:
        await _reopened(work, stored.subject, now, "system", completed_on=stored.subject.completed_on)
    elif stored.state is State.COUNTEROFFER:
        await _decide_offer(work, stored, None, now, "system", partners)


async def _reopened(
    work: Work, application: Application, now: datetime, by: str, *, completed_on: date | None
) -> Application | None:
    """Put an incomplete application back; None if it does not wait.

    It is decided as of today, unless the request named a day before its receipt.
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
            completed_on=completed_on,
            as_of=now.astimezone(UTC).date() if today else application.as_of,
        )
        .returning(ApplicationRow)
    )
    if row is None:
        return None
    await audit.append(work, "application.reopened", application.id, by, as_of=row.as_of.isoformat())
    return application_of(row)


async def _decide_offer(
    work: Work, stored: StoredApplication, given: Answer | None, now: datetime, by: str, partners: Collection[str]
) -> bool:
    """Decide a counteroffer by the answer or, without one, by the deadline; False if it does not wait for that."""
    application = stored.subject
    in_time = ApplicationRow.respond_by <= now if given is None else ApplicationRow.respond_by > now
    waiting = (ApplicationRow.id == application.id, ApplicationRow.state == State.COUNTEROFFER, in_time)
    decided = update(ApplicationRow).where(*waiting).values(state=State.DONE, wake_at=None)
    if await work.scalar(decided.returning(ApplicationRow.id)) is None:
        return False
    offered = (await decisions.history(work, application.id))[-1]
    notified_at = await notices.first_sent(work, application.id, NoticeKind.COUNTEROFFER)
    # A customer who declines knows of the offer, at least from the partner.
    if notified_at is None and given is Answer.DECLINED:
        notified_at = offered.decided_at
    decision = _decided(offered, given, now, notified_at and work.day_of(notified_at))
    record = stored.record.decided(decision, stored.record.checks)
    await decisions.write_decision(work, application, decision, record, partners=partners, answered_by=by)
    return True


def _decided(offered: Decision, given: Answer | None, now: datetime, notified_on: date | None) -> Decision:
    """The approval or the rejection. Without a notice of the offer, the notice is due on the same day as before."""
    accepted = given is Answer.ACCEPTED
    due = offered.notice_due if notified_on is None else notified_on + COUNTEROFFER_NOTICE
    return offered.model_copy(
        update={
            "verdict": Verdict.APPROVED if accepted else Verdict.REJECTED,
            "approved": offered.offer.amount if accepted and offered.offer else None,
            "reasons": () if accepted else offered.reasons,
            "respond_by": None,
            "decided_by": BY_DEADLINE if given is None else BY_CUSTOMER,
            "decided_at": now,
            "notice_due": None if accepted else due,
        }
    )


def _supplied_before(stored: StoredApplication) -> None:
    under_way = stored.state in {State.PENDING, State.RUNNING} and stored.subject.completed_on is not None
    if not under_way:
        raise NotWaiting(f"application {stored.subject.id} is not incomplete, so nothing can be supplied")


def _answered_before(stored: StoredApplication, given: Answer) -> None:
    verdict = Verdict.APPROVED if given is Answer.ACCEPTED else Verdict.REJECTED
    record = stored.record
    if record.decided_by == BY_CUSTOMER and record.verdict is verdict:
        return
    why = "its offer expired" if stored.state is State.COUNTEROFFER else "it waits for no answer to an offer"
    raise NotWaiting(f"application {stored.subject.id} cannot be {given}: {why}")
