"""Requests for evaluations: accepted once for each idempotency key, and one at a time for the same question."""

from datetime import UTC, date, datetime

from sqlalchemy import update
from ulid import ULID

from underwriting.domain.application import Product, State
from underwriting.domain.eligibility import EvaluationRequest
from underwriting.store.evaluations.reading import StoredEvaluation, first, get
from underwriting.store.evaluations.record import EvaluationRecord
from underwriting.store.models import CallbackRow, EvaluationKeyRow, EvaluationRow
from underwriting.store.session import Work
from underwriting.store.stored import Accepted, ensure_same, fingerprint, request_key

OPERATION = "evaluations"


async def accept(
    work: Work,
    tenant: str,
    user_id: str,
    product: Product,
    as_of: date | None,
    idempotency_key: str | None,
    now: datetime,
    callback: str | None = None,
) -> Accepted[EvaluationRequest, EvaluationRecord]:
    """Store the evaluation as PENDING, or find the one that this key made before, or the one that is under way.

    An evaluation is under way for one user, product and business date; `as_of` is today (UTC) by default. KeyReused if
    the key belongs to another one. The result is posted to `callback`, and to the other addresses that wait for it.
    """
    question = {"user_id": user_id, "product": product, "as_of": as_of and as_of.isoformat(), "callback": callback}
    digest = fingerprint(question)
    key = None if idempotency_key is None else request_key(tenant, OPERATION, idempotency_key)
    if key is not None and await work.add_new(EvaluationKeyRow, request_key=key, fingerprint=digest) is None:
        earlier = await work.get_one(EvaluationKeyRow, key)
        ensure_same(earlier.fingerprint, digest)
        return Accepted(await get(work, tenant, str(earlier.evaluation_id)), new=False, replay=True)
    stored, new = await _check(work, tenant, user_id, product, as_of or now.astimezone(UTC).date(), now)
    if key is not None:
        of_key = update(EvaluationKeyRow).where(EvaluationKeyRow.request_key == key)
        await work.execute(of_key.values(evaluation_id=stored.subject.id))
    if callback is not None:
        await work.add_new(CallbackRow, evaluation_id=stored.subject.id, target=callback)
    return Accepted(stored, new=new, replay=False)


async def _check(
    work: Work, tenant: str, user_id: str, product: Product, as_of: date, now: datetime
) -> tuple[StoredEvaluation, bool]:
    """The evaluation that is under way, or a new one.

    An evaluation that is under way is locked, so that it is not finished before this caller's address is stored. If it
    is finished between the two statements, a new one can be stored.
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
            received_on=work.day_of(now),
            state=State.PENDING,
            **question,
        )
        if created is not None:
            return await get(work, tenant, evaluation_id), True
        under_way = EvaluationRow.state.in_((State.PENDING, State.RUNNING))
        if (found := await first(work, *same, under_way, lock=True)) is not None:
            return found, False
