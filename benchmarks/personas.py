"""Decisions on generated users whose right decision is known: `python -m benchmarks.personas [--users 200] [--seed 1]`.

Each user's bank feed goes the way of a real one: Plaid's JSON, categories, facts, the shipped books of floats, the
affordability cap of the shipped policy. Everything else about the user is good. The last line is one JSON object.
"""

import argparse
import json
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime

import pandas as pd

from benchmarks.persona_users import END, User, users
from benchmarks.rig import report
from rules.core.columns import Columns
from rules.eligibility.book import shipped_eligibility_books
from rules.eligibility.decide import decide
from rules.eligibility.user import results_for
from rules.facts import USER_FACTS, tables_of, user_facts, users_as_of
from rules.limits.affordability import affordability_caps
from rules.limits.policy import shipped_policies
from rules.limits.tiers import CURRENCY, TIERS
from tasks.gather import FEED_DAYS
from underwriting.domain.application import Product
from underwriting.domain.decision import Verdict
from underwriting.domain.documents import Document, ListScreening
from underwriting.domain.eligibility import Eligibility
from underwriting.domain.histories import Bracket, BracketScore, FloatHistory, Scores, Subscription
from underwriting.domain.histories import User as UserRecord
from underwriting.domain.profile import FloatProfile
from underwriting.sources.feed_client import parse_feed

NOW = datetime(END.year, END.month, END.day, 22, tzinfo=UTC)
BOOKS = [book for book in shipped_eligibility_books().values() if book.product is Product.FLOAT]
# Facts of a new user without any other reason against an offer.
GOOD: tuple[Document, ...] = (
    UserRecord(good_standing=True, fraud_hit=False, segment="standard"),
    Subscription(renewals=()),
    FloatHistory(currency=CURRENCY, floats=()),
    Scores(key_factors=(), payback_prediction=0.85, cash_advance=(BracketScore(bracket=Bracket.TO_50, score=700),)),
    ListScreening(match_score=0.0, list_age_days=0),
)


@dataclass(frozen=True)
class Decided:
    """A user, and what the shipped books decided."""

    user: User
    eligibility: Eligibility

    @property
    def right(self) -> bool:
        """Whether the decision is the right one."""
        return (self.eligibility.verdict is Verdict.APPROVED) is self.user.good

    @property
    def codes(self) -> str:
        """The reasons, in order."""
        return ", ".join(reason.code for reason in self.eligibility.reasons)


def decided(user: User) -> Decided:
    """The decision on one user."""
    body = json.dumps(user.answer()).encode()
    feed = parse_feed("personas", "plaid", body, CURRENCY, FEED_DAYS, END).feed
    tables = {**users_as_of([user.user_id], END, NOW, CURRENCY), **tables_of(user.user_id, [feed, *GOOD])}
    facts = user_facts(tables)
    cap = affordability_caps(shipped_policies()["cfi"].affordability, facts).iloc[0]
    columns = Columns(facts)
    profile = FloatProfile(
        user_id=user.user_id, version=1, currency=CURRENCY, tiers=TIERS, created_on=NOW, created_by="benchmark",
        reason="first_contact",
    )  # fmt: skip
    eligibility = decide(
        Product.FLOAT,
        BOOKS,
        results_for(BOOKS, user.user_id, facts, {}),
        profile,
        None if pd.isna(cap) else int(cap),
        {name: columns.value(name, 0) for name in USER_FACTS},
        NOW,
    )
    return Decided(user, eligibility)


def table(found: Iterable[Decided]) -> list[str]:
    """The confusion table: a row for each kind, for users who should be approved and for those who should not."""
    counts = Counter((one.user.kind, one.user.good, one.eligibility.verdict) for one in found)
    lines = ["| kind | should be | approved | referred | rejected |", "|---|---|---:|---:|---:|"]
    for kind, good in dict.fromkeys((kind, good) for kind, good, _ in counts):
        numbers = [counts[kind, good, verdict] for verdict in (Verdict.APPROVED, Verdict.REFERRED, Verdict.REJECTED)]
        wanted = "approved" if good else "not approved"
        lines.append(f"| {kind.replace('_', ' ')} | {wanted} | {' | '.join(map(str, numbers))} |")
    return lines


def misses(found: Iterable[Decided]) -> list[str]:
    """The wrong decisions with their reasons, counted."""
    counts = Counter(
        (one.user.kind, one.user.variant, one.eligibility.verdict.value, one.codes) for one in found if not one.right
    )
    return [f"{number:4} {' / '.join(words)}" for words, number in sorted(counts.items())]


def main(per_kind: int, seed: int) -> None:
    """Decide on all users, and print the table, the wrong decisions, and the figures."""
    found = [decided(user) for user in users(per_kind, seed)]
    print(*table(found), "", *misses(found), sep="\n")
    good = [one for one in found if one.user.good]
    report(
        {
            "users": len(found),
            "wrong_approvals": sum(not one.right for one in found if not one.user.good),
            "good_approved": round(sum(one.right for one in good) / len(good), 4),
            "good_referred": round(sum(one.eligibility.verdict is Verdict.REFERRED for one in good) / len(good), 4),
            "good_rejected": round(sum(one.eligibility.verdict is Verdict.REJECTED for one in good) / len(good), 4),
        }
    )


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--users", type=int, default=200, help="of each kind")
    parser.add_argument("--seed", type=int, default=1)
    given = parser.parse_args()
    main(given.users, given.seed)
