"""Handling events: what comes in is kept in the inbox first, and handled from there, however it came."""

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

import httpx
from prefect import get_client
from prefect.exceptions import PrefectException

from rules.limits.tiers import CURRENCY, TIERS
from underwriting.dispatch import dispatch
from underwriting.domain.application import Product
from underwriting.domain.application import State as Standing
from underwriting.domain.eligibility import EvaluationRequest
from underwriting.domain.events import Event, EventType, FloatCreated, TransactionsArrived
from underwriting.integrations.metrics import metrics
from underwriting.runtime import Runtime
from underwriting.store import claims, evaluations, profiles
from underwriting.store.errors import StoreError, StoreUnreachable, UnderWay
from underwriting.store.kinds import EVALUATIONS
from underwriting.store.models import QueueState
from underwriting.store.queue import inbox
from underwriting.store.session import Work

log = logging.getLogger(__name__)

# Events taken at once, of which some are handled at the same time.
BATCH = 50
AT_ONCE = 8
# Seconds after which no more are taken: within the lease of the last ones.
ENOUGH_SECONDS = 30.0
# Who writes profile versions because of an event.
SYSTEM = "system"


@dataclass(frozen=True)
class InboxEvent:
    """An event out of the inbox, typed again."""

    kept: inbox.Event
    type: EventType

    @property
    def tenant(self) -> str:
        """Whose event it is."""
        return self.kept.tenant

    @property
    def user_id(self) -> str:
        """Whom it is about; empty where it is about nobody."""
        return self.kept.user_id


async def receive(runtime: Runtime, events: Sequence[Event]) -> int:
    """Keep events in the inbox, all or none; how many of them are new.

    What we told a bus ourselves comes back to us where its rules say so, and is not news.
    """
    async with runtime.store.begin() as work:
        theirs = (event for event in events if event.source != runtime.config.event_source)
        return sum([await inbox.keep(work, event) for event in theirs])


async def handle_due(runtime: Runtime) -> int:
    """Handle what is due, until nothing is or enough time has passed; how many events were handled."""
    began, handled = time.monotonic(), 0
    free = asyncio.Semaphore(AT_ONCE)

    async def in_turn(event: inbox.Event) -> bool:
        async with free:
            return await _handle(runtime, event)

    while time.monotonic() - began < ENOUGH_SECONDS:
        async with runtime.store.begin() as work:
            events = await inbox.due(work, limit=BATCH)
        handled += sum(await asyncio.gather(*map(in_turn, events)))
        if len(events) < BATCH:
            break
    return handled


async def _handle(runtime: Runtime, event: inbox.Event) -> bool:
    """Handle one event in one transaction; False where it has to be tried again, or cannot be handled at all.

    A store that is away is raised: the event is due again once its lease has expired.
    """
    told = InboxEvent(event, EventType(event.type))
    try:
        async with runtime.store.begin() as work:
            asked = await _BY_TYPE[told.type](work, told, datetime.now(UTC))
            await inbox.QUEUE.done(work, event.id)
    except StoreUnreachable:
        raise
    except StoreError as why:
        async with runtime.store.begin() as work:
            state = await inbox.QUEUE.failed(work, event.id, event.attempt, str(why))
        metrics().event(event.type, "dead" if state is QueueState.DEAD else "failed")
        return False
    metrics().event(event.type, "handled")
    for request in asked:
        await _dispatch(runtime, request)
    return True


async def _freeze(work: Work, told: InboxEvent, now: datetime) -> list[EvaluationRequest]:
    """A float was paid out: freeze the evaluation that authorised it, or report that none did; count the float."""
    details = FloatCreated.model_validate_json(told.kept.payload)
    frozen = await evaluations.freeze(
        work,
        told.tenant,
        told.user_id,
        details.evaluation_id,
        details.float_id,
        told.kept.event_id,
        now,
        taken_at=told.kept.occurred_at,
    )
    if frozen is None:
        log.warning("float %s is not authorised by evaluation %s", details.float_id, details.evaluation_id)
    return []


async def _meet(work: Work, told: InboxEvent, now: datetime) -> list[EvaluationRequest]:
    """A user was created: the default profile; the store tells the others of it."""
    await profiles.on_first_contact(work, told.tenant, told.user_id, now, CURRENCY, TIERS)
    return []


async def _refresh(work: Work, told: InboxEvent, now: datetime) -> list[EvaluationRequest]:
    """What is known of a user changed: no stored evaluation answers any more, and the store tells the others."""
    met = await profiles.current(work, told.tenant, told.user_id, now)
    if met is None:
        return await _meet(work, told, now)
    await profiles.refresh(work, told.tenant, told.user_id, SYSTEM, now)
    return []


async def _reevaluate(work: Work, told: InboxEvent, now: datetime) -> list[EvaluationRequest]:
    """Transactions arrived: accept a new check of every product that is asked for, or was asked for before.

    A check that runs already may have read the account before they arrived, so the event waits until it is finished.
    """
    details = TransactionsArrived.model_validate_json(told.kept.payload)
    asked: list[EvaluationRequest] = []
    for product in sorted(details.products or await _judged_before(work, told)):
        key = f"{told.kept.source}/{told.kept.event_id}/{product}"
        accepted = await evaluations.accept(work, told.tenant, told.user_id, product, None, key, now)
        if accepted.new:
            asked.append(accepted.stored.request)
        elif accepted.stored.state is Standing.RUNNING and not accepted.replay:
            raise UnderWay(f"{accepted.stored.request.id} is running, and may have read the account before")
    return asked


async def _judged_before(work: Work, told: InboxEvent) -> set[Product]:
    return {
        product for product in Product if await evaluations.newest(work, told.tenant, told.user_id, product) is not None
    }


async def _published(_work: Work, _told: InboxEvent, _now: datetime) -> list[EvaluationRequest]:
    """A rulebook was published: it is in the store, and every process sees it there (`rulebook_cache.Publications`)."""
    return []


_Handler = Callable[[Work, InboxEvent, datetime], Awaitable[list[EvaluationRequest]]]
_BY_TYPE: dict[EventType, _Handler] = {
    EventType.USER_FLOAT_CREATED: _freeze,
    EventType.USER_CREATED: _meet,
    EventType.PROFILE_UPDATED: _refresh,
    EventType.USER_NEW_TXNS_BATCH_COMPLETED: _reevaluate,
    EventType.RULEBOOK_PUBLISHED: _published,
}


async def _dispatch(runtime: Runtime, request: EvaluationRequest) -> None:
    """Hand a new check to Prefect; where Prefect cannot take it now, the sweep does later."""
    try:
        async with get_client() as client:
            run = await dispatch(client, request, 1)
    except (httpx.HTTPError, PrefectException) as error:
        log.warning("%s is not dispatched yet: %s", request.id, error)
        return
    async with runtime.store.begin() as work:
        await claims.dispatched(work, EVALUATIONS, request.id, 1, str(run.id))
