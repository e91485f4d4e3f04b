"""Applications over HTTP: accept one, read it, decide a referred one."""

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from http import HTTPStatus
from typing import Annotated, Any, Literal

from fastapi import APIRouter, BackgroundTasks, Header, Query, Response
from pydantic import BaseModel, ConfigDict, Field

from rules.explain.adverse_reasons import AdverseCodes
from underwriting import referrals
from underwriting.api.answering import RETRY_AFTER, UNDECIDED
from underwriting.api.auth import BACKDATE, Applicant, Reader, Reviewer, require
from underwriting.api.context import Context, refusing
from underwriting.api.documented import AFTER, JSON, POLL, REPLAYED, PageSize, answer, refusals
from underwriting.api.examples import APPLICATION, LOG, PENDING_APPLICATION
from underwriting.domain.application import ApplicationId, ApplicationRequest, State
from underwriting.domain.decision import Verdict
from underwriting.domain.plausible import PlainText
from underwriting.domain.wording import AllAtOnce, Problem
from underwriting.store import applications, execution, waiting
from underwriting.store.applications import StoredApplication
from underwriting.store.execution import ExecutionLog
from underwriting.store.record import Record
from underwriting.store.waiting import Answer

router = APIRouter(
    prefix="/v1/applications",
    tags=["applications"],
)


IdempotencyKey = Annotated[
    PlainText,
    Header(
        min_length=1,
        max_length=200,
        description="Your own key of this request. A retry with the same key is the same request.",
        examples=["order-4711"],
    ),
]


class StaffDecision(AllAtOnce):
    """What a person decides on what was referred."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={
            "examples": [{"verdict": "rejected", "note": "no payslips handed in", "reasons": ["income_unverified"]}]
        },
    )

    verdict: Literal[Verdict.APPROVED, Verdict.REJECTED]
    note: PlainText = Field(min_length=3, max_length=2000, description="Why. Kept sealed; never shown to the customer.")
    reasons: AdverseCodes = ()
    clears_match: bool = Field(
        default=False,
        description="Only with an approval: the customer is none of the listed persons found; this is stored",
    )

    @classmethod
    def misfits(cls, given: Mapping[str, Any]) -> Iterator[Problem]:
        """What does not fit the verdict."""
        if "verdict" in given:
            for field, sentence in referrals.misfits(Verdict(given["verdict"]), **_of_decision(given)):
                if field in given:
                    yield (field,), sentence

    @property
    def arguments(self) -> dict[str, Any]:
        """The arguments of `referrals`."""
        return {name: getattr(self, name) for name in type(self).model_fields}


def _of_decision(given: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "reasons": given.get("reasons", ()),
        "clears_match": given.get("clears_match", False),
        "up_to": given.get("up_to"),
    }


class CustomerAnswer(BaseModel):
    """What the customer says to an incomplete application or to a counteroffer."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"examples": [{"answer": "supplied"}]})

    answer: Answer = Field(
        description="`supplied`: its source now has what was missing, so review again. `accepted` or `declined`: "
        "yes or no to the counteroffer"
    )


class Page(BaseModel):
    """Applications, newest first."""

    items: list[Record]
    next: str | None = Field(description="Send it as `after` for the next page; null on the last one")


@router.post(
    "",
    status_code=HTTPStatus.ACCEPTED,
    response_model=Record,
    responses=answer(202, "Accepted; poll `Location`", PENDING_APPLICATION, headers=POLL | REPLAYED)
    | answer(200, "Decided before, under the same key", APPLICATION, model=Record, headers=REPLAYED)
    | refusals(400, 404),
    summary="Apply for a loan",
)
async def apply(
    body: ApplicationRequest,
    caller: Applicant,
    context: Context,
    after_answering: BackgroundTasks,
    idempotency_key: IdempotencyKey,
) -> Response:
    """Accept an application for review.

    202 and a `Location` to poll; 200 and the stored record, byte for byte, where a retry finds it decided. An `as_of`
    before today (UTC) needs the scope `applications:backdate`.
    """
    refused = await context.rulebook_cache.refusal(body)
    async with context.store.begin() as work:
        now = datetime.now(UTC)
        accepted = await applications.accept(work, caller.tenant, body, idempotency_key, now)
        # It rolls back. A replay is exempt, since a retry may come on the next day, and after the rulebook has ended.
        if not accepted.replay:
            if refused is not None:
                raise refused
            if accepted.stored.subject.as_of < now.date():
                require(caller, BACKDATE)
            await context.ensure_room(work, accepted.stored.subject)
    if not accepted.replay:
        after_answering.add_task(context.dispatch, accepted.stored.subject)
    return _answer(accepted.stored, replayed=accepted.replay)


