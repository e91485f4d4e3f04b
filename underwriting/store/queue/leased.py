"""A queue of rows: each is taken under a lease, tried again after growing waits, and dead after the last attempt.

A worker that takes a row raises its attempt number and owns it until the lease ends. A failure is noted only under that
attempt number, so that a worker that lost its lease changes nothing. A row that is `DEAD` waits for an operator.
"""

import random
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Generic, TypeVar

from sqlalchemy import ColumnElement, and_, or_, select, update
from sqlalchemy.orm import InstrumentedAttribute

from underwriting.store import audit
from underwriting.store.columns import from_now
from underwriting.store.models import QueuedRow, QueueState
from underwriting.store.session import Work

LEASE = timedelta(seconds=60)
# Every wait is lengthened by up to this share at random, so that rows that failed together are not retried together.
JITTER = 0.5
_random = random.SystemRandom()

R = TypeVar("R", bound=QueuedRow)


@dataclass(frozen=True)
class Queue(Generic[R]):
    """The queue in one table. `name` is what audit entries call a row, `order` the column that rows are ordered by.

    `waits` are the times between one attempt and the next.
    """

    name: str
    row: type[R]
    order: InstrumentedAttribute[Any]
    waits: Sequence[timedelta]

    @property
    def free(self) -> ColumnElement[bool]:
        """Which rows are due and owned by no worker."""
        return and_(self.row.state == QueueState.PENDING, self.row.due_at <= from_now(), self._unheld)

    @property
    def _unheld(self) -> ColumnElement[bool]:
        return or_(self.row.lease_until.is_(None), self.row.lease_until < from_now())

    async def take(self, work: Work, keys: Collection[Any], lease: timedelta) -> list[R]:
        """Own the rows of these values of `order` for `lease`, in order. Commit before working on them."""
        if not keys:
            return []
        rows = await work.scalars(
            update(self.row)
            .where(self.order.in_(keys))
            .values(attempts=self.row.attempts + 1, lease_until=from_now(lease))
            .returning(self.row)
        )
        return sorted(rows, key=lambda row: getattr(row, self.order.key))

    async def done(self, work: Work, *ids: str) -> None:
        """Mark the rows as done, under whatever attempt."""
        await work.execute(
            update(self.row)
            .where(self.row.id.in_(ids), self.row.state == QueueState.PENDING)
            .values(state=QueueState.DONE, done_at=from_now(), lease_until=None, trouble=None)
        )

    async def finish(self, work: Work, row_id: str, attempt: int) -> bool:
        """Mark the row as done; False if another worker took it over, and then nothing may be written for it."""
        found = await work.scalar(
            update(self.row)
            .where(self.row.id == row_id, self.row.state == QueueState.PENDING, self.row.attempts == attempt)
            .values(state=QueueState.DONE, done_at=from_now(), lease_until=None, trouble=None)
            .returning(self.row.id)
        )
        return found is not None

    async def failed(
        self, work: Work, row_id: str, attempt: int, why: str, waits: Sequence[timedelta] | None = None
    ) -> QueueState | None:
        """Try the row again later, or mark it as dead after the last wait; None if another worker took it over.

        `why` must contain no personal data. Empty `waits` mark a row as dead that no further attempt can help.
        """
        left = self.waits if waits is None else waits
        spent = attempt > len(left)
        wait = timedelta() if spent else left[attempt - 1] * (1 + JITTER * _random.random())
        state = QueueState.DEAD if spent else QueueState.PENDING
        found = await work.scalar(
            update(self.row)
            .where(self.row.id == row_id, self.row.state == QueueState.PENDING, self.row.attempts == attempt)
            .values(state=state, due_at=from_now(wait), lease_until=None, trouble=why)
            .returning(self.row.id)
        )
        if found is None:
            return None
        if spent:
            await audit.append(work, f"{self.name}.died", row_id, "system", attempts=attempt)
        return state

    async def pending(self, work: Work, limit: int = 100) -> list[R]:
        """Rows that are not done yet, the oldest first."""
        query = select(self.row).where(self.row.state == QueueState.PENDING).order_by(self.order).limit(limit)
        return list(await work.scalars(query))

    async def dead(self, work: Work, limit: int = 100) -> list[R]:
        """Rows that wait for an operator, oldest first."""
        query = select(self.row).where(self.row.state == QueueState.DEAD).order_by(self.order).limit(limit)
        return list(await work.scalars(query))

    async def redrive(self, work: Work, ids: Collection[str], by: str) -> list[str]:
        """Give rows all their attempts back, due at once; returns their ids.

        These are dead rows, and rows that wait for their next attempt. Those that a worker owns are left alone.
        """
        revived = await work.scalars(
            update(self.row)
            .where(self.row.id.in_(ids), self.row.state.in_((QueueState.DEAD, QueueState.PENDING)), self._unheld)
            .values(state=QueueState.PENDING, attempts=0, due_at=from_now(), trouble=None)
            .returning(self.row.id)
        )
        found = sorted(revived)
        for row_id in found:
            await audit.append(work, f"{self.name}.redriven", row_id, by)
        return found

    async def states(self, work: Work, ids: Collection[str]) -> dict[str, QueueState]:
        """The state of each row of these ids; one that there is not is left out."""
        rows = await work.execute(select(self.row.id, self.row.state).where(self.row.id.in_(ids)))
        return {row.id: row.state for row in rows}
