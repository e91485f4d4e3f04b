"""Floats that events reported. The float service lists them too, but later: until then they are read from here.

A float is stored together with its event, so that it counts even while the event waits to be handled.
"""

from dataclasses import dataclass
from datetime import UTC, date, datetime

from sqlalchemy import func, select

from underwriting.store.models import ReportedFloatRow
from underwriting.store.profile_rows import TENANT, USER
from underwriting.store.session import Work

# The number of a user's reported floats, as SQL: an evaluation rests on it, and is outdated by another float.
FLOATS_REPORTED = (
    select(func.count())
    .select_from(ReportedFloatRow)
    .where(ReportedFloatRow.tenant == TENANT, ReportedFloatRow.user_id == USER)
    .scalar_subquery()
)
_COUNT = select(FLOATS_REPORTED)


@dataclass(frozen=True)
class ReportedFloat:
    """One float. `authorised` is None until its evaluation was checked."""

    float_id: str
    evaluation_id: str
    taken_on: date
    authorised: bool | None


async def record(
    work: Work, tenant: str, user_id: str, float_id: str, evaluation_id: str, at: datetime, now: datetime | None = None
) -> None:
    """Keep a float that was taken `at`; one that is known already stays as it is.

    A float from a clock that is ahead counts as taken today, since one of tomorrow would not count yet.
    """
    now = now or datetime.now(UTC)
    taken_on = min(at, now).astimezone(UTC).date()
    values = {"user_id": user_id, "evaluation_id": evaluation_id, "taken_on": taken_on, "reported_at": now}
    await work.add_new(ReportedFloatRow, tenant=tenant, float_id=float_id, **values)


async def of_user(work: Work, tenant: str, user_id: str) -> list[ReportedFloat]:
    """Every float of the user that an event reported, oldest first."""
    mine = (ReportedFloatRow.tenant == tenant, ReportedFloatRow.user_id == user_id)
    rows = await work.scalars(
        select(ReportedFloatRow).where(*mine).order_by(ReportedFloatRow.reported_at, ReportedFloatRow.float_id)
    )
    return [ReportedFloat(row.float_id, row.evaluation_id, row.taken_on, row.authorised) for row in rows]


async def count(work: Work, tenant: str, user_id: str) -> int:
    """How many there are."""
    return int(await work.scalar(_COUNT, {"tenant": tenant, "user_id": user_id}) or 0)
