"""Applications: accepted once for each idempotency key, read by their own tenant only."""

from datetime import UTC, datetime
from typing import Any

from sqlalchemy import ColumnElement, select
from ulid import ULID

from underwriting.domain.application import Application, ApplicationRequest, BureauConsent, PermissiblePurpose, State
from underwriting.domain.money import Money
from underwriting.store.errors import UnknownApplication
from underwriting.store.models import ApplicationRow, DecisionRow
from underwriting.store.record import Record
from underwriting.store.session import Work
from underwriting.store.stored import Accepted, Stored, ensure_same, fingerprint, request_key

OPERATION = "applications"
# In the other states there is no decision, or another review replaces it.
DECIDED = (State.DONE, State.REFERRED, State.INCOMPLETE, State.COUNTEROFFER)


StoredApplication = Stored[Application, Record]


async def accept(
    work: Work, tenant: str, request: ApplicationRequest, idempotency_key: str, now: datetime
) -> Accepted[Application, Record]:
    """Store the request as PENDING, or find what its key stored before; KeyReused if that was another payload."""
    key, digest = request_key(tenant, OPERATION, idempotency_key), fingerprint(request.model_dump(mode="json"))
    created = await work.add_new(
        ApplicationRow,
        id=f"app_{ULID()}",
        tenant=tenant,
        request_key=key,
        fingerprint=digest,
        customer_id=request.customer_id,
        product=request.product,
        amount=request.requested.minor,
        currency=request.currency,
        term_months=request.term_months,
        bureau_purpose=request.bureau_consent and request.bureau_consent.purpose,
        consented_at=request.bureau_consent and request.bureau_consent.consented_at,
        as_of=request.as_of or now.astimezone(UTC).date(),
        received_at=now,
        received_on=work.day_of(now),
        state=State.PENDING,
    )
    if created is not None:
        return Accepted(_stored(created, None), new=True, replay=False)
    row, body = await _one(work, ApplicationRow.request_key == key)
    ensure_same(row.fingerprint, digest)
    return Accepted(_stored(row, body), new=False, replay=True)


async def get(work: Work, tenant: str | None, application_id: str) -> StoredApplication:
    """The application; UnknownApplication if it is not this tenant's. None as the tenant is our staff, who see all."""
    mine = [] if tenant is None else [ApplicationRow.tenant == tenant]
    try:
        return _stored(*await _one(work, ApplicationRow.id == application_id, *mine))
    except LookupError:
        raise UnknownApplication(application_id) from None


async def listing(
    work: Work, tenant: str | None, state: State | None = None, after: str | None = None, limit: int = 50
) -> list[StoredApplication]:
    """Applications, newest first, from below the id `after` on."""
    query = _with_body().order_by(ApplicationRow.id.desc()).limit(limit)
    if tenant is not None:
        query = query.where(ApplicationRow.tenant == tenant)
    if state is not None:
        query = query.where(ApplicationRow.state == state)
    if after is not None:
        query = query.where(ApplicationRow.id < after)
    return [_stored(row, body) for row, body in await work.execute(query)]


def application_of(row: ApplicationRow) -> Application:
    """The domain's view of a row."""
    return Application(
        id=row.id,
        tenant=row.tenant,
        request_key=row.request_key,
        customer_id=row.customer_id,
        product=row.product,
        requested=Money(minor=row.amount, currency=row.currency),
        term_months=row.term_months,
        as_of=row.as_of,
        bureau_consent=_consent(row),
        received_at=row.received_at,
        received_on=row.received_on,
        completed_on=row.completed_on,
        respond_by=row.respond_by,
    )


def _consent(row: ApplicationRow) -> BureauConsent | None:
    if row.bureau_purpose is None or row.consented_at is None:
        return None
    return BureauConsent(purpose=PermissiblePurpose(row.bureau_purpose), consented_at=row.consented_at)


def _with_body() -> Any:
    newest = (
        select(DecisionRow.body)
        .where(DecisionRow.application_id == ApplicationRow.id)
        .order_by(DecisionRow.sequence.desc())
        .limit(1)
        .correlate(ApplicationRow)
        .scalar_subquery()
    )
    return select(ApplicationRow, newest)


async def _one(work: Work, *conditions: ColumnElement[bool]) -> tuple[ApplicationRow, bytes | None]:
    found = (await work.execute(_with_body().where(*conditions))).one_or_none()
    if found is None:
        raise LookupError
    return found[0], found[1]


def _stored(row: ApplicationRow, newest: bytes | None) -> StoredApplication:
    return Stored.of(row, application_of(row), Record, newest if row.state in DECIDED else None)
