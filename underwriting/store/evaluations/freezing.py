"""The evaluation that authorised a float, kept as it was answered; and how many floats a user took."""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import case, update

from underwriting.domain.application import Product, State
from underwriting.store import audit
from underwriting.store.errors import FrozenOtherwise, NotJudged
from underwriting.store.evaluations.reading import get
from underwriting.store.models import FloatRankRow, FrozenRow
from underwriting.store.session import Work


@dataclass(frozen=True)
class Frozen:
    """A float and the evaluation that authorised it. `new` is True for the one event that froze it."""

    float_id: str
    evaluation_id: str
    user_id: str
    product: Product
    frozen_at: datetime
    body: bytes
    new: bool


@dataclass(frozen=True)
class FloatRank:
    """How many floats of a product a user took here, and the last of them."""

    floats_taken: int
    last_float_id: str
    last_evaluation_id: str


async def freeze(work: Work, tenant: str, evaluation_id: str, float_id: str, event_id: str, now: datetime) -> Frozen:
    """Copy the evaluation's body beside its float, and count the float; the same again changes nothing.

    UnknownEvaluation where it is not this tenant's, NotJudged where it has no result, FrozenOtherwise where the float
    is frozen with another evaluation.
    """
    stored = await get(work, tenant, evaluation_id)
    if stored.state is not State.DONE:
        raise NotJudged(evaluation_id)
    evaluation = stored.request
    row = await work.add_new(
        FrozenRow,
        tenant=tenant,
        float_id=float_id,
        evaluation_id=evaluation_id,
        user_id=evaluation.user_id,
        product=evaluation.product,
        event_id=event_id,
        frozen_at=now,
        body=stored.body,
    )
    if row is None:
        return await _frozen_before(work, tenant, evaluation_id, float_id)
    await _count(work, row)
    await audit.append(work, "evaluation.frozen", evaluation_id, "system", float_id=float_id, event_id=event_id)
    return _frozen(row, new=True)


async def frozen(work: Work, tenant: str, float_id: str) -> Frozen | None:
    """What authorised a float; None where no event told of it yet."""
    row = await work.get(FrozenRow, (tenant, float_id))
    return None if row is None else _frozen(row, new=False)


async def float_rank(work: Work, tenant: str, user_id: str, product: Product) -> FloatRank | None:
    """The floats of a product that a user took here; None where there is none."""
    row = await work.get(FloatRankRow, (tenant, user_id, product))
    return None if row is None else FloatRank(row.floats_taken, row.last_float_id, row.last_evaluation_id)


async def _frozen_before(work: Work, tenant: str, evaluation_id: str, float_id: str) -> Frozen:
    row = await work.get_one(FrozenRow, (tenant, float_id))
    if row.evaluation_id != evaluation_id:
        raise FrozenOtherwise(float_id, row.evaluation_id)
    return _frozen(row, new=False)


async def _count(work: Work, row: FrozenRow) -> None:
    """Add the float to the user's. Events come in any order: the last float is that of the latest evaluation."""
    mine = {"tenant": row.tenant, "user_id": row.user_id, "product": row.product}
    last = {"last_float_id": row.float_id, "last_evaluation_id": row.evaluation_id}
    first = await work.add_new(FloatRankRow, floats_taken=1, updated_at=row.frozen_at, **mine, **last)
    if first is None:
        later = FloatRankRow.last_evaluation_id < row.evaluation_id
        await work.execute(
            update(FloatRankRow)
            .where(*(getattr(FloatRankRow, name) == value for name, value in mine.items()))
            .values(
                floats_taken=FloatRankRow.floats_taken + 1,
                updated_at=row.frozen_at,
                **{name: case((later, value), else_=getattr(FloatRankRow, name)) for name, value in last.items()},
            )
        )


def _frozen(row: FrozenRow, *, new: bool) -> Frozen:
    return Frozen(row.float_id, row.evaluation_id, row.user_id, row.product, row.frozen_at, row.body, new)
