"""Eligibility over HTTP: what may this user take now? At once from a fresh evaluation, else in the background."""

from collections.abc import AsyncIterator
from enum import StrEnum
from http import HTTPStatus
from typing import Annotated

from fastapi import APIRouter, BackgroundTasks, Header, Query, Request, Response
from fastapi.responses import StreamingResponse
from pydantic import BaseModel, ConfigDict, Field

from underwriting import referrals
from underwriting.api.answering import (
    RETRY_AFTER,
    UNDECIDED,
    Answer,
    EligibilityQuestion,
    answer_of,
    answer_one,
    find_answer,
    shown,
)
from underwriting.api.applications import StaffDecision
from underwriting.api.auth import EligibilityChecker, EvaluationReader, Reviewer
from underwriting.api.context import Context, refusing
from underwriting.api.documented import AFTER, ETAG, JSON, POLL, PageSize, answer, refusals
from underwriting.api.examples import EVALUATION, LOG, PENDING_EVALUATION
from underwriting.domain.application import CustomerId, Product, State
from underwriting.domain.eligibility import EvaluationId, UpTo
from underwriting.domain.plausible import PlainText
from underwriting.store import evaluations, execution
from underwriting.store.errors import NeverEvaluated, UnknownEvaluation
from underwriting.store.evaluations import EvaluationRecord, StoredEvaluation
from underwriting.store.execution import ExecutionLog
from underwriting.store.session import Store, Work

LINES = "application/x-ndjson"

router = APIRouter(prefix="/v1/{user_id}/underwriting", tags=["eligibility"])


class Wanted(StrEnum):
    """What may be asked about."""

    FLOAT = "float"
    LOAN = "loan"
    ALL = "all"

    @property
    def products(self) -> tuple[Product, ...]:
        """The products themselves."""
        return (Product.FLOAT, Product.LOAN) if self is Wanted.ALL else (Product(self.value),)


class Eligibilities(BaseModel):
    """One record for each product; those whose state is pending or running are still to come."""

    model_config = ConfigDict(populate_by_name=True)

    float_: EvaluationRecord = Field(alias="float")
    loan: EvaluationRecord


class HistoryPage(BaseModel):
    """Evaluations, newest first."""

    items: list[EvaluationRecord]
    next: str | None = Field(description="Send it as `after` for the next page; null on the last one")


IdempotencyKey = Annotated[
    PlainText | None,
    Header(
        min_length=1,
        max_length=200,
        description="Your own key: the same key is the same evaluation, also once it is no longer fresh.",
    ),
]
CallbackUrl = Annotated[
    str | None,
    Query(
        max_length=2000,
        description="https address on a host registered for your tenant; a deferred result is posted there, signed.",
        examples=["https://hooks.partner.example/eligibility"],
    ),
]
IfNoneMatch = Annotated[str | None, Header(description="The ETag you have; 304 while it is still the answer")]
UNCHANGED = answer(304, "You have it", headers=ETAG)
DEFERRED = "Evaluated in the background: poll `Location`"
ONE = (
    answer(200, "A fresh evaluation", EVALUATION, headers=ETAG)
    | answer(202, DEFERRED, PENDING_EVALUATION, model=EvaluationRecord, headers=POLL)
    | UNCHANGED
    | refusals(404)
)
PAGE_OR_LINES = answer(
    200, f"A page, or with `Accept: {LINES}` all, a record a line", {"items": [EVALUATION], "next": None}
)
PAGE_OR_LINES[200]["content"][LINES] = {"schema": {"type": "string"}}
ONE_OR_ALL = ONE | answer(202, DEFERRED, PENDING_EVALUATION, model=EvaluationRecord | Eligibilities, headers=POLL)


@router.get(
    "/eligibility",
    response_model=EvaluationRecord | Eligibilities,
    responses=ONE_OR_ALL,
    summary="What may this user take now?",
)
async def eligibility(
    request: Request,
    user_id: CustomerId,
    caller: EligibilityChecker,
    context: Context,
    after_answering: BackgroundTasks,
    product: Annotated[Wanted, Query(description="What the user wants to take")] = Wanted.FLOAT,
    callback_url: CallbackUrl = None,
    idempotency_key: IdempotencyKey = None,
    if_none_match: IfNoneMatch = None,
) -> Response:
    """Answer at once from an evaluation that is still fresh, or evaluate in the background.

    Fresh is an evaluation of the last 24 hours, with no newer profile, no newer rulebook and no float since. Otherwise
    202: poll `Location`, or be called back. `product=all` gives one record for each product.
    """
    question = EligibilityQuestion(user_id, callback_url, idempotency_key)
    if product is not Wanted.ALL:
        return await answer_one(question, Product(product.value), caller, context, after_answering, if_none_match)
    found = {name: await find_answer(question, name, caller, context, after_answering) for name in product.products}
    body = b"{%b}" % b",".join(b'"%b":%b' % (name.encode(), answer.body) for name, answer in found.items())
    if all(answer.state not in UNDECIDED for answer in found.values()):
        return shown(Answer(body, State.DONE), if_none_match)
    again = request.url.path + (f"?{request.url.query}" if request.url.query else "")
    return Response(body, HTTPStatus.ACCEPTED, {"Location": again, "Retry-After": RETRY_AFTER}, JSON)


