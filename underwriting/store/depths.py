"""What waits in the store, and since when: for metrics, and for `underwriting status`."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Select, and_, exists, func, select

from underwriting.domain.application import State
from underwriting.domain.decision import Verdict
from underwriting.domain.limits import LimitRunState
from underwriting.store.columns import from_now
from underwriting.store.limits.runs import without_worker
from underwriting.store.models import (
    ApplicationRow,
    Claimable,
    DecisionRow,
    EligibilityRow,
    EvaluationRow,
    EventRow,
    LimitRunRow,
    ListMatchRow,
    MessageRow,
    QueuedRow,
    QueueState,
    StaffDecisionRow,
)
from underwriting.store.session import Work

UNDECIDED = (State.PENDING, State.RUNNING)
CUSTOMERS = (State.INCOMPLETE, State.COUNTEROFFER)


@dataclass(frozen=True)
class Waiting:
    """How many rows wait, over all tenants, and since when the oldest does; None where none does."""

    count: int
    oldest: datetime | None


# Without a decision, until an operator puts them back.
STOPPED = (State.QUARANTINED, State.CANCELLED)


def _waiting(since: Any, *which: ColumnElement[bool]) -> Select[tuple[int, datetime | None]]:
    return select(func.count(), func.min(since)).where(*which)


def _in_states(table: type[Claimable], *states: State) -> Select[tuple[int, datetime | None]]:
    return _waiting(table.received_at, table.state.in_(states))


def _late(table: type[Claimable]) -> Select[tuple[int, datetime | None]]:
    """A worker had it, and its lease ended without an end of the work."""
    return _waiting(table.received_at, table.state == State.RUNNING, table.lease_until < from_now())


def _failing(table: type[QueuedRow]) -> ColumnElement[bool]:
    return and_(table.state == QueueState.PENDING, table.trouble.is_not(None))


_QUEUES: dict[str, Select[tuple[int, datetime | None]]] = {
    "applications": _in_states(ApplicationRow, *UNDECIDED),
    "applications_late": _late(ApplicationRow),
    "referrals": _in_states(ApplicationRow, State.REFERRED),
    "customers": _in_states(ApplicationRow, *CUSTOMERS),
    "applications_quarantined": _in_states(ApplicationRow, *STOPPED),
    "evaluations": _in_states(EvaluationRow, *UNDECIDED),
    "evaluations_late": _late(EvaluationRow),
    "evaluations_quarantined": _in_states(EvaluationRow, *STOPPED),
    "list_matches": _waiting(ListMatchRow.found_at, ListMatchRow.cleared_at.is_(None)),
    "inbox": _waiting(EventRow.received_at, EventRow.state == QueueState.PENDING),
    "inbox_failing": _waiting(EventRow.received_at, _failing(EventRow)),
    "inbox_dead": _waiting(EventRow.received_at, EventRow.state == QueueState.DEAD),
    "outbox": _waiting(MessageRow.created_at, MessageRow.state == QueueState.PENDING),
    "outbox_failing": _waiting(MessageRow.created_at, _failing(MessageRow)),
    "outbox_dead": _waiting(MessageRow.created_at, MessageRow.state == QueueState.DEAD),
    "limit_runs_late": _waiting(LimitRunRow.created_at, without_worker()),
    "limit_runs_held": _waiting(LimitRunRow.created_at, LimitRunRow.state == LimitRunState.HELD),
    "limit_runs_incomplete": _waiting(LimitRunRow.created_at, LimitRunRow.state == LimitRunState.INCOMPLETE),
}


# Not counted for metrics every few seconds, since they read all results.
_REFERRED_EVALUATIONS = (
    EligibilityRow.verdict == Verdict.REFERRED,
    ~exists().where(StaffDecisionRow.evaluation_id == EligibilityRow.evaluation_id),
)
_SLOW = {"evaluations_referred": _waiting(EligibilityRow.decided_at, *_REFERRED_EVALUATIONS)}


async def depths(work: Work, *, slow: bool = False) -> dict[str, Waiting]:
    """What waits, by queue: for a worker, a person, a customer, a handler, a receiver or an operator.

    With `slow`, also what takes a while to count.
    """
    found = {}
    for name, query in (_QUEUES | (_SLOW if slow else {})).items():
        count, oldest = (await work.execute(query)).one()
        found[name] = Waiting(count, oldest)
    return found


@dataclass(frozen=True)
class Item:
    """One application or evaluation that waits for a person or an operator: since when, and why."""

    id: str
    tenant: str
    subject: str
    since: datetime
    why: str


async def quarantined(work: Work, limit: int) -> list[Item]:
    """Applications and evaluations that ended without a decision, of all tenants, the oldest first."""
    found = []
    for table, subject in ((ApplicationRow, ApplicationRow.customer_id), (EvaluationRow, EvaluationRow.user_id)):
        columns = (table.id, table.tenant, subject, table.received_at, table.trouble)
        query = select(*columns).where(table.state.in_(STOPPED)).order_by(table.received_at).limit(limit)
        rows = (await work.execute(query)).tuples()
        found += [Item(row_id, tenant, who, since, why or "") for row_id, tenant, who, since, why in rows]
    return sorted(found, key=lambda item: item.since)[:limit]


def _applications(*states: State) -> Select[tuple[str, str, str, datetime, Any]]:
    """The applications in these states with the reasons of their last decisions, oldest first."""
    last = select(DecisionRow.reasons).where(DecisionRow.application_id == ApplicationRow.id)
    reasons = last.order_by(DecisionRow.sequence.desc()).limit(1).scalar_subquery()
    row = ApplicationRow
    columns = (row.id, row.tenant, row.customer_id, row.received_at, reasons)
    return select(*columns).where(row.state.in_(states)).order_by(row.received_at)


async def customers(work: Work, limit: int) -> list[Item]:
    """Applications that wait for their customers: something is missing, or an offer is open. The oldest first."""
    return await _items(work, limit, _applications(*CUSTOMERS))


async def referred(work: Work, limit: int) -> list[Item]:
    """Applications and evaluations that a person has to decide, of all tenants, the oldest first."""
    of = (
        EvaluationRow.id,
        EvaluationRow.tenant,
        EvaluationRow.user_id,
        EligibilityRow.decided_at,
        EligibilityRow.reasons,
    )
    evaluations = (
        select(*of)
        .join(EligibilityRow, EligibilityRow.evaluation_id == EvaluationRow.id)
        .where(*_REFERRED_EVALUATIONS)
        .order_by(EligibilityRow.decided_at)
    )
    return await _items(work, limit, _applications(State.REFERRED), evaluations)


async def _items(work: Work, limit: int, *queries: Select[tuple[str, str, str, datetime, Any]]) -> list[Item]:
    found = []
    for query in queries:
        for row_id, tenant, who, since, given in (await work.execute(query.limit(limit))).tuples():
            found.append(Item(row_id, tenant, who, since, ", ".join(reason["code"] for reason in given or ())))
    return sorted(found, key=lambda item: item.since)[:limit]