@router.get(
    "/{application_id}",
    response_model=Record,
    responses=answer(200, "Its state", APPLICATION) | refusals(404),
    summary="Read an application",
)
async def read(application_id: ApplicationId, caller: Reader, context: Context) -> Response:
    """The record of one application: its state, and what was decided and why, with every rule's outcome."""
    async with context.store.read() as work:
        stored = await applications.get(work, caller.tenant, application_id)
    return Response(stored.body, media_type=JSON, headers=_headers(stored))


@router.get(
    "/{application_id}/log",
    response_model_exclude_none=True,
    responses=answer(200, "What was tried", LOG) | refusals(404),
    summary="What was tried to decide an application",
)
async def log(application_id: ApplicationId, caller: Reader, context: Context) -> ExecutionLog:
    """The execution log: every dispatch and attempt, how long each source took, what was waited for, what staff did."""
    async with context.store.read() as work:
        return await execution.read(work, await applications.get(work, caller.tenant, application_id))


@router.get(
    "",
    responses=answer(200, "A page", {"items": [APPLICATION], "next": None}) | refusals(),
    summary="List applications",
)
async def list_applications(
    caller: Reader,
    context: Context,
    state: Annotated[State | None, Query(description="Only those in this state, such as `referred`")] = None,
    after: Annotated[ApplicationId | None, Query(description=AFTER)] = None,
    limit: PageSize = 50,
) -> Page:
    """The tenant's applications, newest first."""
    async with context.store.read() as work:
        found = await applications.listing(work, caller.tenant, state, after, limit)
    return Page(items=[stored.record for stored in found], next=found[-1].subject.id if len(found) == limit else None)


@router.post(
    "/{application_id}/decision",
    response_model=Record,
    responses=answer(200, "Decided", APPLICATION) | refusals(400, 404, 409),
    summary="Decide a referred application",
)
async def decide(application_id: ApplicationId, body: StaffDecision, caller: Reviewer, context: Context) -> Response:
    """Approve or reject an application that waits for a person; the token's subject is stored as who decided.

    A rejection names its reasons, by their codes: they are what the customer is told.
    """
    async with context.store.begin() as work:
        with refusing("body"):
            await referrals.decide_application(
                work, context.config, application_id, **body.arguments, tenant=caller.tenant, decided_by=caller.subject
            )
        stored = await applications.get(work, caller.tenant, application_id)
    return Response(stored.body, media_type=JSON)


@router.post(
    "/{application_id}/answer",
    response_model=Record,
    responses=answer(200, "Decided by the answer", APPLICATION, model=Record)
    | answer(202, "Reviewed again; poll `Location`", PENDING_APPLICATION, model=Record, headers=POLL)
    | refusals(400, 404, 409),
    summary="Hand in the customer's answer",
)
async def hand_in(
    application_id: ApplicationId,
    body: CustomerAnswer,
    caller: Applicant,
    context: Context,
    after_answering: BackgroundTasks,
) -> Response:
    """Review an incomplete application again, under the same id, or decide a counteroffer.

    The same answer again changes nothing.
    """
    async with context.store.begin() as work:
        stored = await waiting.answer(
            work,
            application_id,
            body.answer,
            tenant=caller.tenant,
            by=caller.subject,
            now=datetime.now(UTC),
            partners=context.config.partners,
        )
    if stored.state is State.PENDING:
        after_answering.add_task(context.dispatch, stored.subject)
    return _answer(stored, replayed=False)


def _answer(stored: StoredApplication, *, replayed: bool) -> Response:
    """202 while nothing is decided, else 200; the same body for the same state."""
    status = HTTPStatus.ACCEPTED if stored.state in UNDECIDED else HTTPStatus.OK
    headers = {"Location": f"/v1/applications/{stored.subject.id}", **_headers(stored)}
    if replayed:
        headers["Idempotent-Replayed"] = "true"
    return Response(stored.body, status, headers, media_type=JSON)


def _headers(stored: StoredApplication) -> dict[str, str]:
    return {"Retry-After": RETRY_AFTER} if stored.state in UNDECIDED else {}
