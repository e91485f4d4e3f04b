"""Owning a limit run while it is worked on."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from datetime import timedelta

from underwriting.store.errors import StoreUnreachable
from underwriting.store.lease import renewing
from underwriting.store.limits import runs as limit_runs
from underwriting.store.limits.runs import Claimed
from underwriting.store.session import Store


@asynccontextmanager
async def owned(store: Store, run_id: str, flow_run_id: str | None, term: timedelta) -> AsyncIterator[Claimed | None]:
    """Own the run for the block, renewing at a third of the term; None where somebody else works on it.

    Every write asks the store whether the run is still ours. A flow run that is cut from outside, as by a worker that
    stops, keeps the lease: it expires, and `sweep` goes on with the run. Whoever cuts a run of a shell sees it himself.
    """
    async with store.begin() as work:
        claimed = await limit_runs.claim(work, run_id, flow_run_id, term)
    if claimed is None:
        yield None
        return
    cut = False
    try:
        async with renewing(store, term, lambda work: limit_runs.renew(work, claimed, term)):
            yield claimed
    # Looked at and raised again: what cuts a run from outside (cancelling, a signal) is none of Exception.
    except BaseException as error:
        cut = flow_run_id is not None and not isinstance(error, Exception)
        raise
    finally:
        if not cut:
            with suppress(StoreUnreachable):
                async with store.begin() as work:
                    await limit_runs.release(work, claimed)
