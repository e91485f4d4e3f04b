"""The API as the command line uses it: apply, wait, read."""

import time
from collections.abc import Callable
from datetime import UTC, datetime
from types import TracebackType
from typing import Any, Self, TypeVar
from uuid import uuid4

import httpx
from pydantic import BaseModel

from underwriting.domain.application import ApplicationRequest, BureauConsent, PermissiblePurpose, Product, State
from underwriting.store.evaluations import EvaluationRecord
from underwriting.store.record import Record

R = TypeVar("R", bound=BaseModel)
D = TypeVar("D", Record, EvaluationRecord)

# Seconds between two looks at an undecided application.
LOOK = 0.1
WAITING = {State.PENDING, State.RUNNING}


class ApiRefused(Exception):
    """The API did not do what was asked; the message is the API's own."""


def consent_now() -> BureauConsent:
    """A consent to a bureau pull for the credit that is applied for, given at this moment."""
    return BureauConsent(purpose=PermissiblePurpose.CREDIT_TRANSACTION, consented_at=datetime.now(UTC))


class Client:
    """A client of the API with one tenant's token."""

    def __init__(self, base_url: str, token: str) -> None:
        self._http = httpx.Client(base_url=base_url, headers={"Authorization": f"Bearer {token}"}, timeout=30)
        self._base_url = base_url

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

    def decided(self, application_id: str, seconds: float) -> Record:
        """The record once it is decided, referred or given up; ApiRefused after `seconds`."""
        return _decided(self.read(application_id), lambda: self.read(application_id), seconds)

    def check(self, user_id: str, product: Product) -> EvaluationRecord:
        """The fresh evaluation of a user, or the one that is under way."""
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
        except httpx.TransportError as error:
            raise ApiRefused(f"no API answers at {self._base_url} ({error}); start it by `underwriting up`") from None
        if answer.is_error:
            raise ApiRefused(f"{answer.status_code} {answer.json()['message']}")
        return kind.model_validate_json(answer.content)


def _decided(record: D, read: Callable[[], D], seconds: float) -> D:
    """Read the record until it waits for nothing more; ApiRefused after `seconds`."""
    end = time.monotonic() + seconds
    while record.state in WAITING:
        if time.monotonic() > end:
            raise ApiRefused(f"{record.id} is still {record.state} after {seconds:.0f} s; is a worker running?")
        time.sleep(LOOK)
        record = read()
    return record
