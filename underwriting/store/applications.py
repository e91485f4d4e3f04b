"""Applications: accepted once for each idempotency key, read by their own tenant only."""

import hashlib
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import rfc8785
from sqlalchemy import ColumnElement, select
from ulid import ULID

from underwriting.domain.application import Application, ApplicationRequest, BureauConsent, PermissiblePurpose, State
from underwriting.domain.money import Money
from underwriting.store.errors import KeyReused, UnknownApplication
from underwriting.store.models import ApplicationRow, DecisionRow
from underwriting.store.record import Record
from underwriting.store.session import Work

OPERATION = "applications"
# Elsewhere there is no decision, or one that a further review replaces.
DECIDED = (State.DONE, State.REFERRED, State.INCOMPLETE, State.COUNTEROFFER)


@dataclass(frozen=True)
class StoredApplication:
    """An application as stored: where it stands, and the answer to whoever asks for it."""

    application: Application
    state: State
    # Why it failed or is quarantined; for the operator.
    trouble: str | None
    # The run that was last given it, or holds it, and how often it was given to one.
    flow_run_id: str | None
    dispatch_no: int
    # The stored body of its newest decision, byte for byte; built on the spot while it is undecided, or reviewed again.
    body: bytes

    @property
    def record(self) -> Record:
        """The answer, parsed."""
        return Record.model_validate_json(self.body)


@dataclass(frozen=True)
class Accepted:
    """What became of a request: a new application, or the one that the same key made before."""

    stored: StoredApplication
    replay: bool


def request_key(tenant: str, operation: str, idempotency_key: str) -> str:
    """The SHA-256 that one request is known by. A JSON array leaves no doubt where one part ends."""
    return fingerprint([tenant, operation, idempotency_key])


def fingerprint(payload: Any) -> str:
    """The SHA-256 of the payload's canonical JSON (RFC 8785): another payload, another fingerprint."""
    return hashlib.sha256(rfc8785.dumps(payload)).hexdigest()


async def accept(work: Work, tenant: str, request: ApplicationRequest, idempotency_key: str, now: datetime) -> Accepted:
    """Store the request as PENDING, or find what its key stored before; KeyReused where that was another payload."""
    key, asked = request_key(tenant, OPERATION, idempotency_key), fingerprint(request.model_dump(mode="json"))
    created = await work.add_new(
        ApplicationRow,
        id=f"app_{ULID()}",
        tenant=tenant,
        request_key=key,
        fingerprint=asked,
        customer_id=request.customer_id,
        product=request.product,
        amount=request.requested.minor,
        currency=request.currency,
        term_months=request.term_months,
        bureau_purpose=request.bureau_consent and request.bureau_consent.purpose,
        consented_at=request.bureau_consent and request.bureau_consent.consented_at,
        as_of=request.as_of or now.astimezone(UTC).date(),
        received_at=now,
        state=State.PENDING,
    )
    if created is not None:
        return Accepted(_stored(created, None), replay=False)
    row, body = await _one(work, ApplicationRow.request_key == key)
    if row.fingerprint != asked:
        raise KeyReused("this idempotency key was used before with another payload; use a new key for a new request")
    return Accepted(_stored(row, body), replay=True)


async def get(work: Work, tenant: str | None, application_id: str) -> StoredApplication:
    """The application; UnknownApplication where it is not this tenant's. No tenant means a colleague, who sees all."""
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
        completed_at=row.completed_at,
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
    application = application_of(row)
    body = newest if row.state in DECIDED else None
    return StoredApplication(
        application=application,
        state=row.state,
        trouble=row.trouble,
        flow_run_id=row.flow_run_id,
        dispatch_no=row.dispatch_no,
        body=body or Record.undecided(application, row.state).body,
    )
