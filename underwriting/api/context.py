"""What the API's routes work with."""

import asyncio
import time
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Annotated

from fastapi import Depends, Request
from prefect.client.orchestration import PrefectClient

from underwriting.api.errors import ApiError, Problem, refusal
from underwriting.dispatch import try_dispatch
from underwriting.domain.application import Application, Product
from underwriting.domain.eligibility import EvaluationRequest
from underwriting.rulebook_cache import RulebookCache
from underwriting.settings import Settings
from underwriting.sources.sources import Sources
from underwriting.store import evaluations
from underwriting.store.session import Store

# Applications, and evaluations, that are handed to Prefect at the same time.
DISPATCHED_AT_ONCE = 4


def _turns() -> defaultdict[type, asyncio.Semaphore]:
    return defaultdict(lambda: asyncio.Semaphore(DISPATCHED_AT_ONCE))


@dataclass(frozen=True)
class ApiContext:
    """The store, the published rulebooks, Prefect, and the outside services."""

    config: Settings
    store: Store
    rulebook_cache: RulebookCache
    prefect: PrefectClient
    # Who a customer is, for a notice.
    sources: Sources
    # A user waits for an evaluation: it is not behind the applications of a morning.
    turns: defaultdict[type, asyncio.Semaphore] = field(default_factory=_turns)

    async def dispatch(self, subject: Application | EvaluationRequest, dispatch_no: int = 1) -> None:
        """Hand a new application or evaluation to Prefect. What fails, or waits for long, is the housekeeping's."""
        began = time.monotonic()
        async with self.turns[type(subject)]:
            if time.monotonic() - began < self.config.dispatch_seconds:
                await try_dispatch(self.prefect, self.store, subject, dispatch_no)

    async def fresh(self, tenant: str, user_id: str, product: Product, now: datetime) -> bytes | None:
        """The body of an evaluation that is still the answer, or None where the user has to be evaluated."""
        window, digest = timedelta(hours=self.config.evaluation_hours), await self.rulebook_cache.digest(product)
        return await self.store.fetch(
            lambda connection: evaluations.fresh(connection, tenant, user_id, product, now, window, digest)
        )


# `async`, so that FastAPI calls it without a thread.
async def _context(request: Request) -> ApiContext:
    context: ApiContext = request.app.state.context
    return context


Context = Annotated[ApiContext, Depends(_context)]


def problem(place: str, message: str) -> ApiError:
    """A refusal of one part of a request, 422, in the shape that validation gives."""
    return refusal([Problem(place=place, message=message)])


@contextmanager
def refusing(place: str) -> Iterator[None]:
    """Turn a ValueError into a refusal of that part of the request."""
    try:
        yield
    except ValueError as error:
        raise problem(place, str(error)) from None
