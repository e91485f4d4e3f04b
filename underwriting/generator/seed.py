"""Gives a fresh store the limits that generated users have: a first profile of each, of the tiers up to the limit."""

from datetime import UTC, datetime, time
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from pydantic_core import to_json
from sqlalchemy import select

from rules.tiers import TIERS
from underwriting.generator.layout import CURRENT_LIMITS
from underwriting.generator.write import GeneratorError
from underwriting.store import audit
from underwriting.store.bulk import copy_rows
from underwriting.store.models import ProfileRow
from underwriting.store.session import Store

REASON = "seeded"
_MOMENT = pa.timestamp("us", tz="UTC")


async def seed_profiles(store: Store, folder: Path, tenant: str, by: str) -> int:
    """Write one profile for each user of the folder's current limits, all of them or none; returns how many.

    A profile dates from the day of the last raise, which is how a limit run knows that day. Nobody is told, since
    nothing changed; one entry of the audit log says what was done. GeneratorError where the folder has no current
    limits, or where the tenant has profiles already: they are not to be written over.
    """
    file = folder / f"{CURRENT_LIMITS}.parquet"
    if not file.is_file():
        raise GeneratorError(f"{file} is not there: give a folder that `generate` wrote")
    async with store.begin() as work:
        if await work.scalar(select(ProfileRow.version).where(ProfileRow.tenant == tenant).limit(1)):
            raise GeneratorError(f"{tenant} has profiles in the store already; seed a store without")
        now, count = datetime.now(UTC), 0
        for batch in pq.ParquetFile(file).iter_batches():
            await copy_rows(work, ProfileRow, profile_rows(pa.Table.from_batches([batch]), tenant, by, now))
            count += len(batch)
        await audit.append(work, "profiles.seeded", tenant, by, profiles=count)
    return count


def profile_rows(limits: pa.Table, tenant: str, by: str, now: datetime) -> pa.Table:
    """The first profile of each user as a row of `ProfileRow`; those never raised are of now."""
    amounts = limits.column("amount")
    tiers = {amount: _tiers_up_to(amount) for amount in pc.unique(amounts).to_pylist()}
    noon = [day and datetime.combine(day, time(12), UTC) for day in limits.column("raised_on").to_pylist()]
    return pa.table(
        {
            "tenant": pa.repeat(tenant, len(limits)),
            "user_id": limits.column("subject_id"),
            "version": pa.repeat(1, len(limits)),
            "currency": limits.column("currency"),
            "tiers": pa.array([tiers[amount] for amount in amounts.to_pylist()], pa.string()),
            "paused": pa.repeat("[]", len(limits)),
            "created_on": pa.array([moment or now for moment in noon], _MOMENT),
            "created_by": pa.repeat(by, len(limits)),
            "reason": pa.repeat(REASON, len(limits)),
        }
    )


def _tiers_up_to(amount: int) -> str:
    return to_json([tier.model_copy(update={"enabled": tier.amount <= amount}) for tier in TIERS]).decode()
