"""Owning a limit run while it is worked on."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from datetime import timedelta

from underwriting.store import limit_runs
from underwriting.store.errors import StoreUnreachable
from underwriting.store.limit_runs import Claimed
from underwriting.store.session import Store


@asynccontextmanager
async def owned(store: Store, run_id: str, flow_run_id: str | None, term: timedelta) -> AsyncIterator[Claimed | None]:
    """Own the run for the block, renewing at a third of the term; None where somebody else works on it.

    Whether it is still ours, every write asks the store anew. A flow run that is cut from outside, as by a worker that
    stops, keeps the lease: it expires, and `sweep` goes on with the run. Whoever cuts a run of a shell sees it himself.
    """
    async with store.begin() as work:
        claimed = await limit_runs.claim(work, run_id, flow_run_id, term)
    if claimed is None:
        yield None
        return
    renewal = asyncio.create_task(_keep(store, claimed, term))
    cut = False
    try:
        yield claimed
    # Looked at and raised again: what cuts a run from outside (cancelling, a signal) is none of Exception.
    except BaseException as error:
        cut = flow_run_id is not None and not isinstance(error, Exception)
        raise
    finally:
        renewal.cancel()
        with suppress(asyncio.CancelledError):
            await renewal
        if not cut:
            with suppress(StoreUnreachable):
                async with store.begin() as work:
                    await limit_runs.release(work, claimed)


async def _keep(store: Store, claimed: Claimed, term: timedelta) -> None:
    ours = True
    while ours:
        await asyncio.sleep(term.total_seconds() / 3)
        # A store that is away for a moment takes nobody's lease: the next renewal may still be in time.
        with suppress(StoreUnreachable):
            async with store.begin() as work:
                ours = await limit_runs.renew(work, claimed, term)
