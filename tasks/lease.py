"""Owning an application while it is reviewed, or an evaluation while it is judged."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from datetime import timedelta
from typing import Generic

from underwriting.failpoints import failpoint
from underwriting.store import claims
from underwriting.store.claims import Claim
from underwriting.store.errors import LeaseLost, StoreUnreachable
from underwriting.store.kinds import Kind, T
from underwriting.workplace import Workplace


class Lease(Generic[T]):
    """The claim, and whether it still holds as far as we know. Only the fence in the store is certain."""

    def __init__(self, claim: Claim[T]) -> None:
        self.claim = claim
        self.lost = False

    def ensure(self) -> None:
        """LeaseLost where another worker took over: go no further, and pay for nothing more."""
        if self.lost:
            raise LeaseLost(self.claim.subject.id)


@asynccontextmanager
async def claimed(place: Workplace, kind: Kind[T], subject_id: str, flow_run_id: str) -> AsyncIterator[Lease[T] | None]:
    """Own the subject for the block, renewing at a third of the lease; None where it is not to be had."""
    term = timedelta(seconds=place.config.lease_seconds)
    async with place.store.begin() as work:
        claim = await claims.claim(work, kind, subject_id, flow_run_id, term, place.config.max_attempts)
    if claim is None:
        yield None
        return
    failpoint("after-claim")
    lease = Lease(claim)
    renewal = asyncio.create_task(_keep(place, lease, term))
    try:
        yield lease
    finally:
        renewal.cancel()
        with suppress(asyncio.CancelledError):
            await renewal


async def _keep(place: Workplace, lease: Lease[T], term: timedelta) -> None:
    while not lease.lost:
        await asyncio.sleep(term.total_seconds() / 3)
        # A store that is away for a moment takes nobody's lease: the next renewal may still be in time.
        with suppress(StoreUnreachable):
            async with place.store.begin() as work:
                lease.lost = not await claims.renew(work, lease.claim, term)
