"""Handling events: every event is first kept in the inbox, however it arrived, and handled from there."""

import asyncio
import logging
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Sequence
from datetime import UTC, datetime

from rules.limits.tiers import CURRENCY, TIERS
from tasks.run_log import run_log
from underwriting.dispatch import dispatch_waiting
from underwriting.domain.application import Application, Product, State
from underwriting.domain.eligibility import EvaluationRequest
from underwriting.domain.events import ApplicationSubmitted, Event, EventType, FloatCreated, TransactionsArrived
from underwriting.process.logs import log_about
from underwriting.process.metrics import metrics
from underwriting.rulebook_cache import NotLent
from underwriting.runtime import Runtime
from underwriting.store import applications, evaluations, profiles
from underwriting.store.errors import KeyReused, StoreError, StoreUnreachable, UnderWay
from underwriting.store.kinds import kind_of
from underwriting.store.models import QueueState
from underwriting.store.queue import inbox
from underwriting.store.session import Work

log = logging.getLogger(__name__)


class NotPossible(Exception):
    """What an event asks for can never be done: it is dead at once. The message says why, without personal data."""


# Events taken at once, and how many of them are handled at the same time.
BATCH = 50
AT_ONCE = 8
# Seconds after which no more are taken: the last ones have to be handled within their lease.
ENOUGH_SECONDS = 30.0
# Outcomes of events, as metrics and runs name them. A dead event waits for an operator.
HANDLED, FAILED, DEAD, OVERTAKEN = "handled", "failed", "dead", "overtaken"
# What is to be started because of an event.
Subjects = list[Application | EvaluationRequest]
# Who writes profile versions because of an event.
SYSTEM = "system"


async def receive(runtime: Runtime, events: Sequence[Event]) -> int:
    """Keep events in the inbox, all or none; how many of them are new.

    Events that we sent ourselves are ignored: the rules of a bus may send them back to us.
    """
    async with runtime.store.begin() as work:
        theirs = (event for event in events if event.source != runtime.config.event_source)
        return sum([await inbox.keep(work, event) for event in theirs])


async def handle_due(runtime: Runtime) -> Counter[str]:
    """Handle what is due, until nothing is or enough time has passed; the number of each outcome."""
    began = time.monotonic()
    outcomes: Counter[str] = Counter()
    free = asyncio.Semaphore(AT_ONCE)

    async def in_turn(event: inbox.Event) -> str:
        with log_about(event_id=event.id, tenant=event.tenant):
            async with free:
                outcome, subjects = await _handle(runtime, event)
            # Prefect may be slow, or away: nobody waits for it to handle the next event.
            for subject in subjects:
                await dispatch_waiting(runtime.store, kind_of(subject.id), runtime.config, subject.tenant)
            return outcome

    while time.monotonic() - began < ENOUGH_SECONDS:
        async with runtime.store.begin() as work:
            events = await inbox.due(work, limit=BATCH)
        outcomes += Counter(await asyncio.gather(*map(in_turn, events)))
        if not events:
            break
    return outcomes


async def _handle(runtime: Runtime, event: inbox.Event) -> tuple[str, Subjects]:
    """Handle one event in one transaction; its outcome, and what is to be started because of it.

    Failed: it is tried again. Dead: it was tried often enough, or cannot be done. Overtaken: its lease expired, and
    whoever has it now handles it; nothing is written. StoreUnreachable is raised: the event is due again once its lease
    has expired.
    """
    try:
        refused = await _refused(runtime, event)
        async with runtime.store.begin() as work:
            if not await inbox.QUEUE.finish(work, event.id, event.attempt):
                return OVERTAKEN, []
            subjects = await _BY_TYPE[EventType(event.type)](work, event, datetime.now(UTC))
            # It rolls back. What was accepted before is exempt: it may come again after its rulebook has ended.
            if subjects and refused is not None:
                raise refused
    except StoreUnreachable:
        raise
    except (StoreError, NotPossible) as why:
        waits = () if isinstance(why, NotPossible) else None
        async with runtime.store.begin() as work:
            state = await inbox.QUEUE.failed(work, event.id, event.attempt, str(why), waits)
        outcome = DEAD if state is QueueState.DEAD else FAILED
        then = "it is dead: underwriting inbox dead" if outcome == DEAD else "it is tried again"
        what = f"{event.type} {event.id} of {event.tenant} could not be handled at attempt {event.attempt}"
        run_log().warning("%s: %s; %s", what, why, then)
        metrics().event(event.type, outcome)
        return outcome, []
    metrics().event(event.type, HANDLED)
    return HANDLED, subjects


