"""Whose turn it is to be dispatched: tenants share what the workers can run, and what is beyond waits in the store.

The tenants that ask have equal shares; one that is alone may have all. So a tenant's next request never waits behind
more of another tenant's than its share, however many these are. The rows say what is under way, so it holds over all
processes.
"""

from datetime import UTC, datetime, timedelta

from sqlalchemy import func, select, union, update
from ulid import ULID

from underwriting.store.columns import from_now
from underwriting.store.kinds import APPLICATIONS, EVALUATIONS, Kind
from underwriting.store.models import under_way
from underwriting.store.models import waiting as waits
from underwriting.store.session import Work
from underwriting.store.stored import T

# Any number that no other program on the same database takes for its own advisory lock.
ADVISORY_LOCK = 5_202_611_291
# What is tried again keeps none of its tenant from their turn: it may fail for as long as it likes.
AGAIN = 2
# A tenant that asked so long ago may ask again: another tenant does not take all of the workers meanwhile.
RECENTLY = timedelta(minutes=1)
# Dispatched together.
LIMIT = 100


async def is_full(work: Work, kind: Kind[T], tenant: str, most: int) -> bool:
    """Whether more than `most` of the tenant wait or are under way."""
    table = kind.row
    count = 0
    for some in (waits(table), under_way(table)):
        rows = select(table.id).where(some, table.tenant == tenant).limit(most + 1).subquery()
        count += await work.scalar(select(func.count()).select_from(rows)) or 0
    return count > most


async def take(
    work: Work,
    kind: Kind[T],
    slots: int,
    tenant: str | None = None,
    *,
    waited: timedelta = timedelta(),
) -> list[tuple[T, int]]:
    """Take what may be dispatched now, of one tenant or of all, and the number of each one's next dispatch.

    `slots` is how many of the kind all workers run at a time. The oldest of every tenant come first, then the second of
    every tenant. What was received less than `waited` ago is left out: whoever received it may just be dispatching it.
    What was taken is under way; where it is not dispatched within a while, the housekeeping does that.
    """
    table = kind.row
    mine = [] if tenant is None else [table.tenant == tenant]
    counted = func.count().label("runs")
    busy = select(table.tenant, counted).where(under_way(table), table.attempts < AGAIN, *mine).group_by(table.tenant)
    # Most of a tenant's requests find it busy. Without the lock they hinder nobody.
    if tenant is not None and (await work.scalar(select(busy.subquery().c.runs)) or 0) >= slots:
        return []
    if work.get_bind().dialect.name == "postgresql":
        await work.execute(select(func.pg_advisory_xact_lock(ADVISORY_LOCK)))
    share = max(1, slots // max(1, await _tenants_that_ask(work)))
    turn = func.row_number().over(partition_by=table.tenant, order_by=table.id).label("turn")
    long_ago = [table.received_at < from_now(-waited)] if waited else []
    waiting = select(table.id, table.tenant, turn).where(waits(table), *mine, *long_ago).subquery()
    runs = busy.subquery()
    chosen = (
        select(waiting.c.id)
        .outerjoin(runs, runs.c.tenant == waiting.c.tenant)
        .where(waiting.c.turn + func.coalesce(runs.c.runs, 0) <= share)
        .order_by(waiting.c.turn, waiting.c.id)
        .limit(LIMIT)
    )
    ids = list(await work.scalars(chosen))
    if not ids:
        return []
    taken = update(table).where(table.id.in_(ids), waits(table)).values(dispatched_at=from_now()).returning(table)
    rows = {row.id: row for row in await work.scalars(taken)}
    return [(kind.subject(rows[each]), rows[each].dispatch_no + 1) for each in ids if each in rows]


async def _tenants_that_ask(work: Work) -> int:
    """How many tenants wait, have something under way, or asked within the last minute."""
    since = ULID.from_datetime(datetime.now(UTC) - RECENTLY)
    asking = [
        select(kind.row.tenant).where(some)
        for kind in (APPLICATIONS, EVALUATIONS)
        for some in (under_way(kind.row), waits(kind.row), kind.row.id > f"{kind.prefix}{since}")
    ]
    return await work.scalar(select(func.count()).select_from(union(*asking).subquery())) or 0