@router.get("/float_check", response_model=EvaluationRecord, responses=ONE, summary="May this user take a float?")
async def float_check(
    user_id: CustomerId,
    caller: EligibilityChecker,
    context: Context,
    after_answering: BackgroundTasks,
    callback_url: CallbackUrl = None,
    idempotency_key: IdempotencyKey = None,
    if_none_match: IfNoneMatch = None,
) -> Response:
    """The same as `eligibility?product=float`."""
    question = EligibilityQuestion(user_id, callback_url, idempotency_key)
    return await answer_one(question, Product.FLOAT, caller, context, after_answering, if_none_match)


@router.get("/loan_check", response_model=EvaluationRecord, responses=ONE, summary="May this user take a loan?")
async def loan_check(
    user_id: CustomerId,
    caller: EligibilityChecker,
    context: Context,
    after_answering: BackgroundTasks,
    callback_url: CallbackUrl = None,
    idempotency_key: IdempotencyKey = None,
    if_none_match: IfNoneMatch = None,
) -> Response:
    """The same as `eligibility?product=loan`."""
    question = EligibilityQuestion(user_id, callback_url, idempotency_key)
    return await answer_one(question, Product.LOAN, caller, context, after_answering, if_none_match)


@router.get(
    "/evaluations/{evaluation_id}",
    response_model=EvaluationRecord,
    responses=answer(200, "Its state", EVALUATION, headers=ETAG) | UNCHANGED | refusals(404),
    summary="Read one evaluation",
)
async def evaluation(
    user_id: CustomerId,
    evaluation_id: EvaluationId,
    caller: EvaluationReader,
    context: Context,
    if_none_match: IfNoneMatch = None,
) -> Response:
    """The evaluation's state and result: every book, every rule, and the facts that each read."""
    async with context.store.read() as work:
        stored = await _of_user(work, caller.tenant, user_id, evaluation_id)
    return shown(answer_of(stored), if_none_match)


@router.get(
    "/evaluations/{evaluation_id}/log",
    response_model_exclude_none=True,
    responses=answer(200, "What was tried", LOG) | refusals(404),
    summary="What was tried to decide an evaluation",
)
async def log(
    user_id: CustomerId, evaluation_id: EvaluationId, caller: EvaluationReader, context: Context
) -> ExecutionLog:
    """The execution log: every dispatch and attempt, how long each source took, what was waited for, what staff did."""
    async with context.store.read() as work:
        return await execution.read(work, await _of_user(work, caller.tenant, user_id, evaluation_id))


class EvaluationDecision(StaffDecision):
    """The same for an evaluation: an approval may have a highest amount."""

    model_config = ConfigDict(
        json_schema_extra={"examples": [{"verdict": "approved", "note": "payslips seen", "up_to": "20.00"}]}
    )

    up_to: UpTo = None


@router.post(
    "/evaluations/{evaluation_id}/decision",
    response_model=EvaluationRecord,
    responses=answer(200, "Decided", EVALUATION) | refusals(400, 404, 409),
    summary="Decide a referred evaluation",
)
async def decide(
    user_id: CustomerId, evaluation_id: EvaluationId, body: EvaluationDecision, caller: Reviewer, context: Context
) -> Response:
    """Approve or reject an evaluation that waits for a person and is the answer still.

    The token's subject is stored as who decided. A rejection names its reasons, by their codes: they are what the
    customer is told.
    """
    async with context.store.begin() as work:
        await _of_user(work, caller.tenant, user_id, evaluation_id)
        with refusing("body"):
            decided = await referrals.decide_evaluation(
                work,
                context.config,
                evaluation_id,
                **body.arguments,
                tenant=caller.tenant,
                decided_by=caller.subject,
            )
    return Response(decided.body, media_type=JSON)


@router.get(
    "/history",
    response_model=HistoryPage,
    responses=PAGE_OR_LINES | refusals(404),
    summary="Earlier evaluations",
)
async def history(
    user_id: CustomerId,
    caller: EvaluationReader,
    context: Context,
    accept: Annotated[str, Header(description=f"`{LINES}` streams the full history, a record a line")] = JSON,
    product: Annotated[Product | None, Query(description="Only evaluations of this product")] = None,
    after: Annotated[EvaluationId | None, Query(description=AFTER)] = None,
    limit: PageSize = 50,
) -> Response:
    """The user's evaluations, newest first: a page of them, or all as a stream."""
    async with context.store.read() as work:
        page = await evaluations.history(work, caller.tenant, user_id, product, after, limit)
        if not page and not await evaluations.history(work, caller.tenant, user_id, limit=1):
            raise NeverEvaluated(user_id)
    if LINES in accept:
        return StreamingResponse(_lines(context.store, caller.tenant, user_id, product), media_type=LINES)
    following = page[-1].subject.id if len(page) == limit else None
    items = b",".join(stored.body for stored in page)
    cursor = b"null" if following is None else b'"%b"' % following.encode()
    return Response(b'{"items":[%b],"next":%b}' % (items, cursor), media_type=JSON)


async def _of_user(work: Work, tenant: str, user_id: str, evaluation_id: str) -> StoredEvaluation:
    """The evaluation; UnknownEvaluation where it is another user's."""
    stored = await evaluations.get(work, tenant, evaluation_id)
    if stored.subject.user_id != user_id:
        raise UnknownEvaluation(evaluation_id)
    return stored


async def _lines(store: Store, tenant: str, user_id: str, product: Product | None) -> AsyncIterator[bytes]:
    """The full history, a record a line."""
    async for page in evaluations.stream(store, tenant, user_id, product):
        yield b"".join(stored.body + b"\n" for stored in page)
