"""Decisions: one final transaction for each review, guarded by the fence, and the decisions of staff on referrals."""

import hashlib
from collections.abc import Collection, Sequence
from datetime import datetime

from sqlalchemy import delete, func, insert, select, update

from underwriting.domain.application import Application, State
from underwriting.domain.decision import (
    APPLICATION_NOTICE,
    BY_RULEBOOK,
    CheckResult,
    Decision,
    Missing,
    Offer,
    Reason,
    RulebookRef,
    Verdict,
    codes_of,
)
from underwriting.domain.money import Money
from underwriting.process.failpoints import failpoint
from underwriting.store import applications, audit, claims, matches
from underwriting.store.claims import Claim
from underwriting.store.errors import NotReferred
from underwriting.store.models import ApplicationRow, Channel, CheckRow, DecisionRow, OutcomeRow, sealed_cell
from underwriting.store.queue import outbox
from underwriting.store.record import CheckRecord, Record
from underwriting.store.session import Work


async def finish(
    work: Work,
    claim: Claim[Application],
    results: Sequence[CheckResult],
    decision: Decision,
    partners: Collection[str],
    wake_at: datetime | None = None,
) -> Record:
    """Store what the rulebook decided: state, decision, outcomes, audit entry, and a message to the partner.

    `partners` are the tenants whose results are posted. At `wake_at` an application that waits for its customer moves
    on without an answer. Checks of an earlier review are replaced; its decision keeps their results. LeaseLost, and
    nothing is stored, if another worker owns the application or it is already decided.
    """
    application = claim.subject
    record = Record.undecided(application, State.RUNNING).decided(decision, tuple(map(CheckRecord.of, results)))
    # The deadline is kept after it has passed, because a replay needs it.
    waits = {"respond_by": decision.respond_by or application.respond_by, "wake_at": wake_at}
    await claims.finish(work, claim, record.state, **waits)
    if application.respond_by is not None:
        await _clear_checks(work, application.id)
    await _write_checks(work, application.id, results)
    failpoint("inside-finish")
    await write_decision(work, application, decision, record, partners=partners)
    return record


async def decide_referral(
    work: Work,
    application_id: str,
    *,
    tenant: str | None,
    verdict: Verdict,
    note: str,
    decided_by: str,
    now: datetime,
    partners: Collection[str],
    reasons: tuple[Reason, ...] = (),
    clears_match: bool = False,
) -> Decision:
    """Store the approval or rejection of a referred application by staff, with the note sealed.

    `reasons` are those that staff chose for a rejection (`rules.explain.adverse_reasons`). `clears_match` also stores
    that the customer is none of the listed persons that were found (`matches.clear`); NoOpenMatch if none was found.

    The same decision of the same person again returns the stored one; any other is NotReferred. UnknownApplication if
    it is not this tenant's; None as the tenant is our staff.
    """
    if verdict not in {Verdict.APPROVED, Verdict.REJECTED}:
        raise ValueError("a person approves or rejects; a referral cannot be referred again")
    if (verdict is Verdict.REJECTED) != bool(reasons):
        raise ValueError("a rejection has reasons, and nothing else does")
    if clears_match and verdict is Verdict.REJECTED:
        raise ValueError("a rejection clears no match with a list: leave `clears_match` out")
    stored = await applications.get(work, tenant, application_id)
    waiting = update(ApplicationRow).where(ApplicationRow.id == application_id, ApplicationRow.state == State.REFERRED)
    if await work.scalar(waiting.values(state=State.DONE).returning(ApplicationRow.id)) is None:
        return await _decided_before(work, application_id, verdict, reasons, note, decided_by)
    referral = (await history(work, application_id))[-1]
    decision = referral.model_copy(
        update={
            "verdict": verdict,
            "approved": stored.subject.requested if verdict is Verdict.APPROVED else None,
            "reasons": reasons,
            "decided_by": decided_by,
            "note": note,
            "decided_at": now,
            # The time that it waited for staff counts.
            "notice_due": stored.subject.complete_since + APPLICATION_NOTICE if verdict is Verdict.REJECTED else None,
        }
    )
    record = stored.record.decided(decision, stored.record.checks)
    await write_decision(work, stored.subject, decision, record, partners=partners)
    if clears_match:
        await matches.clear(work, stored.subject.tenant, stored.subject.customer_id, decided_by, note)
    return decision


async def history(work: Work, application_id: str) -> list[Decision]:
    """Every decision about an application, oldest first, with the notes opened."""
    currency = select(ApplicationRow.currency).where(ApplicationRow.id == application_id).scalar_subquery()
    rows = await work.execute(
        select(DecisionRow, currency).where(DecisionRow.application_id == application_id).order_by(DecisionRow.sequence)
    )
    return [_decision(work, row, currency_code) for row, currency_code in rows]


async def by_rulebook(work: Work, application_id: str) -> Decision | None:
    """The newest decision of the rulebook; None where there is none."""
    made = [each for each in await history(work, application_id) if each.decided_by == BY_RULEBOOK]
    return made[-1] if made else None


