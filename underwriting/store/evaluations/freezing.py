"""The evaluation that authorised a float, kept as it was answered; and how many floats a user took."""

from dataclasses import dataclass
from datetime import datetime

from pydantic_core import to_json
from sqlalchemy import case, update

from underwriting.domain.application import Product, State
from underwriting.domain.decision import Verdict
from underwriting.store import audit, reported_floats
from underwriting.store.errors import FrozenOtherwise, NotDecided
from underwriting.store.evaluations.reading import StoredEvaluation, get
from underwriting.store.models import Channel, FloatRankRow, FrozenRow, ReportedFloatRow
from underwriting.store.queue import outbox
from underwriting.store.session import Work

# The event about a float that no evaluation authorised.
UNAUTHORISED = "float_unauthorised"


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


async def freeze(
    work: Work,
    tenant: str,
    user_id: str,
    evaluation_id: str,
    float_id: str,
    event_id: str,
    now: datetime,
    taken_at: datetime | None = None,
) -> Frozen | None:
    """Copy the evaluation's body beside the one float that it authorised, and count the float.

    An approved evaluation authorises one float of its own user. Any other float counts as open, the event
    `float_unauthorised` is sent, and None is returned. The same float again changes nothing. UnknownEvaluation if it is
    not this tenant's, NotDecided if it has no result yet, FrozenOtherwise if the float is frozen with another
    evaluation.
    """
    stored = await get(work, tenant, evaluation_id)
    if stored.state is not State.DONE:
        raise NotDecided(evaluation_id)
    await reported_floats.record(work, tenant, user_id, float_id, evaluation_id, taken_at or now, now)
    reported = await work.get_one(ReportedFloatRow, (tenant, float_id), with_for_update=True, populate_existing=True)
    if reported.authorised is not None:
        return await _frozen_before(work, reported, evaluation_id)
    why = _refusal(stored, user_id)
    row = None if why else await _freeze(work, stored, float_id, event_id, now)
    # An earlier event about the float may have named an evaluation that does not exist.
    reported.authorised, reported.evaluation_id = row is not None, evaluation_id
    await _count(work, reported, stored.subject.product, now)
    if row is None:
        await _report(work, reported, why or "the evaluation authorised another float before", event_id, now)
        return None
    await audit.append(work, "evaluation.frozen", evaluation_id, "system", float_id=float_id, event_id=event_id)
    return _frozen(row, new=True)


def _refusal(stored: StoredEvaluation, user_id: str) -> str | None:
    """Why the evaluation authorises no float of this user; None if it does."""
    if stored.subject.user_id != user_id:
        return "the evaluation is of another user"
    if stored.record.verdict is not Verdict.APPROVED:
        return "the evaluation is not approved"
    return None


async def _freeze(
    work: Work, stored: StoredEvaluation, float_id: str, event_id: str, now: datetime
) -> FrozenRow | None:
    """The float's row; None if the evaluation authorised another float, since the table has one row for each."""
    evaluation = stored.subject
    return await work.add_new(
        FrozenRow,
        tenant=evaluation.tenant,
        float_id=float_id,
        evaluation_id=evaluation.id,
        user_id=evaluation.user_id,
        product=evaluation.product,
        event_id=event_id,
        frozen_at=now,
        body=stored.body,
    )


async def _report(work: Work, reported: ReportedFloatRow, why: str, event_id: str, now: datetime) -> None:
    """Send an event and write an audit entry about a float that no evaluation authorised."""
    ids = {"float_id": reported.float_id, "evaluation_id": reported.evaluation_id}
    await outbox.enqueue(
        work,
        Channel.EVENTS,
        tenant=reported.tenant,
        customer_id=reported.user_id,
        subject_id=reported.float_id,
        event=UNAUTHORISED,
        at=now,
        record=to_json({**ids, "user_id": reported.user_id, "taken_on": reported.taken_on, "why": why}),
    )
    await audit.append(
        work, UNAUTHORISED, reported.evaluation_id, "system", float_id=reported.float_id, event_id=event_id
    )


async def frozen(work: Work, tenant: str, float_id: str) -> Frozen | None:
    """What authorised a float; None if no evaluation is known to have authorised it."""
    row = await work.get(FrozenRow, (tenant, float_id))
    return None if row is None else _frozen(row, new=False)


async def float_rank(work: Work, tenant: str, user_id: str, product: Product) -> FloatRank | None:
    """The floats of a product that a user took here; None if there are none."""
    row = await work.get(FloatRankRow, (tenant, user_id, product))
    return None if row is None else FloatRank(row.floats_taken, row.last_float_id, row.last_evaluation_id)


async def _frozen_before(work: Work, reported: ReportedFloatRow, evaluation_id: str) -> Frozen | None:
    found = await frozen(work, reported.tenant, reported.float_id)
    if found is not None and found.evaluation_id != evaluation_id:
        raise FrozenOtherwise(reported.float_id, found.evaluation_id)
    return found


async def _count(work: Work, reported: ReportedFloatRow, product: Product, now: datetime) -> None:
    """Add the float to the user's. Events come in any order: the last float is that of the latest evaluation."""
    mine = {"tenant": reported.tenant, "user_id": reported.user_id, "product": product}
    last = {"last_float_id": reported.float_id, "last_evaluation_id": reported.evaluation_id}
    first = await work.add_new(FloatRankRow, floats_taken=1, updated_at=now, **mine, **last)
    if first is None:
        later = FloatRankRow.last_evaluation_id < reported.evaluation_id
        await work.execute(
            update(FloatRankRow)
            .where(*(getattr(FloatRankRow, name) == value for name, value in mine.items()))
            .values(
                floats_taken=FloatRankRow.floats_taken + 1,
                updated_at=now,
                **{name: case((later, value), else_=getattr(FloatRankRow, name)) for name, value in last.items()},
            )
        )


def _frozen(row: FrozenRow, *, new: bool) -> Frozen:
    return Frozen(row.float_id, row.evaluation_id, row.user_id, row.product, row.frozen_at, row.body, new)
