"""Stores the result of an evaluation, in one transaction that the fence guards."""

import hashlib
from collections.abc import Collection
from typing import Any

from pydantic_core import to_json
from sqlalchemy import insert, select

from underwriting.domain.application import State
from underwriting.domain.eligibility import Eligibility, EvaluationRequest
from underwriting.process.failpoints import failpoint
from underwriting.store import audit, claims
from underwriting.store.claims import Claim
from underwriting.store.evaluations.record import EvaluationRecord
from underwriting.store.models import BookRow, CallbackRow, Channel, EligibilityRow, RuleOutcomeRow
from underwriting.store.queue import outbox
from underwriting.store.session import Work


async def finish(
    work: Work,
    claim: Claim[EvaluationRequest],
    eligibility: Eligibility,
    books_digest: str,
    channels: Collection[Channel] = (Channel.EVENTS,),
    floats_reported: int = 0,
) -> EvaluationRecord:
    """Store a result: state, body, facts, every book and outcome, messages, audit entry.

    `books_digest` is the digest of the set of rulebooks in force (`rulebooks.current_set`), `floats_reported` the
    number of the user's floats that events reported (`reported_floats.of_user`). Every address that waits is called
    back with the record. Of `channels`, RESULTS gets the record, EVENTS and ANALYTICS get its summary.
    LeaseLost, and nothing is stored, if another worker owns the evaluation or it is already finished.
    """
    request = claim.subject
    await claims.finish(work, claim, State.DONE)
    record = EvaluationRecord.decided(request, eligibility)
    body = record.body
    rests_on = {"books_digest": books_digest, "floats_reported": floats_reported}
    await work.execute(insert(EligibilityRow), [_result(request, eligibility, body) | rests_on])
    await _write_books(work, request.id, eligibility)
    failpoint("inside-finish")
    await enqueue_messages(work, request, eligibility, body, channels)
    # Last, so that the log is locked only briefly.
    await audit.append(
        work,
        f"evaluation.{eligibility.verdict}",
        request.id,
        "rulebook",
        rulebook=str(eligibility.deciding) if eligibility.deciding else None,
        books_digest=books_digest,
        profile_version=eligibility.profile_version,
        reasons=[reason.code for reason in eligibility.reasons],
        body_sha256=hashlib.sha256(body).hexdigest(),
    )
    return record


def _result(request: EvaluationRequest, eligibility: Eligibility, body: bytes) -> dict[str, Any]:
    deciding = eligibility.deciding
    return {
        "evaluation_id": request.id,
        "verdict": eligibility.verdict,
        "currency": eligibility.currency,
        "approved_amounts": list(eligibility.approved_amounts),
        "affordability_cap": eligibility.affordability_cap,
        "rulebook": deciding and deciding.name,
        "rulebook_version": deciding and deciding.version,
        "rulebook_digest": deciding and deciding.digest,
        "arm": eligibility.arm,
        "reasons": [reason.model_dump() for reason in eligibility.reasons],
        "facts": eligibility.facts,
        "troubles": eligibility.troubles,
        "profile_version": eligibility.profile_version,
        "notice_due": eligibility.notice_due,
        "decided_at": eligibility.decided_at,
        "body": body,
    }


async def _write_books(work: Work, evaluation_id: str, eligibility: Eligibility) -> None:
    books = [
        {
            "evaluation_id": evaluation_id,
            "book_position": position,
            "rulebook": book.rulebook.name,
            "rulebook_version": book.rulebook.version,
            "rulebook_digest": book.rulebook.digest,
            "priority": book.priority,
            "superseding": book.superseding,
            "arm": book.arm,
            "certain": book.certain,
            "result": book.result,
            "first_failed": book.first_failed,
            "cap": book.cap,
        }
        for position, book in enumerate(eligibility.books)
    ]
    outcomes = [
        {
            "evaluation_id": evaluation_id,
            "book_position": book_position,
            "position": position,
            "rule": outcome.rule,
            "result": outcome.result,
            "reason": outcome.reason and outcome.reason.code,
            "refers": outcome.refers,
            "observed": outcome.observed,
        }
        for book_position, book in enumerate(eligibility.books)
        for position, outcome in enumerate(book.outcomes)
    ]
    if books:
        await work.execute(insert(BookRow), books)
    if outcomes:
        await work.execute(insert(RuleOutcomeRow), outcomes)


async def enqueue_messages(
    work: Work, request: EvaluationRequest, eligibility: Eligibility, body: bytes, channels: Collection[Channel]
) -> None:
    """Put a message into the outbox for every channel, and for every address that waits."""
    waiting = select(CallbackRow.target).where(CallbackRow.evaluation_id == request.id).order_by(CallbackRow.target)
    calls: list[tuple[Channel, str | None]] = [(Channel.CALLBACK, target) for target in await work.scalars(waiting)]
    summary = to_json(_summary(request, eligibility))
    for channel, target in [*((channel, None) for channel in sorted(channels)), *calls]:
        await outbox.enqueue(
            work,
            channel,
            tenant=request.tenant,
            customer_id=request.user_id,
            subject_id=request.id,
            event=f"evaluation.{eligibility.verdict}",
            at=eligibility.decided_at,
            record=summary if channel in {Channel.EVENTS, Channel.ANALYTICS} else body,
            target=target,
        )


def _summary(request: EvaluationRequest, eligibility: Eligibility) -> dict[str, Any]:
    """The result for the event bus: without facts. Amounts are minor units."""
    return {
        "evaluation_id": request.id,
        "user_id": request.user_id,
        "product": request.product,
        "as_of": request.as_of,
        "verdict": eligibility.verdict,
        "currency": eligibility.currency,
        "approved_amounts": eligibility.approved_amounts,
        "rulebook": eligibility.deciding and str(eligibility.deciding),
        "arm": eligibility.arm,
        "reasons": [reason.code for reason in eligibility.reasons],
        "profile_version": eligibility.profile_version,
        "decided_by": eligibility.decided_by,
        "decided_at": eligibility.decided_at,
    }
