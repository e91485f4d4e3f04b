"""Known customers compared with what changed on the lists since they were last screened."""

import asyncio
import logging
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime

from pydantic_core import to_json

from underwriting.domain.application import Product
from underwriting.integrations.errors import SourceError, SourceOutage
from underwriting.runtime import Runtime
from underwriting.screening.index import ListIndex
from underwriting.screening.screener import LEAST_SCORE, MOST, index_of, look_up, subjects_of
from underwriting.store import customers, evaluations, lists, matches, profiles
from underwriting.store.customers import Customer
from underwriting.store.lists import ListVersion
from underwriting.store.matches import Found
from underwriting.store.models import Channel
from underwriting.store.queue import outbox
from underwriting.store.queue.outbox import event_channels
from underwriting.store.session import Work

log = logging.getLogger(__name__)

# Customers whose details are requested at the same time.
AT_ONCE = 16
# Who ends the stored answers about a customer with a new match.
SCREENING = "screening"


@dataclass
class Rescreening:
    """How many customers were compared, have new matches, and could not be compared."""

    screened: int = 0
    found: int = 0
    troubled: int = 0


async def screen_customers(runtime: Runtime) -> Rescreening:
    """Compare all known customers with the entries that are new or changed; matches are stored, with an event.

    A version of a list is done once all sources answered. A customer who could not be compared for another reason is
    compared at the next check, like everybody else.
    """
    result, today = Rescreening(), datetime.now(UTC).date()
    async with runtime.store.read() as work:
        due = [one for one in await lists.versions(work) if one.screened_at is None or one.screened_at < one.loaded_at]
        records = {one.name: await lists.entries(work, one.name, since=one.screened_at) for one in due}
    if not due:
        return result
    index = await asyncio.to_thread(index_of, records)
    among = {(name, entry.id) for name, entries in records.items() for entry in entries}
    free, outages = asyncio.Semaphore(AT_ONCE), 0
    troubles: Counter[str] = Counter()

    async def compare(customer: Customer) -> _Compared | None:
        nonlocal outages
        try:
            async with free:
                return await _compare(runtime, index, customer, today)
        except SourceError as error:
            outages += isinstance(error, SourceOutage)
            troubles[str(error)] += 1
            return None

    if among:
        async for page in customers.pages(runtime.store):
            compared = [one for one in await asyncio.gather(*map(compare, page)) if one is not None]
            result.screened += len(compared)
            result.found += await _keep(runtime, compared, among)
    result.troubled = troubles.total()
    # One line for each reason: it may be the same for all users.
    for why, count in troubles.most_common():
        log.warning("%s %s not compared with the lists: %s", f"{count:,}", _are(count), why)
    if not outages:
        await _done(runtime, due)
    return result


def _are(count: int) -> str:
    return "customer is" if count == 1 else "customers are"


@dataclass(frozen=True)
class _Compared:
    customer: Customer
    found: Sequence[Found]
    kinds: frozenset[str]


async def _compare(runtime: Runtime, index: ListIndex, customer: Customer, today: date) -> _Compared:
    _, user_id = customer
    person = await runtime.sources.person(user_id, today)
    company = await runtime.sources.company(person.company_number, today) if person.company_number else None
    subjects = subjects_of(person, company)
    found = await asyncio.to_thread(look_up, index, subjects, MOST)
    kept = [each for each in found if each.score >= LEAST_SCORE]
    return _Compared(customer, kept, frozenset(subject.kind for subject in subjects))


async def _keep(runtime: Runtime, compared: Sequence[_Compared], among: set[tuple[str, str]]) -> int:
    """Store matches; returns how many customers have new ones.

    Nearly all customers have none and never had any: nothing is written for them.
    """
    count = 0
    async with runtime.store.read() as work:
        known = await matches.with_matches(work, [user_id for _, user_id in (one.customer for one in compared)])
    for one in compared:
        if not one.found and one.customer not in known:
            continue
        tenant, user_id = one.customer
        async with runtime.store.begin() as work:
            new = await matches.keep(work, tenant, user_id, one.found, one.kinds, among)
            if new:
                await _act_on(work, tenant, user_id, new, event_channels(runtime.config))
                count += 1
    return count


async def _act_on(work: Work, tenant: str, user_id: str, new: Sequence[Found], channels: Sequence[Channel]) -> None:
    """End the stored answers about the customer, have the customer evaluated again, and send an event."""
    now = datetime.now(UTC)
    if await profiles.current(work, tenant, user_id, now) is not None:
        await profiles.refresh(work, tenant, user_id, SCREENING, now)
    for product in Product:
        if await evaluations.newest(work, tenant, user_id, product) is not None:
            key = f"{SCREENING}/{new[0].compared}/{product}"
            await evaluations.accept(work, tenant, user_id, product, None, key, now)
    if Channel.EVENTS in channels:
        await outbox.enqueue(
            work,
            Channel.EVENTS,
            tenant=tenant,
            customer_id=user_id,
            subject_id=user_id,
            event="user.list_match_found",
            at=now,
            record=to_json({"user_id": user_id, "entries": [each.reference for each in new]}),
        )


async def _done(runtime: Runtime, versions: Sequence[ListVersion]) -> None:
    async with runtime.store.begin() as work:
        for version in versions:
            await lists.screened(work, version)
