"""What tests of the eligibility API share: paths, and checks that the flow would finish."""

from datetime import UTC, datetime

import httpx
from support.evaluated import claim_check, eligibility, finish_check

from rules.core.reasons import reason
from rules.eligibility.book import EligibilityBook
from rules.limits.policy import shipped_policies
from rules.limits.tiers import CURRENCY, TIERS
from underwriting.domain.application import Product
from underwriting.domain.decision import Outcome, Result
from underwriting.domain.eligibility import BookResult
from underwriting.rulebook_cache import digest_of
from underwriting.store import profiles, rulebooks
from underwriting.store.models import RulebookKind
from underwriting.store.session import Store


async def in_force(store: Store, product: Product) -> str:
    """The digest of the books of the product that are in force."""
    async with store.read() as work:
        current = await rulebooks.current_set(work, RulebookKind.ELIGIBILITY, product, datetime.now(UTC).date())
    return digest_of(current, shipped_policies()["cfi"])


def url(user_id: str = "ada", what: str = "eligibility") -> str:
    return f"/v1/{user_id}/underwriting/{what}"


async def judged(store: Store, evaluation_id: str, books_digest: str, **changes: object) -> None:
    """What the flow does to the store, with a result of the test's own."""
    now = datetime.now(UTC)
    claim = await claim_check(store, evaluation_id)
    assert claim is not None
    async with store.begin() as work:
        request = claim.subject
        profile = await profiles.on_first_contact(work, request.tenant, request.user_id, now, CURRENCY, TIERS)
    result = eligibility(**{"profile_version": profile.version, "decided_at": now, **changes})
    await finish_check(store, claim, result, books_digest)


async def fresh(api: httpx.AsyncClient, store: Store, books_digest: str, **changes: object) -> httpx.Response:
    """The answer of a check that was judged."""
    asked = await api.get(url())
    await judged(store, asked.json()["id"], books_digest, **changes)
    return await api.get(url())


def unknown(book: EligibilityBook) -> BookResult:
    """What a book says where nothing is known."""
    why = Outcome(rule="MinimumIncome", result=Result.UNKNOWN, reason=reason("account_activity_unknown"))
    fixed = {"priority": book.priority, "superseding": book.superseding, "result": Result.UNKNOWN}
    return BookResult(rulebook=book.ref, outcomes=(why,), **fixed)
