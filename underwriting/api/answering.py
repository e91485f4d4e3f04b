"""The answer to a request for an evaluation: the fresh evaluation, or the one that is under way."""

from dataclasses import dataclass
from datetime import UTC, datetime
from http import HTTPStatus

from fastapi import BackgroundTasks, Response

from underwriting.api.auth import Caller
from underwriting.api.context import ApiContext, problem
from underwriting.api.documented import JSON
from underwriting.api.etags import matches, quoted
from underwriting.domain.application import Product, State
from underwriting.domain.eligibility import EvaluationRequest
from underwriting.integrations.callbacks import BadCallback, checked_callback
from underwriting.store import evaluations
from underwriting.store.evaluations import EvaluationRecord, StoredEvaluation
from underwriting.store.stored import Accepted

# Seconds after which a client should poll again.
RETRY_AFTER = "1"
UNDECIDED = {State.PENDING, State.RUNNING}


@dataclass(frozen=True)
class EligibilityQuestion:
    """What was asked, except the product."""

    user_id: str
    callback_url: str | None
    key: str | None


@dataclass(frozen=True)
class Answer:
    """The body of the answer, byte for byte, and the state of the evaluation."""

    body: bytes
    state: State
    evaluation_id: str = ""


def answer_of(stored: StoredEvaluation) -> Answer:
    """A stored evaluation as an answer."""
    return Answer(stored.body, stored.state, stored.subject.id)


async def answer_one(
    question: EligibilityQuestion,
    product: Product,
    caller: Caller,
    context: ApiContext,
    after_answering: BackgroundTasks,
    if_none_match: str | None,
) -> Response:
    """200 with the evaluation, 304 if the caller has it, or 202 and where to poll."""
    answer = await find_answer(question, product, caller, context, after_answering)
    if answer.state not in UNDECIDED:
        return shown(answer, if_none_match)
    location = f"/v1/{question.user_id}/underwriting/evaluations/{answer.evaluation_id}"
    headers = {"Location": location, "Retry-After": RETRY_AFTER}
    return Response(answer.body, HTTPStatus.ACCEPTED, headers, JSON)


async def find_answer(
    question: EligibilityQuestion,
    product: Product,
    caller: Caller,
    context: ApiContext,
    after_answering: BackgroundTasks,
) -> Answer:
    """The fresh evaluation, or one that is under way; an idempotency key returns the evaluation that it made.

    Once that is not the answer any more, the key is as good as none: nobody is paid on an approval from before a pause.
    """
    now, user_id = datetime.now(UTC), question.user_id
    if question.callback_url is not None:
        _check_callback(question.callback_url, caller, context)
    fresh = await context.fresh(caller.tenant, user_id, product, now)
    if question.key is None and fresh is not None:
        return Answer(fresh, State.DONE)
    key = question.key and f"{product}:{question.key}"
    accepted = await _accept(question, product, caller, context, key, now)
    if accepted.replay and accepted.stored.state is State.DONE and accepted.stored.body != fresh:
        if fresh is not None:
            return Answer(fresh, State.DONE)
        accepted = await _accept(question, product, caller, context, None, now)
    if accepted.new:
        after_answering.add_task(context.dispatch, accepted.stored.subject)
    return answer_of(accepted.stored)


async def _accept(
    question: EligibilityQuestion,
    product: Product,
    caller: Caller,
    context: ApiContext,
    key: str | None,
    now: datetime,
) -> Accepted[EvaluationRequest, EvaluationRecord]:
    async with context.store.begin() as work:
        accepted = await evaluations.accept(
            work, caller.tenant, question.user_id, product, None, key, now, callback=question.callback_url
        )
        if accepted.new:
            await context.ensure_room(work, accepted.stored.subject)
        return accepted


def _check_callback(url: str, caller: Caller, context: ApiContext) -> None:
    try:
        checked_callback(url, context.config.partners.get(caller.tenant))
    except BadCallback as error:
        raise problem("query.callback_url", str(error)) from None


def shown(answer: Answer, if_none_match: str | None) -> Response:
    """200 with the body and its ETag, or 304 if the caller has it."""
    etag = quoted(answer.body)
    headers = {"ETag": etag, "Cache-Control": "private, no-cache"}
    if answer.state in UNDECIDED:
        headers["Retry-After"] = RETRY_AFTER
    if matches(if_none_match, etag):
        return Response(status_code=HTTPStatus.NOT_MODIFIED, headers=headers)
    return Response(answer.body, headers=headers, media_type=JSON)
