"""Decisions of staff on what was referred: what the flows, the API and the command line share."""

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from enum import StrEnum

from rules.eligibility.manual_decision import approved, rejected
from rules.explain.adverse_reasons import reasons_given
from underwriting.decision_basis import EvaluationBasis, evaluation_basis
from underwriting.domain.decision import Decision, Verdict
from underwriting.domain.eligibility import Eligibility
from underwriting.domain.money import Money
from underwriting.settings import Settings
from underwriting.store import applications, decisions, evaluations, matches, profiles
from underwriting.store.evaluations import EvaluationRecord
from underwriting.store.matches import Match
from underwriting.store.queue.outbox import event_channels
from underwriting.store.session import Work


class StaffVerdict(StrEnum):
    """The decision of staff."""

    APPROVE = "approved"
    REJECT = "rejected"

    @property
    def verdict(self) -> Verdict:
        """The verdict that is stored."""
        return Verdict(self.value)


def misfits(
    verdict: Verdict, reasons: Sequence[str], *, clears_match: bool = False, up_to: str | None = None
) -> Iterator[tuple[str, str]]:
    """All that does not fit the verdict, whatever was referred: the field, and what to do about it."""
    try:
        reasons_given(verdict, reasons)
    except ValueError as error:
        yield "reasons", str(error)
    if clears_match and verdict is Verdict.REJECTED:
        yield "clears_match", "a rejection clears no match with a list: leave it out"
    if up_to is not None and verdict is Verdict.REJECTED:
        yield "up_to", "a rejection approves no amount: leave it out"


def _refuse_misfits(verdict: Verdict, reasons: Sequence[str], *, clears_match: bool, up_to: str | None = None) -> None:
    if found := list(misfits(verdict, reasons, clears_match=clears_match, up_to=up_to)):
        raise ValueError("; ".join(f"{field}: {sentence}" for field, sentence in found))


async def decide_application(
    work: Work,
    config: Settings,
    application_id: str,
    verdict: Verdict,
    *,
    tenant: str | None,
    note: str,
    decided_by: str,
    reasons: Sequence[str] = (),
    clears_match: bool = False,
) -> Decision:
    """Store the approval or rejection of an application (`decisions.decide_referral`).

    ValueError if the reasons do not fit the verdict.
    """
    record = (await applications.get(work, tenant, application_id)).record
    _refuse_misfits(verdict, reasons, clears_match=clears_match)
    outcomes = [outcome for check in record.checks for outcome in check.outcomes]
    return await decisions.decide_referral(
        work,
        application_id,
        tenant=tenant,
        verdict=verdict,
        reasons=reasons_given(verdict, reasons, outcomes),
        note=note,
        decided_by=decided_by,
        now=datetime.now(UTC),
        partners=config.partners,
        clears_match=clears_match,
    )


async def decide_evaluation(
    work: Work,
    config: Settings,
    evaluation_id: str,
    verdict: Verdict,
    *,
    tenant: str | None,
    note: str,
    decided_by: str,
    up_to: str | None = None,
    reasons: Sequence[str] = (),
    clears_match: bool = False,
) -> EvaluationRecord:
    """Store the approval or rejection of an evaluation (`evaluations.decide_referral`), with amounts up to `up_to`.

    ValueError if reasons or amount do not fit the verdict. UnknownEvaluation if it is not this tenant's; None as the
    tenant is our staff. `clears_match` is as for applications.
    """
    await evaluations.get(work, tenant, evaluation_id)
    _refuse_misfits(verdict, reasons, clears_match=clears_match, up_to=up_to)
    basis = await evaluation_basis(work, evaluation_id, config.limit_policy)
    record = await evaluations.decide_referral(
        work,
        basis.judged,
        _decided(basis, verdict, up_to, reasons),
        note=note,
        decided_by=decided_by,
        window=timedelta(hours=config.evaluation_hours),
        books_digest=basis.digest_now,
        channels=event_channels(config),
    )
    if clears_match:
        request = basis.judged.request
        await matches.clear(work, request.tenant, request.user_id, decided_by, note)
    return record


async def clear_matches(work: Work, tenant: str, user_id: str, by: str, note: str) -> list[Match]:
    """Store that the user is none of the listed persons that were found; returns the matches that this closes.

    It ends the stored answers that rest on these matches. NoOpenMatch as in `matches.clear`.
    """
    cleared, now = await matches.clear(work, tenant, user_id, by, note), datetime.now(UTC)
    if cleared and await profiles.current(work, tenant, user_id, now) is not None:
        await profiles.refresh(work, tenant, user_id, by, now)
    return cleared


def _decided(basis: EvaluationBasis, verdict: Verdict, up_to: str | None, reasons: Sequence[str]) -> Eligibility:
    """The evaluation after the decision of staff."""
    then, now = basis.judged.eligibility, datetime.now(UTC)
    given = reasons_given(verdict, reasons, [outcome for book in then.books for outcome in book.outcomes])
    if verdict is Verdict.REJECTED:
        return rejected(then, given, basis.judged.request.requested_on, now)
    minor = None if up_to is None else Money.parse(up_to, then.currency).minor
    return approved(then, basis.judged.request.product, basis.books.values(), basis.profile, minor, now)
