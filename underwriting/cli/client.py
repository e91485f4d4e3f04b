"""The API's client of the command line: apply, wait, read."""

import time
from collections.abc import Callable
from datetime import UTC, datetime
from types import TracebackType
from typing import Annotated, Any, Self, TypeVar
from uuid import uuid4

import httpx
import typer
from pydantic import BaseModel, TypeAdapter, ValidationError

from underwriting.cli.errors import refuse, refusing
from underwriting.domain.application import (
    ApplicationRequest,
    BureauConsent,
    CustomerId,
    PermissiblePurpose,
    Product,
    State,
)
from underwriting.settings import Settings, settings
from underwriting.store.evaluations import EvaluationRecord
from underwriting.store.record import Record

R = TypeVar("R", bound=BaseModel)
D = TypeVar("D", Record, EvaluationRecord)

Token = Annotated[str | None, typer.Option(envvar="UNDERWRITING_TOKEN", help="Bearer token.")]
POLL_SECONDS = 0.1
WAITING = {State.PENDING, State.RUNNING}


class ApiRefused(Exception):
    """The API refused the request, or did not answer in time; the message says why."""


def opaque_id(given: str) -> str:
    """The id of a customer as it was given; a refusal where it cannot be one."""
    try:
        return TypeAdapter(CustomerId).validate_python(given)
    except ValidationError:
        refuse(f"{given!r} is no customer's id: 1 to 64 letters, digits, hyphens and underscores")


def consent_now() -> BureauConsent:
    """A consent, given now, to a bureau pull for the credit that is applied for."""
    return BureauConsent(purpose=PermissiblePurpose.CREDIT_TRANSACTION, consented_at=datetime.now(UTC))


class Client:
    """A client of the API with one tenant's token."""

    def __init__(self, base_url: str, token: str) -> None:
        self._http = httpx.Client(base_url=base_url, headers={"Authorization": f"Bearer {token}"}, timeout=30)
        self._base_url = base_url

    @classmethod
    def of_settings(cls, token: str | None) -> Self:
        """A client of the API that the settings name; without a token, with one of the embedded issuer."""
        config = settings()
        return cls(config.public_url or config.api_url, token or _sandbox_token(config))

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: type[BaseException] | BaseException | TracebackType | None) -> None:
        self._http.close()

    def apply(self, request: ApplicationRequest) -> Record:
        """Send an application; ApiRefused where it is not accepted or the API is not there."""
        body = request.model_dump(mode="json", exclude_none=True)
        key = {"Idempotency-Key": uuid4().hex}
        return self._record(Record, "POST", "/v1/applications", json=body, headers=key)

    def read(self, application_id: str) -> Record:
        """The record of an application."""
        return self._record(Record, "GET", f"/v1/applications/{application_id}")

    def decided(self, record: Record, seconds: float) -> Record:
        """The record once it is decided, referred or given up; ApiRefused after `seconds`."""
        return _decided(record, lambda: self.read(record.id), seconds)

    def check(self, user_id: str, product: Product) -> EvaluationRecord:
        """The user's fresh evaluation, or the one in progress."""
        return self._record(EvaluationRecord, "GET", f"/v1/{user_id}/underwriting/{product}_check")

    def evaluation(self, user_id: str, evaluation_id: str) -> EvaluationRecord:
        """The record of an evaluation."""
        return self._record(EvaluationRecord, "GET", f"/v1/{user_id}/underwriting/evaluations/{evaluation_id}")

    def evaluated(self, record: EvaluationRecord, seconds: float) -> EvaluationRecord:
        """The record once the user is evaluated, or that was given up; ApiRefused after `seconds`."""
        return _decided(record, lambda: self.evaluation(record.user_id, record.id), seconds)

    def _record(self, kind: type[R], method: str, path: str, **request: Any) -> R:
        try:
            answer = self._http.request(method, path, **request)
        except httpx.TransportError:
            raise ApiRefused(f"no API answers at {self._base_url}; start it by `underwriting up`") from None
        if answer.is_error:
            raise ApiRefused(f"{answer.status_code} {answer.json()['message']}")
        return kind.model_validate_json(answer.content)


def _decided(record: D, read: Callable[[], D], seconds: float) -> D:
    """Read the record again until it is decided or given up; ApiRefused after `seconds`."""
    end = time.monotonic() + seconds
    while record.state in WAITING:
        if time.monotonic() > end:
            raise ApiRefused(f"{record.id} is still {record.state} after {seconds:.0f} s; is a worker running?")
        time.sleep(POLL_SECONDS)
        try:
            record = read()
        except ApiRefused as error:
            raise ApiRefused(f"{record.id} is accepted and will be decided, but {error}") from None
    return record


def _sandbox_token(config: Settings) -> str:
    """A token of the embedded issuer; a refusal where `underwriting up` has made no keys."""
    # Only here: whoever has a token, as in production, needs no embedded services.
    from underwriting.cli.tokens import SCOPES  # noqa: PLC0415
    from underwriting.local import SANDBOX_TENANT, EmbeddedError, issue_token  # noqa: PLC0415

    with refusing(EmbeddedError):
        return issue_token(config, SANDBOX_TENANT, "shell", SCOPES)
