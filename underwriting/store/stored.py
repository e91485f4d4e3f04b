"""What applications and evaluations share: how a request is accepted once, and how it is read back as stored."""

import hashlib
from dataclasses import dataclass
from typing import Any, Generic, Protocol, Self, TypeVar

import rfc8785

from underwriting.domain.application import Application, State
from underwriting.domain.eligibility import EvaluationRequest
from underwriting.store.errors import KeyReused
from underwriting.store.models import Claimable

T = TypeVar("T", bound=Application | EvaluationRequest)


class _Record(Protocol):
    """The API's answer, as it is stored."""

    @classmethod
    def undecided(cls, subject: Any, state: State, /) -> Self: ...

    @classmethod
    def model_validate_json(cls, json_data: bytes, /) -> Self: ...

    @property
    def body(self) -> bytes: ...


R = TypeVar("R", bound=_Record)


@dataclass(frozen=True)
class Stored(Generic[T, R]):
    """An application or evaluation as stored: its state, and the answer of the API."""

    subject: T
    state: State
    # Why it failed or is quarantined; for the operator.
    trouble: str | None
    # The run that it was last given to or that owns it.
    flow_run_id: str | None
    # The stored body of its newest decision, byte for byte. While it is undecided, the body is built when it is read.
    body: bytes
    record_type: type[R]

    @classmethod
    def of(cls, row: Claimable, subject: T, record_type: type[R], body: bytes | None) -> Self:
        """From the row and the body of its newest decision, if there is one."""
        body = body or record_type.undecided(subject, row.state).body
        return cls(subject, row.state, row.trouble, row.flow_run_id, body, record_type)

    @property
    def record(self) -> R:
        """The answer, parsed."""
        return self.record_type.model_validate_json(self.body)


@dataclass(frozen=True)
class Accepted(Generic[T, R]):
    """What became of a request. A new one is to be dispatched; any other was accepted before."""

    stored: Stored[T, R]
    new: bool
    # The same idempotency key was accepted before.
    replay: bool


def request_key(tenant: str, operation: str, idempotency_key: str) -> str:
    """The SHA-256 that identifies one request. It is taken of a JSON array, so that the parts cannot run together."""
    return fingerprint([tenant, operation, idempotency_key])


def fingerprint(payload: Any) -> str:
    """The SHA-256 of the payload's canonical JSON (RFC 8785)."""
    return hashlib.sha256(rfc8785.dumps(payload)).hexdigest()


def ensure_same(stored: str, sent: str) -> None:
    """KeyReused if the fingerprints of two payloads under one idempotency key differ."""
    if stored != sent:
        raise KeyReused("this idempotency key was used before with another payload; use a new key for a new request")
