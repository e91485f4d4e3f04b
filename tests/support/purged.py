"""Records of the store for tests of their terms, and a purge of them on a day."""

from collections.abc import Sequence
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any

from sqlalchemy import func, select, update
from support.reviews import (
    NOW,
    claimed,
    decision,
    finish,
)

from underwriting import retention
from underwriting.domain.decision import CheckResult, Verdict
from underwriting.domain.retention import Demands, Kind, months_after
from underwriting.store import decisions, notices
from underwriting.store.models import (
    Base,
    MessageRow,
    QueueState,
)
from underwriting.store.session import Store

DAY = timedelta(days=1)
TODAY = NOW.date()
LAST = months_after(TODAY, 25)
NOWHERE = Path("/nowhere")


def demands(today: date, **changes: Any) -> Demands:
    return Demands(today, **changes)


async def purge(store: Store, today: date, *kinds: Kind, tenant: str | None = None, **changes: Any) -> dict[Any, int]:
    """Purge on that day; how many records went, by kind and tenant."""
    found = await retention.purge(store, demands(today, **changes), NOWHERE, "ann", kinds or tuple(Kind), tenant)
    return dict(found)


async def count(store: Store, table: type[Base], *conditions: Any) -> int:
    async with store.read() as work:
        return int(await work.scalar(select(func.count()).select_from(table).where(*conditions)) or 0)


async def counts(store: Store) -> dict[str, int]:
    return {each.class_.__tablename__: await count(store, each.class_) for each in Base.registry.mappers}


async def told(store: Store, subject_id: str, sent_at: datetime = NOW, customer_id: str | None = None) -> None:
    """Every message about it is delivered, and its notice is sent."""
    async with store.begin() as work:
        await work.execute(
            update(MessageRow).where(MessageRow.subject_id == subject_id).values(state=QueueState.DONE, done_at=sent_at)
        )
    async with store.begin() as work:
        owed = await notices.get(work, None, subject_id, customer_id)
        await notices.record(work, owed, how="letter", sent_at=sent_at, sent_by="ann", content=b"Dear Ada Byron")


async def rejected(store: Store, tenant: str = "acme", sent_at: datetime | None = NOW, **changes: Any) -> str:
    record = await finish(store, await claimed(store, tenant, **changes), Verdict.REJECTED, partners=(tenant,))
    if sent_at is not None:
        await told(store, record.id, sent_at)
    return record.id


async def reviewed(store: Store, verdict: Verdict, checks: Sequence[CheckResult], **changes: Any) -> str:
    owned = await claimed(store, **changes)
    async with store.begin() as work:
        await decisions.finish(work, owned, checks, decision(owned.subject, verdict), ())
    if verdict is Verdict.REJECTED:
        await told(store, owned.subject.id)
    return owned.subject.id