async def _refused(runtime: Runtime, event: inbox.Event) -> NotPossible | StoreError | None:
    """Why no rulebook decides the application that an event submits; None if one does, or if it submits none."""
    if event.type != EventType.APPLICATION_SUBMITTED:
        return None
    request = ApplicationSubmitted.model_validate_json(event.payload).application
    refused = await runtime.rulebook_cache.refusal(request)
    return NotPossible(f"{refused.field}: {refused}") if isinstance(refused, NotLent) else refused


async def _apply(work: Work, event: inbox.Event, _now: datetime) -> Subjects:
    """A customer applies: accept the application, as of its receipt, under the event's idempotency key."""
    details = ApplicationSubmitted.model_validate_json(event.payload)
    key = details.idempotency_key or f"{event.source}/{event.event_id}"
    try:
        accepted = await applications.accept(work, event.tenant, details.application, key, event.received_at)
    except KeyReused as why:
        raise NotPossible(str(why)) from None
    if not accepted.new:
        return []
    if (as_of := details.application.as_of) is not None and as_of < event.occurred_at.date():
        raise NotPossible("as_of: is before the day of the event; apply over the API, with the scope for that")
    return [accepted.stored.subject]


async def _freeze(work: Work, event: inbox.Event, now: datetime) -> Subjects:
    """A float was paid out: freeze the evaluation that authorised it, or report that none did; count the float."""
    details = FloatCreated.model_validate_json(event.payload)
    frozen = await evaluations.freeze(
        work,
        event.tenant,
        event.user_id,
        details.evaluation_id,
        details.float_id,
        event.event_id,
        now,
        taken_at=event.occurred_at,
    )
    if frozen is None:
        log.warning("float %s is not authorised by evaluation %s", details.float_id, details.evaluation_id)
    return []


async def _create_profile(work: Work, event: inbox.Event, now: datetime) -> Subjects:
    """A user was created: store the default profile, which sends its own event."""
    await profiles.on_first_contact(work, event.tenant, event.user_id, now, CURRENCY, TIERS)
    return []


async def _refresh(work: Work, event: inbox.Event, now: datetime) -> Subjects:
    """What is known of a user changed: a new version of the profile ends all stored evaluations."""
    met = await profiles.current(work, event.tenant, event.user_id, now)
    if met is None:
        return await _create_profile(work, event, now)
    await profiles.refresh(work, event.tenant, event.user_id, SYSTEM, now)
    return []


async def _reevaluate(work: Work, event: inbox.Event, now: datetime) -> Subjects:
    """Transactions arrived: accept a new check of every product that the event names, or that was checked before.

    A running check may have read the account before they arrived, so the event waits until it is finished.
    """
    details = TransactionsArrived.model_validate_json(event.payload)
    requests: Subjects = []
    for product in sorted(details.products or await _products_evaluated(work, event)):
        key = f"{event.source}/{event.event_id}/{product}"
        accepted = await evaluations.accept(work, event.tenant, event.user_id, product, None, key, now)
        if accepted.new:
            requests.append(accepted.stored.subject)
        elif accepted.stored.state is State.RUNNING and not accepted.replay:
            raise UnderWay(f"{accepted.stored.subject.id} is running, and may have read the account before")
    return requests


async def _products_evaluated(work: Work, event: inbox.Event) -> set[Product]:
    return {
        product
        for product in Product
        if await evaluations.newest(work, event.tenant, event.user_id, product) is not None
    }


async def _published(_work: Work, _event: inbox.Event, _now: datetime) -> Subjects:
    """A rulebook was published: every process sees it in the store (`RulebookCache`)."""
    return []


_Handler = Callable[[Work, inbox.Event, datetime], Awaitable[Subjects]]
_BY_TYPE: dict[EventType, _Handler] = {
    EventType.APPLICATION_SUBMITTED: _apply,
    EventType.USER_FLOAT_CREATED: _freeze,
    EventType.USER_CREATED: _create_profile,
    EventType.PROFILE_UPDATED: _refresh,
    EventType.USER_NEW_TXNS_BATCH_COMPLETED: _reevaluate,
    EventType.RULEBOOK_PUBLISHED: _published,
}
