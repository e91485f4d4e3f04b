"""A stored decision with everything that it rests on.

For an evaluation these are the books, the profile and the cap of the limit policy; for the review of an application its
rulebook and the facts of every check.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TypeVar

import pandas as pd

from rules.core.differences import frame_of
from rules.core.edition import Edition
from rules.eligibility.book import EligibilityBook, parse_eligibility_book
from rules.limits.affordability import affordability_caps
from rules.limits.policy import LimitPolicy, parse_policy, shipped_policies, shipped_policy
from rules.limits.tiers import CURRENCY, TIERS
from rules.prescreening.book import Rulebook, parse_rulebook
from underwriting.domain.application import Application
from underwriting.domain.decision import CheckResult, Decision, FactValue, RulebookRef
from underwriting.domain.eligibility import Eligibility
from underwriting.domain.profile import FloatProfile
from underwriting.rulebook_cache import digest_of
from underwriting.store import applications, decisions, evaluations, profiles, rulebooks
from underwriting.store.errors import NotDecided, StoreError, UnknownProfile, UnknownRulebook
from underwriting.store.evaluations import DecidedEvaluation, EvaluationRecord
from underwriting.store.models import RulebookKind
from underwriting.store.session import Work

B = TypeVar("B", bound=Edition)


class RuleDrift(StoreError):
    """A book is not published any more with the content that it had when it decided."""


@dataclass(frozen=True)
class EvaluationBasis:
    """The evaluation, its answer (of staff, if they decided it), its books and its profile, and the digest of the books
    and the limit policy in force now.
    """

    judged: DecidedEvaluation
    answered: EvaluationRecord
    books: Mapping[RulebookRef, EligibilityBook]
    profile: FloatProfile
    digest_now: str


@dataclass(frozen=True)
class ApplicationBasis:
    """The application, its rulebook, the results of its checks, and the rulebook's decision."""

    application: Application
    book: Rulebook
    checks: tuple[CheckResult, ...]
    decision: Decision


async def evaluation_basis(work: Work, evaluation_id: str, limit_policy: str) -> EvaluationBasis:
    """Everything that an evaluation rests on; `limit_policy` is the name of the policy in force now.

    UnknownEvaluation or NotDecided if there is no result, RuleDrift if a book has changed.
    """
    judged = await evaluations.judged(work, None, evaluation_id)
    books = {
        book.rulebook: await _book(work, book.rulebook, parse_eligibility_book) for book in judged.eligibility.books
    }
    today = datetime.now(UTC).date()
    in_force = await rulebooks.current_set(work, RulebookKind.ELIGIBILITY, judged.request.product, today)
    digest_now = digest_of(in_force, shipped_policy(limit_policy))
    answered = (await evaluations.get(work, None, evaluation_id)).record
    return EvaluationBasis(judged, answered, books, await _profile(work, judged), digest_now)


async def application_basis(work: Work, application_id: str) -> ApplicationBasis:
    """Everything that the rulebook's decision on an application rests on, whatever staff decided after it.

    UnknownApplication or NotDecided if there is no decision, RuleDrift if the book has changed.
    """
    stored = await applications.get(work, None, application_id)
    decided = await decisions.by_rulebook(work, application_id)
    if decided is None or stored.record.verdict is None:
        raise NotDecided(application_id)
    book = await _book(work, decided.rulebook, parse_rulebook)
    return ApplicationBasis(stored.subject, book, await decisions.checks(work, stored), decided)


async def cap_of_then(work: Work, then: Eligibility) -> int | None:
    """The amount that the evaluation's policy lets the user afford by the evaluation's facts.

    RuleDrift if the policy is neither shipped nor published with its content of then. Old evaluations name no policy:
    their stored cap is used.
    """
    if (ref := then.policy) is None:
        return then.affordability_cap
    shipped = shipped_policies().get(ref.name)
    policy = shipped if shipped is not None and shipped.ref == ref else await _book(work, ref, parse_policy)
    return affordability_cap(policy, then.facts)


def affordability_cap(policy: LimitPolicy, facts: Mapping[str, FactValue]) -> int | None:
    """What the limit policy lets a user afford by these facts, minor units; None if it is not known."""
    cap = affordability_caps(policy.affordability, frame_of(facts)).iloc[0]
    return None if pd.isna(cap) else int(cap)


async def _book(work: Work, ref: RulebookRef, parse: Callable[[str, str], B]) -> B:
    try:
        published = await rulebooks.get(work, ref.name, ref.version)
    except UnknownRulebook:
        raise RuleDrift(f"rule drift: {ref} judged, and is not published any more") from None
    book = parse(published.text, str(ref))
    if book.ref.digest != ref.digest:
        raise RuleDrift(f"rule drift: {ref} judged with digest {ref.digest[:12]}, and has {book.ref.digest[:12]} now")
    return book


async def _profile(work: Work, judged: DecidedEvaluation) -> FloatProfile:
    request, version = judged.request, judged.eligibility.profile_version
    if version == profiles.NOT_STORED:
        return profiles.default_profile(request.user_id, request.requested_at, CURRENCY, TIERS)
    for profile in await profiles.versions(work, request.tenant, request.user_id, after=version + 1, limit=1):
        if profile.version == version:
            return profile
    raise UnknownProfile(request.user_id)
