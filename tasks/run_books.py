"""The rule runner and the result runner: what every book says of a user, and what that comes to."""

import asyncio
from dataclasses import dataclass
from datetime import UTC, datetime

import pandas as pd
from prefect import task
from prefect.cache_policies import NO_CACHE

from rules.core.columns import Columns
from rules.eligibility.book import EligibilityBook
from rules.eligibility.decide import decide
from rules.eligibility.user import results_for
from rules.facts import USER_FACTS, user_facts
from rules.facts.terms import fact_terms
from rules.limits.affordability import affordability_caps
from rules.limits.policy import LimitPolicy, shipped_policies
from tasks.user_check import UserCheck
from underwriting.domain.decision import FactValue, RulebookRef
from underwriting.domain.eligibility import BookResult, Eligibility
from underwriting.store import told_floats


@dataclass(frozen=True)
class BooksResult:
    """What the books said, what of, and when.

    `digest` is that of the whole set in force; `floats_told` how many floats of the user events had told of.
    """

    books: tuple[EligibilityBook, ...]
    digest: str
    floats_told: int
    results: tuple[BookResult, ...]
    facts: dict[str, FactValue]
    affordability_cap: int | None
    policy: RulebookRef
    at: datetime


@task(cache_policy=NO_CACHE, persist_result=False, timeout_seconds=60)
async def run_books(check: UserCheck) -> BooksResult:
    """Compute all facts of what was gathered, and run every published book that applies to the user."""
    runtime, request, now = check.runtime, check.request, datetime.now(UTC)
    async with runtime.store.read() as work:
        books, digest = await runtime.rulebook_cache.eligibility(work, request.product)
        told = await told_floats.of_user(work, request.tenant, request.user_id)
    check.add_told(told)
    policy = shipped_policies()[runtime.config.limit_policy]
    if not policy.in_force_on(now.date()):
        check.troubles["limit_policy"] = f"{policy.ref} is not in force; UNDERWRITING_LIMIT_POLICY names it"
    if check.profile.currency not in fact_terms().currencies:
        check.troubles["fact_terms"] = f"{fact_terms().ref} has no amounts in {check.profile.currency}; add them"
    facts = await asyncio.to_thread(user_facts, check.tables(now))
    columns = Columns(facts)
    segment = columns.value("segment", 0)
    names = {book.applies_to.flag for book in books if book.applies_to.flag is not None}
    flags = await runtime.flags.known(names, request.user_id, None if segment is None else str(segment))
    return BooksResult(
        tuple(books),
        digest,
        len(told),
        await asyncio.to_thread(results_for, books, request.user_id, facts, flags),
        {name: columns.value(name, 0) for name in USER_FACTS},
        _affordability_cap(policy, facts) if policy.in_force_on(now.date()) else None,
        policy.ref,
        now,
    )


def judge_results(check: UserCheck, ran: BooksResult) -> Eligibility:
    """The evaluation, by the precedence of the books: verdict, amounts, reasons.

    It is decided at the moment that the facts are counted from, so that whoever replays it knows that moment.
    """
    return decide(
        check.request.product,
        ran.books,
        ran.results,
        check.profile,
        ran.affordability_cap,
        ran.facts,
        ran.at,
        check.troubles,
        ran.policy,
        fact_terms().ref,
        check.request.requested_at,
    )


def _affordability_cap(policy: LimitPolicy, facts: pd.DataFrame) -> int | None:
    """What the user can afford by the policy, down to a tier; None where it is not known."""
    cap = affordability_caps(policy.affordability, facts).iloc[0]
    return None if pd.isna(cap) else int(cap)
