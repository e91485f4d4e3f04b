"""What a notice is about, read from the store: a decision with its reasons, and the bureau's report under it."""

from collections.abc import Mapping

from rules.core.reasons import reason
from rules.limits.reasons import TAKEN_BACK
from underwriting.domain.decision import (
    ADVERSE_ACTION_NOTICE,
    BY_CUSTOMER,
    BY_DEADLINE,
    BY_RULEBOOK,
    CheckResult,
    Decision,
    Result,
)
from underwriting.domain.limits import LimitRunState
from underwriting.domain.money import Money
from underwriting.domain.notice import Owed
from underwriting.notices.notice import About
from underwriting.store import applications, decisions, evaluations, ledger, notices
from underwriting.store.kinds import APPLICATIONS, EVALUATIONS
from underwriting.store.session import Work

# The effect under which the ledger keeps the bureau's report.
BUREAU_PULL = "bureau-pull"
# The check that reads it.
BUREAU_CHECK = "credit_report"


async def read(work: Work, owed: Owed) -> About:
    """Everything that the notice says, except names and what the settings say about the creditor."""
    if owed.subject_id.startswith(APPLICATIONS.prefix):
        return await _application(work, owed)
    if owed.subject_id.startswith(EVALUATIONS.prefix):
        return await _evaluation(work, owed)
    return await _limit(work, owed)


async def _application(work: Work, owed: Owed) -> About:
    stored = await applications.get(work, owed.tenant, owed.subject_id)
    decision = (await decisions.history(work, owed.subject_id))[-1]
    checks = {check.check: check for check in await decisions.checks(work, stored)}
    person = checks.get("customer_information")
    record = stored.record
    return About(
        **_of(owed),
        decided_on=work.day_of(decision.decided_at),
        currency=record.currency,
        amount=record.amount,
        reasons=decision.reasons,
        missing=decision.missing,
        offer=record.offer,
        respond_by=decision.respond_by,
        business=person is not None and person.facts.get("is_company") is True,
        report=await ledger.answer(work, owed.subject_id, BUREAU_PULL) if _used_report(decision, checks) else None,
    )


def _used_report(decision: Decision, checks: Mapping[str, CheckResult]) -> bool:
    """Whether the bureau's report may have influenced the decision: staff saw it, or a rule about it did not pass."""
    report = checks.get(BUREAU_CHECK)
    by_staff = decision.decided_by not in {BY_RULEBOOK, BY_CUSTOMER, BY_DEADLINE}
    return by_staff or (report is not None and any(each.result is not Result.PASS for each in report.outcomes))


async def _evaluation(work: Work, owed: Owed) -> About:
    record = (await evaluations.get(work, owed.tenant, owed.subject_id)).record
    if record.decided_at is None or record.currency is None:
        raise ValueError(f"evaluation {owed.subject_id} has no result")
    day = work.day_of(record.decided_at)
    return About(**_of(owed), decided_on=day, currency=record.currency, reasons=record.reasons)


async def _limit(work: Work, owed: Owed) -> About:
    run, record = await notices.limit_change(work, owed.subject_id, owed.customer_id)
    before, after = (
        Money(minor=minor or 0, currency=run.currency).decimal
        for minor in (record.before if record.highest is None else record.highest, record.in_force)
    )
    rolled_back = run.state in {LimitRunState.ROLLING_BACK, LimitRunState.ROLLED_BACK}
    codes = [TAKEN_BACK] if rolled_back and record.in_force != record.after else record.reasons.split()
    return About(
        **_of(owed),
        # The day on which it was applied.
        decided_on=owed.due - ADVERSE_ACTION_NOTICE,
        currency=run.currency,
        limit_before=before,
        limit_after=after,
        reasons=tuple(map(reason, codes)),
    )


def _of(owed: Owed) -> dict[str, object]:
    return owed.model_dump(exclude={"tenant"})
