"""Runs every book for a user, and decides from the results."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from rules.core.columns import Columns
from rules.eligibility.book import EligibilityBook
from rules.eligibility.decide import decide
from rules.eligibility.user import results_for
from rules.facts import USER_FACTS, user_facts
from rules.facts.terms import fact_terms
from tasks.user_check import UserCheck
from underwriting.decision_basis import affordability_cap
from underwriting.domain.decision import FactValue, RulebookRef
from underwriting.domain.eligibility import BookResult, Eligibility
from underwriting.store import reported_floats


@dataclass(frozen=True)
class BooksResult:
    """The results of the books, what they rest on, and the decision time.

    `digest` is that of all books in force; `floats_reported` is the number of the user's floats that events reported.
    """

    books: tuple[EligibilityBook, ...]
    digest: str
    floats_reported: int
    results: tuple[BookResult, ...]
    facts: dict[str, FactValue]
    affordability_cap: int | None
    policy: RulebookRef
    at: datetime


async def run_books(check: UserCheck) -> BooksResult:
    """Compute all facts of what was gathered, and run every published book that applies to the user."""
    request = check.request
    async with check.runtime.store.read() as work:
        books, digest = await check.runtime.rulebook_cache.eligibility(work, request.product)
        reported = await reported_floats.of_user(work, request.tenant, request.user_id)
    check.add_reported(reported)
    return await result_of_books(check, books, digest, len(reported))


async def result_of_books(
    check: UserCheck, books: Sequence[EligibilityBook], digest: str, floats_reported: int
) -> BooksResult:
    """The facts of what was gathered, as of now, and the results of those books that apply to the user."""
    runtime, request, now = check.runtime, check.request, datetime.now(UTC)
    policy = runtime.rulebook_cache.limit_policy
    if not policy.in_force_on(now.date()):
        check.troubles["limit_policy"] = f"{policy.ref} is not in force; UNDERWRITING_LIMIT_POLICY names it"
    if check.profile.currency not in fact_terms().currencies:
        check.troubles["fact_terms"] = f"{fact_terms().ref} has no amounts in {check.profile.currency}; add them"
    frame = await asyncio.to_thread(user_facts, check.tables(now))
    columns = Columns(frame)
    facts = {name: columns.value(name, 0) for name in USER_FACTS}
    segment = facts["segment"]
    names = {book.applies_to.flag for book in books if book.applies_to.flag is not None}
    flags = await runtime.flags.known(names, request.user_id, None if segment is None else str(segment))
    return BooksResult(
        tuple(books),
        digest,
        floats_reported,
        await asyncio.to_thread(results_for, books, request.user_id, frame, flags),
        facts,
        affordability_cap(policy, facts) if policy.in_force_on(now.date()) else None,
        policy.ref,
        now,
    )


def decide_evaluation(check: UserCheck, result: BooksResult) -> Eligibility:
    """The evaluation, by the precedence of the books: verdict, amounts, reasons.

    The decision time is the moment as of which the facts were computed, so that a replay knows it.
    """
    return decide(
        check.request.product,
        result.books,
        result.results,
        check.profile,
        result.affordability_cap,
        result.facts,
        result.at,
        check.troubles,
        result.policy,
        fact_terms().ref,
        check.request.requested_on,
    )
