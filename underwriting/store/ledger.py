"""The effect ledger: a paid or irreversible call is written down before it is made, and made once.

Commit `begin`, call the provider under `Effect.provider_key`, commit `done`. After a crash the next
worker finds the intent and knows that the call may have happened. A provider that honours idempotency keys is called
again under the same key. Any other is asked for our reference; if the result stays unknown, the call is marked as
unknown and never repeated.
"""

from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, select, update

from underwriting.domain.application import Application
from underwriting.store import audit
from underwriting.store.claims import Claim, owned
from underwriting.store.columns import from_now
from underwriting.store.errors import LeaseLost
from underwriting.store.models import ApplicationRow, EffectRow, EffectState, sealed_cell
from underwriting.store.session import Work


@dataclass(frozen=True)
class Effect:
    """One call: how far it came, and the answer once it is done."""

    name: str
    state: EffectState
    # Sent as the provider's idempotency key and reference: the same at every attempt.
    provider_key: str
    # True for the one caller who wrote the intent: the call was not made before.
    first: bool
    payload: bytes | None


def provider_key(application: Application, name: str) -> str:
    """Our reference of a call: the same for an application that is sent again under its idempotency key."""
    return f"{application.request_key}:{name}"


async def begun(work: Work, application_id: str, name: str) -> bool:
    """Whether the ledger has the call, however far it came."""
    return await work.get(EffectRow, (application_id, name)) is not None


async def begin(work: Work, claim: Claim[Application], name: str) -> Effect:
    """Write the intent, or find an earlier one; LeaseLost if the application is not ours any more."""
    locked = select(ApplicationRow.id).where(owned(claim)).with_for_update()
    if await work.scalar(locked) is None:
        raise LeaseLost(claim.subject.id)
    key = {"application_id": claim.subject.id, "effect": name}
    intent = await work.add_new(EffectRow, **key, state=EffectState.INTENT, fence=claim.fence, begun_at=from_now())
    row = intent if intent is not None else await work.get_one(EffectRow, tuple(key.values()))
    return Effect(
        name=name,
        state=row.state,
        provider_key=provider_key(claim.subject, name),
        first=intent is not None,
        payload=await answer(work, claim.subject.id, name),
    )


async def done(work: Work, claim: Claim[Application], name: str, payload: bytes) -> None:
    """Keep the answer, sealed. It was paid for, so a worker that lost its lease stores it too; the first one stays."""
    sealed = work.keys.seal(payload, sealed_cell(EffectRow.payload, claim.subject.id, name))
    await _finish(work, claim, name, EffectRow.state != EffectState.DONE, state=EffectState.DONE, payload=sealed)


async def unknown(work: Work, claim: Claim[Application], name: str) -> None:
    """Mark that it cannot be found out whether the call happened."""
    await _finish(work, claim, name, EffectRow.state == EffectState.INTENT, state=EffectState.UNKNOWN)


async def note(work: Work, state: EffectState, name: str, customer: str, by: str, **details: str) -> None:
    """Note a paid call that belongs to no application and is made at most once, before it is made and after it.

    There is nothing to resume, so the audit log is enough. It has who paid for what, and why; never the answer.
    """
    await audit.append(work, f"effect.{state}", customer, by, effect=name, **details)


async def answer(work: Work, application_id: str, name: str) -> bytes | None:
    """The answer that an effect of an application left; None if it was never made or left none."""
    row = await work.get(EffectRow, (application_id, name))
    if row is None or row.payload is None:
        return None
    return work.keys.open(row.payload, sealed_cell(EffectRow.payload, application_id, name))


async def _finish(
    work: Work, claim: Claim[Application], name: str, unsettled: ColumnElement[bool], **values: Any
) -> None:
    row = await work.scalar(
        update(EffectRow)
        .where(EffectRow.application_id == claim.subject.id, EffectRow.effect == name, unsettled)
        .values(settled_at=from_now(), **values)
        .returning(EffectRow)
    )
    if row is not None:
        await audit.append(work, f"effect.{row.state}", claim.subject.id, "system", effect=name, fence=claim.fence)
