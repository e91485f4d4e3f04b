"""Checks of stored decisions against the sources of today. Tasks run as plain functions, and nothing is stored."""

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
from underwriting.integrations.errors import MalformedAnswer, SourceError
from underwriting.runtime import Runtime
from underwriting.store import ledger, reported_floats
from underwriting.store.claims import Claim
from underwriting.store.kinds import APPLICATIONS, EVALUATIONS

NEVER_PULLED = "no report was pulled then, and a replay pays for none"


async def checks_again(runtime: Runtime, basis: ApplicationBasis) -> list[CheckResult]:
    """Stage after stage by the same rulebook, as of the same day, until a stage ends the review.

    The bureau is not paid again: its report comes from the ledger.
    """
    review = Review(runtime, Claim(APPLICATIONS, basis.application, 0, 0), basis.book)
    results: list[CheckResult] = []
    for stage in basis.book.stages:
        results += [await _check_again(review, check) for check in stage]
        results = await with_alternatives(review, results)
        if ends_review(basis.book, results):
            break
    return results


async def _check_again(review: Review, check: str) -> CheckResult:
    if check == credit_report.name:
        async with review.runtime.store.read() as work:
            report = await ledger.answer(work, review.application.id, PULL)
        if report is None:
            return await judge(review, check, NEVER_PULLED)
        try:
            review.add(read_report(report))
        except MalformedAnswer as error:
            return await judge(review, check, str(error))
        return await judge(review, check)
    try:
        return await checks.BY_NAME[check].fn(review)
    except SourceError as error:
        return await judge(review, check, str(error))


async def facts_again(runtime: Runtime, basis: EvaluationBasis) -> tuple[dict[str, FactValue], dict[str, str]]:
    """A user's facts, as of the same day and moment; and which sources gave nothing, and why."""
    request, then = basis.judged.request, basis.judged.eligibility
    check = UserCheck(runtime, Claim(EVALUATIONS, request, 0, 0), basis.profile)
    for source in SOURCES:
        try:
            await source.fn(check)
        except SourceError as error:
            check.troubles[source.name] = str(error)
    async with runtime.store.read() as work:
        check.add_reported(await reported_floats.of_user(work, request.tenant, request.user_id))
    columns = Columns(user_facts(check.tables(then.decided_at)))
    return {name: columns.value(name, 0) for name in USER_FACTS}, check.troubles
