"""Builders: an eligibility check, a claim on it, and what it came to; a float profile."""

from datetime import datetime, timedelta
from itertools import count

from support.reviews import LEASE, NOW

from underwriting.domain.application import Product
from underwriting.domain.decision import Outcome, Reason, Result, RulebookRef, Verdict
from underwriting.domain.eligibility import BookResult, Eligibility, EvaluationRequest
from underwriting.domain.profile import FloatProfile, Tier
from underwriting.store import claims, evaluations, profiles
from underwriting.store.claims import Claim
from underwriting.store.evaluations import EvaluationRecord
from underwriting.store.kinds import EVALUATIONS
from underwriting.store.models import Channel
from underwriting.store.profile_rows import versions_in_force
from underwriting.store.session import Store, Work
from underwriting.store.stored import Accepted

STANDARD = RulebookRef(name="standard-float", version=3, digest="a" * 64)
STRINGENT = RulebookRef(name="stringent-float", version=1, digest="b" * 64)
BOOKS = "c" * 64
DAY = timedelta(days=1)
LOW_BALANCE = Reason(code="LOW_BALANCE", sentence="Your balance is too low for a float now.")
TIERS = (
    Tier(id="1", amount=1000, fee=100, enabled=True),
    Tier(id="2", amount=2000, fee=300, enabled=True),
    Tier(id="3", amount=3000, fee=400, enabled=False),
)
_keys = count(1)


async def check(store: Store, user_id: str = "ada", tenant: str = "acme", **options: object) -> Accepted:
    """An eligibility check, accepted."""
    asked = {"product": Product.FLOAT, "as_of": None, "idempotency_key": None, "now": NOW, **options}
    async with store.begin() as work:
        return await evaluations.accept(work, tenant, user_id, **asked)


async def claim_check(store: Store, evaluation_id: str, max_attempts: int = 5) -> Claim[EvaluationRequest] | None:
    async with store.begin() as work:
        return await claims.claim(work, EVALUATIONS, evaluation_id, "run", LEASE, max_attempts)


async def claimed_check(store: Store, user_id: str = "ada", tenant: str = "acme", **options: object) -> Claim:
    """An eligibility check, accepted and owned."""
    accepted = await check(store, user_id, tenant, **options)
    owned = await claim_check(store, accepted.stored.subject.id)
    assert owned is not None
    return owned


def eligibility(verdict: Verdict = Verdict.APPROVED, **changes: object) -> Eligibility:
    """Two books heard: the stringent one fails, the standard one says the verdict."""
    result = {Verdict.APPROVED: Result.PASS, Verdict.REJECTED: Result.FAIL, Verdict.REFERRED: Result.UNKNOWN}[verdict]
    reason = None if result is Result.PASS else LOW_BALANCE
    outcomes = (
        Outcome(rule="AverageBalance", result=result, reason=reason, observed={"average_available": 12_345}),
        Outcome(rule="FloatRank", result=Result.PASS, observed={"float_rank": 2}),
    )
    low = Outcome(rule="BalanceRequirement", result=Result.FAIL, reason=LOW_BALANCE, observed={"available": None})
    stringent = BookResult(
        rulebook=STRINGENT,
        priority=1,
        superseding=False,
        arm="b",
        certain=False,
        result=Result.FAIL,
        first_failed="BalanceRequirement",
        outcomes=(low,),
    )
    standard = BookResult(
        rulebook=STANDARD,
        priority=2,
        superseding=False,
        result=result,
        first_failed="AverageBalance" if result is Result.FAIL else None,
        cap=2000,
        outcomes=outcomes,
    )
    judged = Eligibility(
        verdict=verdict,
        currency="USD",
        approved_amounts=(1000, 2000) if verdict is Verdict.APPROVED else (),
        affordability_cap=5000,
        deciding=STANDARD if verdict is Verdict.APPROVED else None,
        reasons=() if verdict is Verdict.APPROVED else (LOW_BALANCE,),
        books=(stringent, standard),
        facts={"average_available": 12_345, "float_rank": 2, "available": None, "ratio": 0.25},
        troubles={"scores": "score service: timed out"},
        profile_version=1,
        notice_due=None if verdict is Verdict.APPROVED else (NOW + 30 * DAY).date(),
        decided_at=NOW,
    )
    return judged.model_copy(update=changes)


async def finish_check(
    store: Store,
    owned: Claim[EvaluationRequest],
    judged: Eligibility | None = None,
    books_digest: str = BOOKS,
    channels: tuple[Channel, ...] = (Channel.EVENTS,),
    floats_reported: int = 0,
) -> EvaluationRecord:
    async with store.begin() as work:
        return await evaluations.finish(work, owned, judged or eligibility(), books_digest, channels, floats_reported)


async def evaluated(store: Store, user_id: str = "ada", tenant: str = "acme", **changes: object) -> EvaluationRecord:
    """A finished evaluation."""
    return await finish_check(store, await claimed_check(store, user_id, tenant), eligibility(**changes))


async def meet(store: Store, user_id: str = "ada", tenant: str = "acme") -> FloatProfile:
    """The user's profile, a default one where it is the first contact."""
    async with store.begin() as work:
        return await profiles.on_first_contact(work, tenant, user_id, NOW, "USD", TIERS)


async def pause(
    work: Work, tenant: str, user_id: str, now: datetime, product: Product = Product.FLOAT, *, end: bool = False
) -> FloatProfile:
    """Pause a product, or end its pause, as staff do: by the next permanent version."""
    permanent = (await versions_in_force(work, tenant, user_id, now)).permanent
    paused = permanent.paused - {product} if end else permanent.paused | {product}
    return await profiles.put(work, tenant, user_id, permanent.tiers, paused, "paused", None, "ann", now)
