"""How much waits in the store, for metrics."""

from sqlalchemy import Select, func, select

from underwriting.domain.application import State
from underwriting.store.models import ApplicationRow, EvaluationRow, EventRow, MessageRow, QueueState
from underwriting.store.session import Work

UNDECIDED = (State.PENDING, State.RUNNING)
CUSTOMERS = (State.INCOMPLETE, State.COUNTEROFFER)
_QUEUES: dict[str, Select[tuple[int]]] = {
    "applications": select(func.count()).select_from(ApplicationRow).where(ApplicationRow.state.in_(UNDECIDED)),
    "referrals": select(func.count()).select_from(ApplicationRow).where(ApplicationRow.state == State.REFERRED),
    "customers": select(func.count()).select_from(ApplicationRow).where(ApplicationRow.state.in_(CUSTOMERS)),
    "evaluations": select(func.count()).select_from(EvaluationRow).where(EvaluationRow.state.in_(UNDECIDED)),
    "inbox": select(func.count()).select_from(EventRow).where(EventRow.state == QueueState.PENDING),
    "inbox_dead": select(func.count()).select_from(EventRow).where(EventRow.state == QueueState.DEAD),
    "outbox": select(func.count()).select_from(MessageRow).where(MessageRow.state == QueueState.PENDING),
    "outbox_dead": select(func.count()).select_from(MessageRow).where(MessageRow.state == QueueState.DEAD),
}


async def depths(work: Work) -> dict[str, int]:
    """How much waits, by queue: for a worker, a person, a customer, a handler, a receiver or an operator."""
    return {name: int(await work.scalar(query) or 0) for name, query in _QUEUES.items()}
