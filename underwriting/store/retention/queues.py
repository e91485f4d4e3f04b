"""Copies and traces: messages that were sent, events that were handled, and the execution log.

No law demands them: what they say is in the records that they are about. So of one person they go at once.
"""

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import delete, select, update

from underwriting.domain.application import State
from underwriting.domain.retention import MINIMUMS, NOT_DEMANDED, Kind, Term
from underwriting.store.models import (
    ApplicationRow,
    AttemptRow,
    Channel,
    DispatchRow,
    EvaluationRow,
    EventRow,
    MessageRow,
    QueueState,
    sealed_cell,
)
from underwriting.store.retention.records import BATCH, Key, Page, Record, RecordType, Wanted, narrowed, next_key, paged
from underwriting.store.session import Work

COPIES = (Channel.EVENTS, Channel.ANALYTICS)
UNSENT = Term(None, "it is not sent")
UNHANDLED = Term(None, "it is not handled")
GIVEN_UP = Term(None, "it was given up, and waits for an operator")
UNDER_WAY = Term(None, "what it is about is not decided")
# Instead of a person's id, in an event whose own id is kept so that a repetition changes nothing.
ERASED = "erased"


async def _messages(work: Work, wanted: Wanted, after: Key | None) -> Page:
    past = MessageRow.done_at < wanted.before(MINIMUMS[Kind.MESSAGES].months)
    copies = select(MessageRow).where(MessageRow.channel.in_(COPIES))
    query = narrowed(copies, wanted, MessageRow.tenant, MessageRow.customer_id, past)
    rows = list(await work.scalars(paged(query, (MessageRow.seq,), after)))

    def term(row: MessageRow) -> Term:
        days = wanted.demands.term(row.tenant, row.customer_id, Kind.MESSAGES, work.day_of(row.done_at or row.due_at))
        if wanted.person is not None:
            return NOT_DEMANDED if days.until is not None else days
        return _waits(row.state, UNSENT) or days

    records = [Record(Kind.MESSAGES, row.tenant, row.customer_id, (row.seq,), term(row)) for row in rows]
    return records, next_key(rows, lambda row: (row.seq,))


async def _delete_messages(work: Work, records: Sequence[Record]) -> None:
    await work.execute(delete(MessageRow).where(MessageRow.seq.in_([record.key[0] for record in records])))


async def _events(work: Work, wanted: Wanted, after: Key | None) -> Page:
    past = EventRow.done_at < wanted.before(MINIMUMS[Kind.EVENTS].months)
    query = narrowed(select(EventRow), wanted, EventRow.tenant, EventRow.user_id, past)
    rows = list(await work.scalars(paged(query, (EventRow.id,), after)))

    def term(row: EventRow) -> Term:
        days = wanted.demands.term(row.tenant, row.user_id, Kind.EVENTS, work.day_of(row.done_at or row.due_at))
        if wanted.person is not None and row.state is not QueueState.PENDING:
            return NOT_DEMANDED if days.until is not None else days
        return _waits(row.state, UNHANDLED) or days

    records = [Record(Kind.EVENTS, row.tenant, row.user_id, (row.id,), term(row)) for row in rows]
    return records, next_key(rows, lambda row: (row.id,))


async def _delete_events(work: Work, records: Sequence[Record]) -> None:
    await work.execute(delete(EventRow).where(EventRow.id.in_([record.key[0] for record in records])))


async def forget_events(work: Work, records: Sequence[Record]) -> None:
    """Take the person and the payload out of events; one that was given up is not handled any more."""
    for record in records:
        (event_id,) = record.key
        payload = work.keys.seal(b"{}", sealed_cell(EventRow.payload, event_id))
        values = {"user_id": ERASED, "payload": payload, "state": QueueState.DONE, "trouble": None}
        await work.execute(update(EventRow).where(EventRow.id == event_id).values(**values))
        undated = update(EventRow).where(EventRow.id == event_id, EventRow.done_at.is_(None))
        await work.execute(undated.values(done_at=EventRow.due_at))


async def unhandled(work: Work, tenant: str, person: str) -> list[str]:
    """The events about a person that are still to be handled."""
    mine = (EventRow.tenant == tenant, EventRow.user_id == person, EventRow.state == QueueState.PENDING)
    return list(await work.scalars(select(EventRow.id).where(*mine).order_by(EventRow.id)))


def _waits(state: QueueState, pending: Term) -> Term | None:
    return {QueueState.PENDING: pending, QueueState.DEAD: GIVEN_UP}.get(state)


async def _log(work: Work, wanted: Wanted, after: Key | None) -> Page:
    """The execution log, a record for each application or evaluation."""
    ids, following = await _logged(work, wanted, after)
    last: dict[str, datetime] = {}
    for table, moment in ((AttemptRow, AttemptRow.renewed_at), (DispatchRow, DispatchRow.dispatched_at)):
        for id_, at in await work.execute(select(table.subject_id, moment).where(table.subject_id.in_(ids))):
            last[id_] = max(at, last.get(id_, at))
    about: dict[str, Any] = {}
    for row, person in ((ApplicationRow, ApplicationRow.customer_id), (EvaluationRow, EvaluationRow.user_id)):
        for id_, *found in await work.execute(select(row.id, row.tenant, person, row.state).where(row.id.in_(ids))):
            about[id_] = found
    records = []
    for id_ in ids:
        tenant, person, state = about.get(id_, ("", "", State.DONE))
        if wanted.tenant not in (None, tenant):
            continue
        term = wanted.demands.term(tenant, person, Kind.LOG, work.day_of(last[id_]))
        if state in (State.PENDING, State.RUNNING):
            term = UNDER_WAY
        elif wanted.person is not None and term.until is not None:
            term = NOT_DEMANDED
        records.append(Record(Kind.LOG, tenant, person, (id_,), term))
    return records, following


async def _logged(work: Work, wanted: Wanted, after: Key | None) -> tuple[list[str], Key | None]:
    """The next applications and evaluations that have a log, in the order of their ids."""
    pages: list[list[str]] = []
    for table in (AttemptRow, DispatchRow):
        query = select(table.subject_id).distinct()
        if wanted.person is not None:
            query = query.where(table.subject_id.in_(_of_person(wanted)))
        pages.append(list(await work.scalars(paged(query, (table.subject_id,), after))))
    # Behind the end of a full page there may be more that the other page has passed.
    end = min((page[-1] for page in pages if len(page) == BATCH), default=None)
    ids = sorted({id_ for page in pages for id_ in page if end is None or id_ <= end})
    return ids, None if end is None else (end,)


def _of_person(wanted: Wanted) -> Any:
    mine = ((ApplicationRow, ApplicationRow.customer_id), (EvaluationRow, EvaluationRow.user_id))
    first, second = (
        select(table.id).where(table.tenant == wanted.tenant, column == wanted.person) for table, column in mine
    )
    return first.union_all(second)


async def _delete_log(work: Work, records: Sequence[Record]) -> None:
    ids: Iterable[str] = [record.key[0] for record in records]
    for table in (AttemptRow, DispatchRow):
        await work.execute(delete(table).where(table.subject_id.in_(ids)))


MESSAGES = RecordType(frozenset({Kind.MESSAGES}), _messages, _delete_messages)
EVENTS = RecordType(frozenset({Kind.EVENTS}), _events, _delete_events)
LOG = RecordType(frozenset({Kind.LOG}), _log, _delete_log)
