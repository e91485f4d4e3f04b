"""What was decided: one final transaction for each review, guarded by the fence, and a person's word on a referral."""

import hashlib
from collections.abc import Collection, Sequence
from datetime import datetime

from sqlalchemy import insert, select, update

from underwriting.domain.application import Application, State
from underwriting.domain.decision import (
    ADVERSE_ACTION_NOTICE,
    CheckResult,
    Decision,
    FactValue,
    Reason,
    RulebookRef,
    Verdict,
)
from underwriting.domain.money import Money
from underwriting.failpoints import failpoint
from underwriting.store import applications, audit, outbox
from underwriting.store.claims import Claim, owned
from underwriting.store.errors import LeaseLost, NotReferred
from underwriting.store.models import ApplicationRow, Channel, CheckRow, DecisionRow, OutcomeRow, place
from underwriting.store.record import CheckRecord, Record
from underwriting.store.session import Work

RULEBOOKS = 1
PERSONS = 2


async def finish(
    work: Work, claim: Claim[Application], results: Sequence[CheckResult], decision: Decision, partners: Collection[str]
) -> Record:
    """Store what the rulebook decided: state, decision, outcomes, audit entry, and a message to a partner who gets one.

    `partners` are the tenants whose results are posted. LeaseLost, and nothing is stored, where another worker owns
    the application or it is decided already.
    """
    application = claim.subject
    record = Record.undecided(application, State.RUNNING).decided(decision, tuple(map(CheckRecord.of, results)))
    updated = update(ApplicationRow).where(owned(claim)).values(state=record.state, lease_until=None)
    if await work.scalar(updated.returning(ApplicationRow.id)) is None:
        raise LeaseLost(application.id)
    await _write_checks(work, application.id, results)
    failpoint("inside-finish")
    await _write_decision(work, application, decision, record, sequence=RULEBOOKS, partners=partners)
    return record


async def settle_referral(
    work: Work,
    application_id: str,
    *,
    tenant: str | None,
    verdict: Verdict,
    note: str,
    decided_by: str,
    now: datetime,
    partners: Collection[str],
) -> Decision:
    """Store a person's approval or rejection of a referred application, with the note sealed.

    The same word of the same person again gives the stored decision; any other is NotReferred. UnknownApplication
    where it is not this tenant's; no tenant means a colleague.
    """
    if verdict is Verdict.REFERRED:
        raise ValueError("a person approves or rejects; a referral cannot be referred again")
    stored = await applications.get(work, tenant, application_id)
    waiting = update(ApplicationRow).where(ApplicationRow.id == application_id, ApplicationRow.state == State.REFERRED)
    if await work.scalar(waiting.values(state=State.DONE).returning(ApplicationRow.id)) is None:
        return await _settled_before(work, application_id, verdict, note, decided_by)
    referral = (await history(work, application_id))[-1]
    decision = referral.model_copy(
        update={
            "verdict": verdict,
            "approved": stored.application.requested if verdict is Verdict.APPROVED else None,
            "reasons": referral.reasons if verdict is Verdict.REJECTED else (),
            "decided_by": decided_by,
            "note": note,
            "decided_at": now,
            "notice_due": (now + ADVERSE_ACTION_NOTICE).date() if verdict is Verdict.REJECTED else None,
        }
    )
    record = stored.record.decided(decision, stored.record.checks)
    await _write_decision(work, stored.application, decision, record, sequence=PERSONS, partners=partners)
    return decision


async def history(work: Work, application_id: str) -> list[Decision]:
    """Every decision about an application, oldest first, with the notes opened."""
    currency = select(ApplicationRow.currency).where(ApplicationRow.id == application_id).scalar_subquery()
    rows = await work.execute(
        select(DecisionRow, currency).where(DecisionRow.application_id == application_id).order_by(DecisionRow.sequence)
    )
    return [_decision(work, row, currency_code) for row, currency_code in rows]


async def facts(work: Work, application_id: str) -> dict[str, dict[str, FactValue]]:
    """All the facts of each check that ran, also those that no rule looked at."""
    rows = await work.scalars(select(CheckRow).where(CheckRow.application_id == application_id))
    return {row.check_name: row.facts for row in rows}


async def _settled_before(work: Work, application_id: str, verdict: Verdict, note: str, decided_by: str) -> Decision:
    decisions = await history(work, application_id)
    if len(decisions) < PERSONS:
        raise NotReferred(f"application {application_id} does not wait for a person")
    last = decisions[-1]
    if (last.verdict, last.note, last.decided_by) != (verdict, note, decided_by):
        raise NotReferred(f"application {application_id} was {last.verdict} by {last.decided_by} already")
    return last


async def _write_checks(work: Work, application_id: str, results: Sequence[CheckResult]) -> None:
    checks = [
        {
            "application_id": application_id,
            "check_name": result.check,
            "position": position,
            "facts": result.facts,
            "trouble": result.trouble,
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


async def _write_decision(
    work: Work,
    application: Application,
    decision: Decision,
    record: Record,
    *,
    sequence: int,
    partners: Collection[str],
) -> None:
    body = record.body
    row = {
        "application_id": application.id,
        "sequence": sequence,
        "verdict": decision.verdict,
        "approved": decision.approved and decision.approved.minor,
        "reasons": [reason.model_dump() for reason in decision.reasons],
        "rulebook": decision.rulebook.name,
        "rulebook_version": decision.rulebook.version,
        "rulebook_digest": decision.rulebook.digest,
        "decided_by": decision.decided_by,
        "decided_at": decision.decided_at,
        "notice_due": decision.notice_due,
        "note": None
        if decision.note is None
        else work.keys.seal(decision.note.encode(), place(DecisionRow.note, application.id, sequence)),
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
    # Last, so that the log is locked for as short as can be.
    await audit.append(
        work,
        f"application.{decision.verdict}",
        application.id,
        decision.decided_by,
        sequence=sequence,
        rulebook=str(decision.rulebook),
        rulebook_digest=decision.rulebook.digest,
        reasons=[reason.code for reason in decision.reasons],
        body_sha256=hashlib.sha256(body).hexdigest(),
    )


def _decision(work: Work, row: DecisionRow, currency: str) -> Decision:
    note = row.note and work.keys.open(row.note, place(DecisionRow.note, row.application_id, row.sequence)).decode()
    return Decision(
        verdict=row.verdict,
        approved=None if row.approved is None else Money(minor=row.approved, currency=currency),
        reasons=tuple(map(Reason.model_validate, row.reasons)),
        rulebook=RulebookRef(name=row.rulebook, version=row.rulebook_version, digest=row.rulebook_digest),
        decided_by=row.decided_by,
        note=note,
        decided_at=row.decided_at,
        notice_due=row.notice_due,
    )