async def checks(work: Work, stored: applications.StoredApplication) -> tuple[CheckResult, ...]:
    """The checks of the newest review, with all their facts, also those that no rule read."""
    rows = await work.scalars(select(CheckRow).where(CheckRow.application_id == stored.subject.id))
    kept = {row.check_name: {"facts": row.facts, "alternatives": tuple(row.alternatives or ())} for row in rows}
    return tuple(CheckResult(**dict(check), **kept[check.check]) for check in stored.record.checks)


async def _decided_before(
    work: Work, application_id: str, verdict: Verdict, reasons: tuple[Reason, ...], note: str, decided_by: str
) -> Decision:
    decisions = await history(work, application_id)
    if [each.verdict for each in decisions[-2:-1]] != [Verdict.REFERRED]:
        raise NotReferred(f"application {application_id} does not wait for a person")
    last = decisions[-1]
    before = (last.verdict, codes_of(last.reasons), last.note, last.decided_by)
    if before != (verdict, codes_of(reasons), note, decided_by):
        raise NotReferred(f"application {application_id} was {last.verdict} by {last.decided_by} already")
    return last


async def _clear_checks(work: Work, application_id: str) -> None:
    for table in (OutcomeRow, CheckRow):
        await work.execute(delete(table).where(table.application_id == application_id))


async def _write_checks(work: Work, application_id: str, results: Sequence[CheckResult]) -> None:
    checks = [
        {
            "application_id": application_id,
            "check_name": result.check,
            "position": position,
            "facts": result.facts,
            "trouble": result.trouble,
            "alternatives": list(result.alternatives) or None,
        }
        for position, result in enumerate(results)
    ]
    outcomes = [
        {
            "application_id": application_id,
            "check_name": result.check,
            "rule": outcome.rule,
            "result": outcome.result,
            "reason": outcome.reason and outcome.reason.code,
            "refers": outcome.refers,
            "observed": outcome.observed,
        }
        for result in results
        for outcome in result.outcomes
    ]
    if checks:
        await work.execute(insert(CheckRow), checks)
    if outcomes:
        rows = [{"position": position, **outcome} for position, outcome in enumerate(outcomes)]
        await work.execute(insert(OutcomeRow), rows)


async def write_decision(
    work: Work, application: Application, decision: Decision, record: Record, *, partners: Collection[str], **more: str
) -> None:
    """Store one more decision, with its message and its audit entry, to which `more` is added.

    The caller has changed the application's state in this transaction, so its row is locked.
    """
    body = record.body
    earlier = select(func.count()).where(DecisionRow.application_id == application.id)
    sequence = int(await work.scalar(earlier) or 0) + 1
    row = {
        "application_id": application.id,
        "sequence": sequence,
        "verdict": decision.verdict,
        "approved": decision.approved and decision.approved.minor,
        "reasons": [reason.model_dump() for reason in decision.reasons],
        "missing": [each.model_dump() for each in decision.missing] or None,
        "offer": decision.offer and decision.offer.model_dump(),
        "respond_by": decision.respond_by,
        "rulebook": decision.rulebook.name,
        "rulebook_version": decision.rulebook.version,
        "rulebook_digest": decision.rulebook.digest,
        "arm": decision.arm,
        "decided_by": decision.decided_by,
        "decided_at": decision.decided_at,
        "notice_due": decision.notice_due,
        "note": None
        if decision.note is None
        else work.keys.seal(decision.note.encode(), sealed_cell(DecisionRow.note, application.id, sequence)),
        "body": body,
    }
    await work.execute(insert(DecisionRow), [row])
    if application.tenant in partners:
        await outbox.enqueue(
            work,
            Channel.RESULTS,
            tenant=application.tenant,
            customer_id=application.customer_id,
            subject_id=application.id,
            event=f"application.{decision.verdict}",
            at=decision.decided_at,
            record=body,
        )
    # Last, so that the log is locked only briefly.
    await audit.append(
        work,
        f"application.{decision.verdict}",
        application.id,
        decision.decided_by,
        sequence=sequence,
        rulebook=str(decision.rulebook),
        rulebook_digest=decision.rulebook.digest,
        reasons=codes_of(decision.reasons),
        body_sha256=hashlib.sha256(body).hexdigest(),
        **more,
    )


def _decision(work: Work, row: DecisionRow, currency: str) -> Decision:
    note = row.note and work.keys.note(row.note, sealed_cell(DecisionRow.note, row.application_id, row.sequence))
    return Decision(
        verdict=row.verdict,
        approved=None if row.approved is None else Money(minor=row.approved, currency=currency),
        reasons=tuple(map(Reason.model_validate, row.reasons)),
        missing=tuple(map(Missing.model_validate, row.missing or ())),
        offer=row.offer and Offer.model_validate(row.offer),
        respond_by=row.respond_by,
        rulebook=RulebookRef(name=row.rulebook, version=row.rulebook_version, digest=row.rulebook_digest),
        arm=row.arm,
        decided_by=row.decided_by,
        note=note,
        decided_at=row.decided_at,
        notice_due=row.notice_due,
    )
