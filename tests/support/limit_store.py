"""What the store holds after a limit run, and what staff do with one that the guard holds."""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import func, select
from support.limit_histories import lenient

from rules.limits.tiers import CURRENCY, TIERS
from underwriting.domain.limits import LimitRunState
from underwriting.limit_runs.run_context import RunContext
from underwriting.store import profiles
from underwriting.store.limits import held_runs
from underwriting.store.models import LimitRecordRow, ProfileRow
from underwriting.store.session import Store

Rows = Sequence[tuple[Any, ...]]
TENANT = "sandbox"


async def records(store: Store) -> Rows:
    """Every record, but for the run's id."""
    columns = [column for column in LimitRecordRow.__table__.columns if column.key != "run_id"]
    async with store.read() as work:
        return (await work.execute(select(*columns).order_by(LimitRecordRow.user_id))).all()


async def limits(store: Store) -> dict[str, tuple[int, int]]:
    """Each user's newest version and limit."""
    async with store.read() as work:
        rows = await work.scalars(select(ProfileRow).order_by(ProfileRow.version))
        return {
            row.user_id: (row.version, max(tier["amount"] for tier in row.tiers if tier["enabled"])) for row in rows
        }


async def count(store: Store, table: Any) -> int:
    async with store.read() as work:
        return int(await work.scalar(select(func.count()).select_from(table)) or 0)


async def meet(store: Store, user_id: str) -> None:
    async with store.begin() as work:
        await profiles.on_first_contact(work, TENANT, user_id, datetime.now(UTC), CURRENCY, TIERS)


def held_policy() -> Any:
    """A policy whose guard holds every run that raises anybody."""
    guard = lenient().guard.model_dump(mode="json")
    nobody = {"ceiling": "0", "first_runs": "0", "times": "1", "slack": "0"}
    return lenient(version=99, guard=guard | {"share_raised": nobody})


async def settle(context: RunContext, run_id: str, word: LimitRunState) -> None:
    async with context.store.begin() as work:
        await held_runs.decide(work, run_id, word, "ann", "looked at it")
