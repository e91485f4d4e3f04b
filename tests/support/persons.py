"""A person whom every table of the store knows, by an id, a name and notes that are seen nowhere else."""

import json
from collections.abc import Collection
from datetime import date, timedelta
from pathlib import Path
from typing import Any

from sqlalchemy import insert, select, update
from support.evaluated import TIERS, check, claim_check, eligibility, finish_check, meet
from support.notices import RUN, lowered
from support.reviews import NOW, claimed, decision, results

from underwriting import erasure as erasing
from underwriting.domain.decision import Verdict
from underwriting.domain.retention import Demands, months_after
from underwriting.store import decisions, evaluations, ledger, matches, notices, profiles
from underwriting.store.columns import SealedBinary
from underwriting.store.crypto import SealedCell
from underwriting.store.matches import Found
from underwriting.store.models import (
    Base,
    Channel,
    EventRow,
    LimitRecordRow,
    LimitRunRow,
    LimitShardRow,
    ListMatchRow,
    MessageRow,
    QueueState,
)
from underwriting.store.queue import inbox
from underwriting.store.session import Store

WHO, NAME, NOTE = "canary-id-4711", "Canary Byron", "canary note"
DAY = timedelta(days=1)
SOON, LATER = NOW.date() + 5 * DAY, months_after(NOW.date(), 121)
# The audit log cannot be changed: ids in it refer to nobody any more.
AUDIT = {("audit", "subject"), ("audit", "details")}
NOWHERE = Path("/nowhere")


async def decided_by_staff(store: Store, tenant: str) -> str:
    """A rejected application with a bureau report, a note of staff, and a notice that was sent."""
    owned = await claimed(store, tenant, customer_id=WHO)
    async with store.begin() as work:
        await ledger.begin(work, owned, "bureau-pull")
    async with store.begin() as work:
        await ledger.done(work, owned, "bureau-pull", json.dumps({"name": NAME}).encode())
    checks = [each.model_copy(update={"facts": {"employer": NAME}}) for each in results()]
    async with store.begin() as work:
        await decisions.finish(work, owned, checks, decision(owned.subject), (tenant,))
    async with store.begin() as work:
        await decisions.decide_referral(
            work,
            owned.subject.id,
            tenant=None,
            verdict=Verdict.APPROVED,
            note=f"{NOTE} of {NAME}",
            decided_by="ann",
            now=NOW,
            partners=(tenant,),
        )
    return owned.subject.id


async def rejected_evaluation(store: Store, tenant: str) -> str:
    accepted = await check(store, WHO, tenant, idempotency_key="once", callback=f"https://acme.example/{WHO}")
    owned = await claim_check(store, accepted.stored.subject.id)
    assert owned
    channels = (Channel.EVENTS, Channel.ANALYTICS)
    await finish_check(store, owned, eligibility(Verdict.REJECTED, facts={"employer": NAME}), channels=channels)
    async with store.begin() as work:
        owed = await notices.get(work, tenant, owned.subject.id)
        await notices.record(work, owed, how="letter", sent_at=NOW, sent_by="ann", content=f"Dear {NAME}".encode())
    return owned.subject.id


async def approved_float(store: Store, tenant: str) -> str:
    accepted = await check(store, WHO, tenant)
    owned = await claim_check(store, accepted.stored.subject.id)
    assert owned
    await finish_check(store, owned, eligibility(facts={"employer": NAME}))
    async with store.begin() as work:
        await evaluations.freeze(work, tenant, WHO, owned.subject.id, f"flt-{tenant}", "evt-1", NOW)
    return owned.subject.id


async def known_everywhere(store: Store, tenant: str = "acme") -> None:
    """A person whom every table knows, with a name and notes wherever these go; all is done, and nothing is owed."""
    await decided_by_staff(store, tenant)
    await rejected_evaluation(store, tenant)
    await approved_float(store, tenant)
    await meet(store, WHO, tenant)
    async with store.begin() as work:
        for number in range(2):
            await profiles.put(work, tenant, WHO, TIERS, (), "staff", f"{NOTE} {number}", "ann", NOW)
        await inbox.receive(work, "bus", "evt-1", "user_created", tenant, WHO, NAME.encode(), NOW)
        await inbox.receive(work, "bus", "evt-2", "user_created", tenant, WHO, NAME.encode(), NOW)
        found = Found("ofac", "1", "person", 0.97, False, "name", f"digest of {NAME}")
        await matches.keep(work, tenant, WHO, [found], ("person",))
        await matches.clear(work, tenant, WHO, "ann", f"{NOTE}: not the one")
        await work.execute(update(ListMatchRow).values(cleared_at=NOW))
        states = {"evt-1": QueueState.DONE, "evt-2": QueueState.DEAD}
        for event_id, state in states.items():
            await work.execute(update(EventRow).where(EventRow.event_id == event_id).values(state=state))
    await sent(store, (Channel.RESULTS, Channel.CALLBACK))


async def sent(store: Store, channels: Collection[Channel] = tuple(Channel)) -> None:
    async with store.begin() as work:
        await work.execute(
            update(MessageRow).where(MessageRow.channel.in_(channels)).values(state=QueueState.DONE, done_at=NOW)
        )


async def in_limit_runs(store: Store, tenant: str = "acme") -> None:
    """A run that kept the person's limit, whose id bounds a shard, and one about the person alone."""
    await lowered(store, tenant)
    async with store.begin() as work:
        bob = LimitRecordRow.user_id == "bob"
        await work.execute(update(LimitRecordRow).where(bob).values(user_id=WHO, move="held", notice_due=None))
        why = f"2 workers died (users from {WHO} up to the last)"
        await work.execute(update(LimitShardRow).values(first_id=WHO, trouble=why))
        run = (await work.scalars(select(LimitRunRow).where(LimitRunRow.id == RUN))).one()
        same = {column.name: getattr(run, column.name) for column in LimitRunRow.__table__.columns}
        alone = {**same, "id": f"{RUN[:-1]}A", "scope": f"user:{WHO}"}
        await work.execute(insert(LimitRunRow).values(alone))


async def places(store: Store, *words: str) -> set[tuple[str, str]]:
    """The columns of all tables in which one of the words occurs, sealed or not."""
    found = set()
    async with store.read() as work:
        for mapper in Base.registry.mappers:
            table = mapper.class_
            for row in await work.scalars(select(table)):
                key = tuple(getattr(row, column.name) for column in table.__table__.primary_key)
                for column in table.__table__.columns:
                    value = getattr(row, column.name)
                    if isinstance(column.type, SealedBinary) and value is not None:
                        value = work.keys.open(value, SealedCell(table.__tablename__, column.name, key))
                    text = value.decode() if isinstance(value, bytes) else str(value)
                    if any(word in text for word in words):
                        found.add((table.__tablename__, column.name))
    return found


def demands(today: date, **changes: Any) -> Demands:
    return Demands(today, **changes)


async def erase(store: Store, today: date, tenant: str = "acme", place: Path = NOWHERE) -> erasing.Erasure:
    return await erasing.erase(store, demands(today), place, tenant, WHO, "ann")
