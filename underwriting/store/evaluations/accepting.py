"""Eligibility checks: accepted once for each idempotency key, and one at a time for the same question."""

from dataclasses import dataclass
from datetime import UTC, date, datetime

from sqlalchemy import update
from ulid import ULID

from underwriting.domain.application import Product, State
from underwriting.store.applications import fingerprint, request_key
from underwriting.store.errors import KeyReused
from underwriting.store.evaluations.reading import StoredEvaluation, first, get
from underwriting.store.models import CallbackRow, EvaluationKeyRow, EvaluationRow
from underwriting.store.session import Work

OPERATION = "evaluations"


@dataclass(frozen=True)
class Accepted:
    """What became of a check. A new one is to be dispatched; any other is, or was, somebody's work already."""

    stored: StoredEvaluation
    # Nobody asked for it before.
    new: bool
    # The same key asked for it before.
    replay: bool


async def accept(
    work: Work,
    tenant: str,
    user_id: str,
    product: Product,
    as_of: date | None,
    idempotency_key: str | None,
    now: datetime,
    callback: str | None = None,
) -> Accepted:
    """Store the check as PENDING, or find the one that this key made before, or the one that is under way.

    Under way is a check of the same user, product and business date, which is today (UTC) where it is left out.
    KeyReused where the key made another check. `callback` is told of the result, besides whoever else waits for it.
    """
    question = {"user_id": user_id, "product": product, "as_of": as_of and as_of.isoformat(), "callback": callback}
    asked = fingerprint(question)
    key = None if idempotency_key is None else request_key(tenant, OPERATION, idempotency_key)
    if key is not None and await work.add_new(EvaluationKeyRow, request_key=key, fingerprint=asked) is None:
        return await _replay(work, tenant, key, asked)
    stored, new = await _check(work, tenant, user_id, product, as_of or now.astimezone(UTC).date(), now)
    if key is not None:
        settled = update(EvaluationKeyRow).where(EvaluationKeyRow.request_key == key)
        await work.execute(settled.values(evaluation_id=stored.request.id))
    if callback is not None:
        await work.add_new(CallbackRow, evaluation_id=stored.request.id, target=callback)
    return Accepted(stored, new=new, replay=False)


async def _replay(work: Work, tenant: str, key: str, asked: str) -> Accepted:
    earlier = await work.get_one(EvaluationKeyRow, key)
    if earlier.fingerprint != asked:
        raise KeyReused("this idempotency key was used before with another payload; use a new key for a new request")
    return Accepted(await get(work, tenant, str(earlier.evaluation_id)), new=False, replay=True)


async def _check(
    work: Work, tenant: str, user_id: str, product: Product, as_of: date, now: datetime
) -> tuple[StoredEvaluation, bool]:
    """The check that is under way, or a new one.

    One that is under way is locked, so that it is not finished before this caller's address stands beside it. If it
    is finished between the two statements there is room for a new one.
    """
    question = {"tenant": tenant, "user_id": user_id, "product": product, "as_of": as_of}
    same = [getattr(EvaluationRow, name) == value for name, value in question.items()]
    while True:
        evaluation_id = f"evl_{ULID()}"
        created = await work.add_new(
            EvaluationRow,
            id=evaluation_id,
            request_key=request_key(tenant, OPERATION, evaluation_id),
            received_at=now,
            state=State.PENDING,
            **question,
        )
        if created is not None:
            return await get(work, tenant, evaluation_id), True
        under_way = EvaluationRow.state.in_((State.PENDING, State.RUNNING))
        if (found := await first(work, *same, under_way, lock=True)) is not None:
            return found, False
