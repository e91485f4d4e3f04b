"""Checks of stored decisions against the sources of today. Tasks run as plain functions, and nothing is stored."""

from collections.abc import Awaitable, Callable, Mapping
from types import MappingProxyType

from rules.core.columns import Columns
from rules.facts import USER_FACTS, user_facts
from rules.prescreening.decide import ends_review
from tasks import checks
from tasks.check import judge
from tasks.counteroffer import with_alternatives
from tasks.credit_report import PULL, credit_report, read_report
from tasks.gather import SOURCES
from tasks.review import Review
from tasks.user_check import UserCheck
from underwriting.decision_basis import ApplicationBasis, EvaluationBasis
from underwriting.domain.decision import CheckResult, FactValue
from underwriting.domain.documents import CreditReport
from underwriting.integrations.errors import SourceError, SourceRefusal
from underwriting.runtime import Runtime
from underwriting.store import ledger, reported_floats
from underwriting.store.claims import Claim
from underwriting.store.kinds import APPLICATIONS, EVALUATIONS

# Gives the credit report, the one document that is paid for; SourceError if there is none.
Report = Callable[[Review], Awaitable[CreditReport]]

NEVER_PULLED = "no report was pulled then, and a replay pays for none"
NONE_ANSWERED: Mapping[str, CheckResult] = MappingProxyType({})


async def checks_again(runtime: Runtime, basis: ApplicationBasis) -> list[CheckResult]:
    """The checks by the same rulebook, as of the same day. The bureau is not paid again: its report comes from the
    ledger.
    """
    return await run_checks(Review(runtime, Claim(APPLICATIONS, basis.application, 0, 0), basis.book), _report_of_then)


async def run_checks(
    review: Review, report: Report, answered: Mapping[str, CheckResult] = NONE_ANSWERED
) -> list[CheckResult]:
    """Stage after stage until one ends the review. The sources of checks in `answered` are not asked again: their
    documents are in the review already.
    """
    results: list[CheckResult] = []
    for stage in review.book.stages:
        for check in stage:
            results.append(await _run_check(review, check, report, answered.get(check)))
        results = await with_alternatives(review, results)
        if ends_review(review.book, results):
            break
    return results


async def _run_check(review: Review, check: str, report: Report, answered: CheckResult | None) -> CheckResult:
    if answered is not None:
        return await judge(review, check, answered.trouble)
    try:
        if check != credit_report.name:
            return await checks.BY_NAME[check].fn(review)
        review.add(await report(review))
    except SourceError as error:
        return await judge(review, check, str(error))
    return await judge(review, check)


async def _report_of_then(review: Review) -> CreditReport:
    async with review.runtime.store.read() as work:
        report = await ledger.answer(work, review.application.id, PULL)
    if report is None:
        raise SourceRefusal("bureau", NEVER_PULLED)
    return read_report(report)


async def facts_again(runtime: Runtime, basis: EvaluationBasis) -> tuple[dict[str, FactValue], dict[str, str]]:
    """A user's facts, as of the same day and moment; and which sources gave nothing, and why."""
    request, then = basis.judged.request, basis.judged.eligibility
    check = UserCheck(runtime, Claim(EVALUATIONS, request, 0, 0), basis.profile)
    await ask_sources(check)
    async with runtime.store.read() as work:
        check.add_reported(await reported_floats.of_user(work, request.tenant, request.user_id))
    columns = Columns(user_facts(check.tables(then.decided_at)))
    return {name: columns.value(name, 0) for name in USER_FACTS}, check.troubles


async def ask_sources(check: UserCheck) -> None:
    """Ask every source about the user, once. If one fails, `check.troubles` says why."""
    for source in SOURCES:
        try:
            await source.fn(check)
        except SourceError as error:
            check.troubles[source.name] = str(error)
