"""Ownership of an application or evaluation while a flow run works on it."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from datetime import timedelta
from typing import Generic

import httpx
from prefect.exceptions import PrefectException

from underwriting.dispatch import dispatch_waiting
from underwriting.integrations.steps import recording
from underwriting.process.failpoints import failpoint
from underwriting.process.logs import log_about
from underwriting.runtime import Runtime
from underwriting.store import claims
from underwriting.store.claims import Claim
from underwriting.store.errors import LeaseLost, StoreUnreachable
from underwriting.store.kinds import Kind
from underwriting.store.lease import Renewal, renewing
from underwriting.store.stored import T

# How long a failed attempt waits for the next; the last wait is that of all later ones.
RETRY_WAITS = (timedelta(seconds=5), timedelta(seconds=15), timedelta(minutes=1))


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
    """Own the subject for the block, renewing at a third of the lease; None if it cannot be claimed.

    If the block fails it is given back, to be tried again after a wait that grows with the attempts.
    """
    term = timedelta(seconds=runtime.config.lease_seconds)
    async with runtime.store.begin() as work:
        claim = await claims.claim(work, kind, subject_id, flow_run_id, term, runtime.config.max_attempts)
    if claim is None:
        yield None
        return
    failpoint("after-claim")
    wait = RETRY_WAITS[min(claim.attempt, len(RETRY_WAITS)) - 1]
    try:
        ids = {f"{kind.name}_id": subject_id, "tenant": claim.subject.tenant, "flow_run_id": flow_run_id}
        with recording(claim.steps), log_about(**ids):
            async with renewing(runtime.store, term, lambda work: claims.renew(work, claim, term)) as renewal:
                yield Lease(claim, renewal)
    except BaseException as error:
        # A worker that stops, or a run that is cancelled, is no failure: somebody else may go on at once.
        failed = isinstance(error, Exception)
        # Where the store does not answer, the lease expires.
        with suppress(StoreUnreachable):
            async with runtime.store.begin() as work:
                await claims.give_back(work, claim, wait if failed else timedelta(), error)
        raise
    await _next_of_tenant(runtime, kind, claim.subject.tenant)


async def _next_of_tenant(runtime: Runtime, kind: Kind[T], tenant: str) -> None:
    """Dispatch what waited for this one's end. Where that cannot be done now, the housekeeping does it."""
    with suppress(StoreUnreachable, httpx.HTTPError, PrefectException):
        await dispatch_waiting(runtime.store, kind, runtime.config, tenant)
