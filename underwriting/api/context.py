"""What the API's routes work with."""

import asyncio
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from http import HTTPStatus
from typing import Annotated

from fastapi import Depends, Request
from prefect.client.orchestration import PrefectClient

from underwriting.api.errors import ApiError, Problem, refusal
from underwriting.dispatch import dispatch_waiting
from underwriting.domain.application import Application, Product
from underwriting.domain.eligibility import EvaluationRequest
from underwriting.rulebook_cache import RulebookCache
from underwriting.settings import Settings
from underwriting.sources.sources import Sources
from underwriting.store import evaluations, turns
from underwriting.store.kinds import kind_of
from underwriting.store.session import Store, Work

# Seconds after which some of what is undecided may be decided.
RETRY_WHEN_FULL = "10"
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
    # Tenants one of whose requests looks what is to be dispatched, and whether it has to look again.
    looking: dict[tuple[type, str], bool] = field(default_factory=dict)

    async def dispatch(self, subject: Application | EvaluationRequest) -> None:
        """Hand a new application or evaluation to Prefect, if its tenant has its turn; else it waits for that.

        What fails is the housekeeping's. One of a tenant's requests looks at a time what to dispatch, for all of
        them: whatever a tenant sends, another one's request is behind one look of it.
        """
        kind, mine = kind_of(subject.id), (type(subject), subject.tenant)
        if mine in self.looking:
            self.looking[mine] = True
            return
        self.looking[mine] = True
        try:
            while self.looking[mine]:
                self.looking[mine] = False
                async with self.turns[type(subject)]:
                    await dispatch_waiting(
                        self.store, kind, self.config, subject.tenant, client=self.prefect, requested=subject.id
                    )
        finally:
            del self.looking[mine]

    async def ensure_room(self, work: Work, subject: Application | EvaluationRequest) -> None:
        """ApiError 429 where the tenant has too much undecided; it rolls back that the subject was accepted."""
        kind, most = kind_of(subject.id), self.config.tenant_open
        if await turns.is_full(work, kind, subject.tenant, most):
            message = f"{most:,} {kind.name}s of your tenant are undecided; send more once some of them are decided."
            headers = {"Retry-After": RETRY_WHEN_FULL}
            raise ApiError(HTTPStatus.TOO_MANY_REQUESTS, "TOO_MANY_UNDECIDED", message, headers=headers)

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
