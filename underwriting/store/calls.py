"""How often tenants have called the API, over all its processes."""

from sqlalchemy import case
from sqlalchemy.dialects import postgresql, sqlite

from underwriting.store.models import TenantCallsRow
from underwriting.store.session import Work


async def grant(work: Work, tenant: str, period: int, calls: int, most: int) -> bool:
    """Grant a tenant so many more calls of a period, all or none; at most `most` are granted of each period.

    Periods are numbered. A process whose clock is behind takes part in the newest period that any process has begun.
    """
    insert = postgresql.insert if work.get_bind().dialect.name == "postgresql" else sqlite.insert
    row = TenantCallsRow
    newer = row.period < period
    granted = (
        insert(row)
        .values(tenant=tenant, period=period, calls=calls)
        .on_conflict_do_update(
            index_elements=[row.tenant],
            set_={
                "period": case((newer, period), else_=row.period),
                "calls": case((newer, calls), else_=row.calls + calls),
            },
            where=newer | (row.calls + calls <= most),
        )
        .returning(row.tenant)
    )
    return await work.scalar(granted) is not None
