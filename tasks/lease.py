"""Ownership of an application or evaluation while a flow run works on it."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import Generic

from underwriting.process.failpoints import failpoint
from underwriting.runtime import Runtime
from underwriting.store import claims
from underwriting.store.claims import Claim
from underwriting.store.errors import LeaseLost
from underwriting.store.kinds import Kind
from underwriting.store.lease import Renewal, renewing
from underwriting.store.stored import T


@dataclass(frozen=True)
class Lease(Generic[T]):
    """The claim, and its renewal."""

    claim: Claim[T]
    renewal: Renewal

    def ensure(self) -> None:
        """LeaseLost if another worker took over, so that this one stops and pays for nothing more."""
        if self.renewal.lost:
            raise LeaseLost(self.claim.subject.id)


@asynccontextmanager
async def claimed(runtime: Runtime, kind: Kind[T], subject_id: str, flow_run_id: str) -> AsyncIterator[Lease[T] | None]:
    """Own the subject for the block, renewing at a third of the lease; None if it cannot be claimed."""
    term = timedelta(seconds=runtime.config.lease_seconds)
    async with runtime.store.begin() as work:
        claim = await claims.claim(work, kind, subject_id, flow_run_id, term, runtime.config.max_attempts)
    if claim is None:
        yield None
        return
    failpoint("after-claim")
    async with renewing(runtime.store, term, lambda work: claims.renew(work, claim, term)) as renewal:
        yield Lease(claim, renewal)
