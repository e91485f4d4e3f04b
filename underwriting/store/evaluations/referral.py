"""The decision of staff on an evaluation that was referred and is still the answer."""

import hashlib
from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, timedelta

from underwriting.domain.decision import Verdict, codes_of
from underwriting.domain.eligibility import Eligibility
from underwriting.store import audit
from underwriting.store.errors import NotReferred
from underwriting.store.evaluations.finishing import enqueue_messages
from underwriting.store.evaluations.reading import DecidedEvaluation, fresh
from underwriting.store.evaluations.record import EvaluationRecord
from underwriting.store.models import Channel, StaffDecisionRow, sealed_cell
from underwriting.store.session import Work


@dataclass(frozen=True)
class StaffDecision:
    """What a person decided about a referred evaluation. The note is for staff."""

    verdict: Verdict
    decided_by: str
    decided_at: datetime
    note: str


async def staff_decision(work: Work, evaluation_id: str) -> StaffDecision | None:
    """The decision of staff on an evaluation, with the note opened; None if there is none."""
    row = await work.get(StaffDecisionRow, evaluation_id)
    return None if row is None else StaffDecision(row.verdict, row.decided_by, row.decided_at, _note(work, row))


async def decide_referral(
    work: Work,
    referred: DecidedEvaluation,
    decided: Eligibility,
    *,
    note: str,
    decided_by: str,
    window: timedelta,
    books_digest: str,
    channels: Collection[Channel] = (Channel.EVENTS,),
) -> EvaluationRecord:
    """Store the approval or rejection of staff, with the note sealed, and send it to all who received the referral.

    The same decision of the same person again returns the stored record. NotReferred if another decision is stored, if
    the rulebooks did not refer it, or if it is not the answer any more (`fresh`).
    """
    request = referred.request
    if (earlier := await work.get(StaffDecisionRow, request.id)) is not None:
        return _decided_before(work, earlier, decided, note, decided_by)
    if referred.eligibility.verdict is not Verdict.REFERRED:
        raise NotReferred(f"evaluation {request.id} does not wait for a person")
    now = decided.decided_at
    answer = await fresh(work, request.tenant, request.user_id, request.product, now, window, books_digest)
    if answer is None or EvaluationRecord.model_validate_json(answer).id != request.id:
        raise NotReferred(f"evaluation {request.id} is not the answer any more; have the user evaluated again")
    body = EvaluationRecord.decided(request, decided).body
    row = await work.add_new(
        StaffDecisionRow,
        evaluation_id=request.id,
        verdict=decided.verdict,
        approved_amounts=list(decided.approved_amounts),
        notice_due=decided.notice_due,
        decided_by=decided_by,
        note=work.keys.seal(note.encode(), sealed_cell(StaffDecisionRow.note, request.id)),
        decided_at=now,
        body=body,
    )
    if row is None:
        return _decided_before(work, await work.get_one(StaffDecisionRow, request.id), decided, note, decided_by)
    await enqueue_messages(work, request, decided, body, channels)
    # Last, so that the log is locked only briefly.
    await audit.append(
        work,
        f"evaluation.{decided.verdict}",
        request.id,
        decided_by,
        books_digest=books_digest,
        profile_version=decided.profile_version,
        reasons=codes_of(decided.reasons),
        body_sha256=hashlib.sha256(body).hexdigest(),
    )
    return EvaluationRecord.model_validate_json(body)


def _decided_before(
    work: Work, earlier: StaffDecisionRow, decided: Eligibility, note: str, decided_by: str
) -> EvaluationRecord:
    record = EvaluationRecord.model_validate_json(earlier.body)
    before = (
        earlier.verdict,
        earlier.approved_amounts,
        codes_of(record.reasons),
        _note(work, earlier),
        earlier.decided_by,
    )
    if before != (decided.verdict, list(decided.approved_amounts), codes_of(decided.reasons), note, decided_by):
        raise NotReferred(f"evaluation {earlier.evaluation_id} was {earlier.verdict} by {earlier.decided_by} already")
    return record


def _note(work: Work, row: StaffDecisionRow) -> str:
    return work.keys.note(row.note, sealed_cell(StaffDecisionRow.note, row.evaluation_id))
