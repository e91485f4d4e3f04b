"""A person's word on an evaluation that was referred and still is the answer."""

import hashlib
from collections.abc import Collection
from datetime import timedelta

from underwriting.domain.decision import Verdict, codes_of
from underwriting.domain.eligibility import Eligibility
from underwriting.store import audit
from underwriting.store.errors import NotReferred
from underwriting.store.evaluations.finishing import tell
from underwriting.store.evaluations.reading import DecidedEvaluation, fresh
from underwriting.store.evaluations.record import EvaluationRecord
from underwriting.store.models import Channel, StaffDecisionRow, sealed_cell
from underwriting.store.session import Work


async def decide_referral(
    work: Work,
    judged: DecidedEvaluation,
    settled: Eligibility,
    *,
    note: str,
    decided_by: str,
    window: timedelta,
    books_digest: str,
    channels: Collection[Channel] = (Channel.EVENTS,),
) -> EvaluationRecord:
    """Store a person's approval or rejection, with the note sealed; whoever heard of the referral is told.

    The same word of the same person again gives the stored record. NotReferred where another word was said, where the
    rulebooks did not refer it, or where it would not be answered any more (`fresh`): what came after it is judged.
    """
    request = judged.request
    if (earlier := await work.get(StaffDecisionRow, request.id)) is not None:
        return _said_before(work, earlier, settled, note, decided_by)
    if judged.eligibility.verdict is not Verdict.REFERRED:
        raise NotReferred(f"evaluation {request.id} does not wait for a person")
    now = settled.decided_at
    answer = await fresh(work, request.tenant, request.user_id, request.product, now, window, books_digest)
    if answer is None or EvaluationRecord.model_validate_json(answer).id != request.id:
        raise NotReferred(f"evaluation {request.id} is not the answer any more; have the user evaluated again")
    body = EvaluationRecord.decided(request, settled).body
    row = await work.add_new(
        StaffDecisionRow,
        evaluation_id=request.id,
        verdict=settled.verdict,
        approved_amounts=list(settled.approved_amounts),
        notice_due=settled.notice_due,
        decided_by=decided_by,
        note=work.keys.seal(note.encode(), sealed_cell(StaffDecisionRow.note, request.id)),
        decided_at=now,
        body=body,
    )
    if row is None:
        return _said_before(work, await work.get_one(StaffDecisionRow, request.id), settled, note, decided_by)
    await tell(work, request, settled, body, channels)
    # Last, so that the log is locked for as short as can be.
    await audit.append(
        work,
        f"evaluation.{settled.verdict}",
        request.id,
        decided_by,
        books_digest=books_digest,
        profile_version=settled.profile_version,
        reasons=codes_of(settled.reasons),
        body_sha256=hashlib.sha256(body).hexdigest(),
    )
    return EvaluationRecord.model_validate_json(body)


def _said_before(
    work: Work, earlier: StaffDecisionRow, settled: Eligibility, note: str, decided_by: str
) -> EvaluationRecord:
    written = work.keys.open(earlier.note, sealed_cell(StaffDecisionRow.note, earlier.evaluation_id)).decode()
    record = EvaluationRecord.model_validate_json(earlier.body)
    before = (earlier.verdict, earlier.approved_amounts, codes_of(record.reasons), written, earlier.decided_by)
    if before != (settled.verdict, list(settled.approved_amounts), codes_of(settled.reasons), note, decided_by):
        raise NotReferred(f"evaluation {earlier.evaluation_id} was {earlier.verdict} by {earlier.decided_by} already")
    return record
