"""Evaluations as stored, read by their own tenant only; and the one that may answer at once."""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, Date, Select, bindparam, func, select

from underwriting.domain.application import Product, State
from underwriting.domain.eligibility import Eligibility, EvaluationRequest
from underwriting.store.columns import UtcDateTime
from underwriting.store.errors import NotDecided, UnknownEvaluation
from underwriting.store.evaluations.record import EvaluationRecord
from underwriting.store.kinds import request_of
from underwriting.store.models import EligibilityRow, EvaluationRow, StaffDecisionRow
from underwriting.store.profile_rows import TENANT, USER, VERSION_IN_FORCE
from underwriting.store.reported_floats import FLOATS_REPORTED
from underwriting.store.session import Reader, Store, Work
from underwriting.store.stored import Stored

PAGE = 100

_newest_done = (
    select(EvaluationRow.id)
    .where(
        EvaluationRow.tenant == TENANT,
        EvaluationRow.user_id == USER,
        EvaluationRow.product == bindparam("product", type_=EvaluationRow.product.type),
        EvaluationRow.state == State.DONE,
        EvaluationRow.as_of.between(bindparam("first_day", type_=Date()), bindparam("last_day", type_=Date())),
    )
    .order_by(EvaluationRow.id.desc())
    .limit(1)
    .scalar_subquery()
)
# A decision of staff replaces that of the rulebooks.
_BODY = func.coalesce(StaffDecisionRow.body, EligibilityRow.body)
_BY_STAFF = StaffDecisionRow.evaluation_id == EligibilityRow.evaluation_id
# Built once and without the mapper, because an immediate answer waits for it.
_FRESH = (
    select(_BODY)
    .select_from(EligibilityRow)
    .outerjoin(StaffDecisionRow, _BY_STAFF)
    .where(
        EligibilityRow.evaluation_id == _newest_done,
        EligibilityRow.decided_at > bindparam("decided_after", type_=UtcDateTime()),
        EligibilityRow.books_digest == bindparam("books_digest"),
        EligibilityRow.profile_version == func.coalesce(VERSION_IN_FORCE, 0),
        EligibilityRow.floats_reported == FLOATS_REPORTED,
    )
)


StoredEvaluation = Stored[EvaluationRequest, EvaluationRecord]


@dataclass(frozen=True)
class DecidedEvaluation:
    """The result of the rulebooks with everything it rests on, as explaining and replaying need it, without a decision
    of staff. Dates among the facts are ISO text.
    """

    request: EvaluationRequest
    eligibility: Eligibility
    books_digest: str


async def get(work: Work, tenant: str | None, evaluation_id: str) -> StoredEvaluation:
    """The evaluation; UnknownEvaluation if it is not this tenant's. None as the tenant is our staff, who see all."""
    found = await first(work, EvaluationRow.id == evaluation_id, *_mine(tenant))
    if found is None:
        raise UnknownEvaluation(evaluation_id)
    return found


async def judged(work: Work, tenant: str | None, evaluation_id: str) -> DecidedEvaluation:
    """The result with all its facts; UnknownEvaluation if it is not this tenant's, NotDecided if it has none."""
    query = (
        select(EvaluationRow, EligibilityRow)
        .outerjoin(EligibilityRow, EligibilityRow.evaluation_id == EvaluationRow.id)
        .where(EvaluationRow.id == evaluation_id, *_mine(tenant))
    )
    found = (await work.execute(query)).one_or_none()
    if found is None:
        raise UnknownEvaluation(evaluation_id)
    row, result = found
    if result is None:
        raise NotDecided(evaluation_id)
    record = EvaluationRecord.model_validate_json(result.body)
    return DecidedEvaluation(request_of(row), record.eligibility(result.facts), result.books_digest)


async def newest(work: Work, tenant: str, user_id: str, product: Product) -> StoredEvaluation | None:
    """The evaluation that was requested last, in whatever state; None if there is none."""
    mine = EvaluationRow.user_id == user_id, EvaluationRow.product == product
    return await first(work, EvaluationRow.tenant == tenant, *mine)


async def fresh(
    reader: Reader,
    tenant: str,
    user_id: str,
    product: Product,
    now: datetime,
    window: timedelta,
    books_digest: str,
) -> bytes | None:
    """The body that answers at once, in one round trip; None if the user has to be evaluated.

    It is the body of the newest finished evaluation, if that was decided within the window, as of a day within it,
    under the rulebooks with this digest and the version of the profile in force now, and if no float was reported since
    then.
    """
    today, since = now.astimezone(UTC), now.astimezone(UTC) - window
    body: bytes | None = await reader.scalar(
        _FRESH,
        {
            "tenant": tenant,
            "user_id": user_id,
            "product": product,
            "now": now,
            "decided_after": since,
            "first_day": since.date(),
            "last_day": today.date(),
            "books_digest": books_digest,
        },
    )
    return body


async def history(
    work: Work, tenant: str, user_id: str, product: Product | None = None, after: str | None = None, limit: int = 50
) -> list[StoredEvaluation]:
    """A user's evaluations, of one product or of all, newest first, from below the id `after` on."""
    query = _with_body().where(EvaluationRow.tenant == tenant, EvaluationRow.user_id == user_id)
    if product is not None:
        query = query.where(EvaluationRow.product == product)
    if after is not None:
        query = query.where(EvaluationRow.id < after)
    rows = await work.execute(query.order_by(EvaluationRow.id.desc()).limit(limit))
    return [_stored(row, body) for row, body in rows]


async def stream(
    store: Store, tenant: str, user_id: str, product: Product | None = None
) -> AsyncIterator[list[StoredEvaluation]]:
    """The whole history, newest first, by pages. Between two pages no connection is held, however slowly they are read.

    What is requested meanwhile is not in it.
    """
    after: str | None = None
    while True:
        async with store.read() as work:
            page = await history(work, tenant, user_id, product, after, PAGE)
        if page:
            yield page
        if len(page) < PAGE:
            return
        after = page[-1].subject.id


async def first(work: Work, *conditions: ColumnElement[bool], lock: bool = False) -> StoredEvaluation | None:
    """The newest evaluation that meets the conditions; with `lock` it is locked until the unit ends."""
    query = _with_body().where(*conditions).order_by(EvaluationRow.id.desc()).limit(1)
    if lock:
        query = query.with_for_update(of=EvaluationRow)
    found = (await work.execute(query)).one_or_none()
    return None if found is None else _stored(found[0], found[1])


def _mine(tenant: str | None) -> list[ColumnElement[bool]]:
    return [] if tenant is None else [EvaluationRow.tenant == tenant]


def _with_body() -> Select[Any]:
    return (
        select(EvaluationRow, _BODY)
        .outerjoin(EligibilityRow, EligibilityRow.evaluation_id == EvaluationRow.id)
        .outerjoin(StaffDecisionRow, _BY_STAFF)
    )


def _stored(row: EvaluationRow, body: bytes | None) -> StoredEvaluation:
    return Stored.of(row, request_of(row), EvaluationRecord, body)
