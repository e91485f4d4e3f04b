"""Business events of other services; they arrive at least once and in any order."""

from collections.abc import Iterator, Mapping
from enum import StrEnum
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from underwriting.domain.application import ApplicationRequest, CustomerId, Product
from underwriting.domain.eligibility import EvaluationId
from underwriting.domain.ids import or_whole
from underwriting.domain.plausible import PlainText, RequestedMoment
from underwriting.domain.wording import AllAtOnce, Problem, problems_of

Origin = Annotated[
    str,
    Field(
        pattern=r"^[A-Za-z0-9][A-Za-z0-9._/-]{0,99}$",
        description="The sender: letters, digits and . _ / -, at most 100",
        examples=["float.service"],
    ),
]
_EventText = Annotated[
    str,
    Field(
        pattern=r"^[A-Za-z0-9][A-Za-z0-9._:-]{0,127}$",
        description="The origin's own id of this event, the same at every delivery: letters, digits and . _ : -, at "
        "most 128",
        examples=["evt-4711"],
    ),
]
_FloatText = Annotated[
    str,
    Field(
        pattern=r"^[A-Za-z0-9][A-Za-z0-9_-]{0,63}$",
        description="Id of the float: letters, digits, - and _, at most 64",
        examples=["flt-1"],
    ),
]
# Ids of other services may be whole numbers; our own, such as an evaluation's, are text.
EventId = Annotated[_EventText, or_whole(_EventText)]
FloatId = Annotated[_FloatText, or_whole(_FloatText)]
UserId = Annotated[CustomerId, or_whole(CustomerId)]


class EventType(StrEnum):
    """The events that we act on, by their public names."""

    APPLICATION_SUBMITTED = "application_submitted"
    USER_FLOAT_CREATED = "user_float_created"
    USER_CREATED = "user_created"
    PROFILE_UPDATED = "profile_updated"
    USER_NEW_TXNS_BATCH_COMPLETED = "user_new_txns_batch_completed"
    RULEBOOK_PUBLISHED = "rulebook_published"


class Payload(BaseModel):
    """The data of an event besides the user; unknown members are ignored."""

    model_config = ConfigDict(frozen=True, extra="ignore", hide_input_in_errors=True)


class ApplicationSubmitted(Payload):
    """A customer applies for a loan; `application` is what the API takes.

    By default the idempotency key is made of the event's source and id.
    """

    application: ApplicationRequest
    idempotency_key: Annotated[PlainText | None, Field(min_length=1, max_length=200)] = None


class FloatCreated(Payload):
    """A float was paid out: which one, and the evaluation that authorised it."""

    evaluation_id: EvaluationId
    float_id: FloatId


class TransactionsArrived(Payload):
    """A batch of transactions is complete; `products` are to be evaluated again.

    By default these are all products for which the user was evaluated before.
    """

    products: Annotated[frozenset[Product] | None, Field(min_length=1)] = None


PAYLOADS: dict[EventType, type[Payload]] = {
    EventType.APPLICATION_SUBMITTED: ApplicationSubmitted,
    EventType.USER_FLOAT_CREATED: FloatCreated,
    EventType.USER_CREATED: Payload,
    EventType.PROFILE_UPDATED: Payload,
    EventType.USER_NEW_TXNS_BATCH_COMPLETED: TransactionsArrived,
    EventType.RULEBOOK_PUBLISHED: Payload,
}


ABOUT_NO_USER = (EventType.APPLICATION_SUBMITTED, EventType.RULEBOOK_PUBLISHED)


class EventReport(AllAtOnce):
    """An event from a sender whose tenant is known otherwise, such as by a token."""

    model_config = ConfigDict(
        frozen=True,
        extra="forbid",
        hide_input_in_errors=True,
        json_schema_extra={
            "examples": [
                {
                    "source": "float.service",
                    "id": "evt-4711",
                    "type": "user_created",
                    "user_id": "steady-pay",
                    "at": "2026-03-02T09:30:00Z",
                }
            ]
        },
    )

    source: Origin
    id: EventId
    type: EventType
    user_id: UserId | None = Field(
        default=None,
        description="Whom it is about: letters, digits, - and _, at most 64. Not needed by rulebook_published, nor by "
        "application_submitted, whose application names its customer",
    )
    at: RequestedMoment = Field(description="When it happened", examples=["2026-03-02T09:30:00Z"])
    payload: dict[str, Any] = Field(
        default_factory=dict,
        description="application_submitted: application, as the API takes it, and idempotency_key, optional. "
        "user_float_created: evaluation_id, float_id. user_new_txns_batch_completed: products, optional.",
        examples=[{"evaluation_id": "evl_01KAYB2M4Z5W8Q0V6T3R9N7XJC", "float_id": "flt-1"}],
    )

    @classmethod
    def misfits(cls, given: Mapping[str, Any]) -> Iterator[Problem]:
        """A payload without what its type needs, and a user who is missing or another one."""
        if "type" not in given:
            return
        about, whom = given["type"], given.get("user_id")
        if "user_id" in given and whom is None and about not in ABOUT_NO_USER:
            yield ("user_id",), f"is missing; {about} needs a user_id"
        if "payload" not in given:
            return
        model = PAYLOADS[EventType(about)]
        try:
            details = model.model_validate(given["payload"])
        except ValidationError as error:
            yield from ((("payload", *place), sentence) for place, sentence in problems_of(error, model))
            return
        if isinstance(details, ApplicationSubmitted) and whom not in {None, details.application.customer_id}:
            yield ("user_id",), "is not the customer_id of the application; leave it out"


class Event(EventReport):
    """One event of one tenant, identified by source and id, whichever way it arrived."""

    tenant: Annotated[
        str,
        Field(
            min_length=1,
            max_length=100,
            pattern=r"^[^\x00-\x1f]+$",
            description="Whose user it is, without line breaks",
            examples=["acme"],
        ),
    ]

    @property
    def details(self) -> Payload:
        """The payload, typed."""
        return PAYLOADS[self.type].model_validate(self.payload)
