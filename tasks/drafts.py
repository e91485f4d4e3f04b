"""What draft rulebooks decide on a customer by today's answers of the sources, beside the rulebooks in force.

Tasks run as plain functions, and nothing is stored: no application, no evaluation, no facts, no message. Only a paid
pull of a credit report is noted in the audit log.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from ulid import ULID

from rules.eligibility.book import EligibilityBook
from rules.limits.tiers import CURRENCY, TIERS
from rules.prescreening.book import Rulebook
from rules.prescreening.decide import decide
from tasks.again import Report, ask_sources, run_checks
from tasks.credit_report import NO_CONSENT, PULL
from tasks.review import Review
from tasks.run_books import decide_evaluation, result_of_books
from tasks.user_check import UserCheck
from underwriting.domain.application import Application, ApplicationRequest, Product
from underwriting.domain.decision import CheckResult, Decision
from underwriting.domain.documents import CreditReport
from underwriting.domain.eligibility import Eligibility, EvaluationRequest
from underwriting.integrations.errors import SourceError, SourceRefusal
from underwriting.rulebook_cache import NotLent
from underwriting.runtime import Runtime
from underwriting.sources.sources import BureauOrder
from underwriting.store import ledger, profiles, reported_floats
from underwriting.store.claims import Claim
from underwriting.store.errors import UnknownRulebook
from underwriting.store.kinds import APPLICATIONS, EVALUATIONS
from underwriting.store.models import EffectState

NOT_PULLED = "no report is pulled for a comparison"


@dataclass(frozen=True)
class ReviewBy:
    """What one rulebook decides on an application."""

    checks: Sequence[CheckResult]
    decision: Decision


@dataclass(frozen=True)
class TriedReview:
    """An application that is not stored, and what the draft and the rulebook in force decide on it; None if no rulebook
    in force does.
    """

    application: Application
    draft: ReviewBy
    in_force: ReviewBy | None


async def try_review(
    runtime: Runtime, request: ApplicationRequest, draft: Rulebook, tenant: str, by: str
) -> TriedReview:
    """Review a customer by a draft, and by the rulebook in force from the same answers.

    The credit bureau is asked and paid if the draft asks for its report and the request has a consent. The rulebook in
    force uses the same report; it has none pulled.
    """
    now = datetime.now(UTC)
    application = await _application(runtime, request, tenant, now)
    review = Review(runtime, Claim(APPLICATIONS, application, 0, 0), draft)
    checks = await run_checks(review, _paid_by(by))
    tried = ReviewBy(checks, decide(draft, checks, application, now))
    try:
        book = await runtime.rulebook_cache.book_for(application)
    except (NotLent, UnknownRulebook):
        return TriedReview(application, tried, None)
    compared = await run_checks(review.by(book), _not_paid, {result.check: result for result in checks})
    return TriedReview(application, tried, ReviewBy(compared, decide(book, compared, application, now)))


async def _application(runtime: Runtime, request: ApplicationRequest, tenant: str, now: datetime) -> Application:
    """The application as it would be accepted."""
    async with runtime.store.read() as work:
        today = work.day_of(now)
    made_up = f"app_{ULID()}"
    return Application(
        id=made_up,
        tenant=tenant,
        request_key=made_up,
        customer_id=request.customer_id,
        product=request.product,
        requested=request.requested,
        term_months=request.term_months,
        as_of=request.as_of or now.date(),
        bureau_consent=request.bureau_consent,
        received_at=now,
        received_on=today,
    )


def _paid_by(by: str) -> Report:
    """Pulls a report for `by`, once: the audit log has the order before the bureau gets it, and how it ended."""

    async def pulled(review: Review) -> CreditReport:
        application = review.application
        if (consent := application.bureau_consent) is None:
            raise SourceRefusal("bureau", NO_CONSENT)
        order = BureauOrder(
            f"{application.request_key}:{PULL}", application.requested.currency, application.as_of, consent
        )

        async def note(state: EffectState) -> None:
            async with review.runtime.store.begin() as work:
                await ledger.note(
                    work,
                    state,
                    PULL,
                    f"{application.tenant}/{application.customer_id}",
                    by,
                    reference=order.reference,
                    purpose=consent.purpose,
                    consented_at=consent.consented_at.isoformat(),
                    draft=str(review.book.ref),
                )

        await note(EffectState.INTENT)
        try:
            report = await review.runtime.sources.credit_report(application.customer_id, order)
        except SourceError:
            await note(EffectState.UNKNOWN)
            raise
        await note(EffectState.DONE)
        return report

    return pulled


async def _not_paid(_review: Review) -> CreditReport:
    raise SourceRefusal("bureau", NOT_PULLED)


async def try_evaluation(
    runtime: Runtime,
    user_id: str,
    product: Product,
    drafts: Mapping[str, EligibilityBook],
    tenant: str,
) -> tuple[EvaluationRequest, Eligibility, Eligibility | None]:
    """Evaluate a user with drafts, each in the place of the book of its name or beside the others, and by the books in
    force from the same answers; None for these if none is in force.

    ValueError if a draft is not for this product, or not in the currency of the user's profile.
    """
    now = datetime.now(UTC)
    async with runtime.store.read() as work:
        profile = await profiles.current(work, tenant, user_id, now)
        made_up = f"evl_{ULID()}"
        request = EvaluationRequest(
            id=made_up,
            tenant=tenant,
            request_key=made_up,
            user_id=user_id,
            product=product,
            as_of=now.date(),
            requested_at=now,
            requested_on=work.day_of(now),
        )
        try:
            in_force, digest = await runtime.rulebook_cache.eligibility(work, product)
        except UnknownRulebook:
            in_force, digest = [], ""
        reported = await reported_floats.of_user(work, tenant, user_id)
    check = UserCheck(
        runtime,
        Claim(EVALUATIONS, request, 0, 0),
        profile or profiles.default_profile(user_id, now, CURRENCY, TIERS),
    )
    await ask_sources(check)
    check.add_reported(reported)

    async def decided(books: Sequence[EligibilityBook]) -> Eligibility:
        return decide_evaluation(check, await result_of_books(check, books, digest, len(reported)))

    by_drafts = {book.name: book for book in in_force} | dict(drafts)
    return request, await decided(list(by_drafts.values())), await decided(in_force) if in_force else None
