"""What can be claimed: applications and evaluations, each with its table and what the domain calls it."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Generic

from sqlalchemy import ColumnElement, exists, true
from sqlalchemy.orm import aliased

from underwriting.domain.application import Application, State
from underwriting.domain.eligibility import EvaluationRequest
from underwriting.store.applications import application_of
from underwriting.store.errors import NotFound, UnknownApplication, UnknownEvaluation
from underwriting.store.models import ApplicationRow, Claimable, EvaluationRow
from underwriting.store.stored import T


@dataclass(frozen=True)
class Kind(Generic[T]):
    """One claimable table. `name` is what audit entries and sentences call it, `prefix` how its ids begin."""

    name: str
    prefix: str
    row: type[Claimable]
    # What a worker works on, from its row.
    subject: Callable[[Any], T]
    # Under which a row that came to no end may be put back.
    retryable: ColumnElement[bool]
    unknown: type[NotFound]


def request_of(row: EvaluationRow) -> EvaluationRequest:
    """The domain's view of an evaluation's row."""
    return EvaluationRequest(
        id=row.id,
        tenant=row.tenant,
        request_key=row.request_key,
        user_id=row.user_id,
        product=row.product,
        as_of=row.as_of,
        requested_at=row.received_at,
        requested_on=row.received_on,
    )


_again = aliased(EvaluationRow)
_same_under_way = exists().where(
    _again.tenant == EvaluationRow.tenant,
    _again.user_id == EvaluationRow.user_id,
    _again.product == EvaluationRow.product,
    _again.as_of == EvaluationRow.as_of,
    _again.state.in_((State.PENDING, State.RUNNING)),
)
APPLICATIONS: Kind[Application] = Kind(
    "application", "app_", ApplicationRow, application_of, true(), UnknownApplication
)
EVALUATIONS: Kind[EvaluationRequest] = Kind(
    "evaluation", "evl_", EvaluationRow, request_of, ~_same_under_way, UnknownEvaluation
)


def kind_of(subject_id: str) -> Kind[Any]:
    """The kind that an id belongs to, by its prefix; an unknown prefix is taken for an application's."""
    return EVALUATIONS if subject_id.startswith(EVALUATIONS.prefix) else APPLICATIONS
