"""Builders: a user's facts that pass every shipped book of floats, and the evaluation of them."""

from support.reviews import NOW

from rules.core.differences import frame_of
from rules.eligibility.book import shipped_eligibility_books
from rules.eligibility.decide import decide
from rules.eligibility.user import results_for
from rules.facts import USER_FACTS
from rules.limits.tiers import CURRENCY, TIERS
from underwriting.domain.application import Product
from underwriting.domain.decision import FactValue
from underwriting.domain.eligibility import Eligibility
from underwriting.domain.profile import FloatProfile

# All but the one for newcomers: the user is none.
BOOKS = [
    book
    for book in shipped_eligibility_books().values()
    if book.product is Product.FLOAT and book.name != "float-switchers"
]
# What is good: nothing bad happened, and everything else is plentiful.
PLENTY = {"integer": 5_000_00, "number": 1.0, "boolean": True, "text": "standard"}
EXCEPT: dict[str, FactValue] = {
    **dict.fromkeys(("fraud_hit", "user_covered_borrower"), False),
    **dict.fromkeys(("float_rank", "subscription_rank"), 6),
    **dict.fromkeys(("days_since_transaction", "days_since_pay", "days_since_renewal", "linked_accounts"), 1),
    **dict.fromkeys(("float_count", "renewals_paid", "renewals_in_a_row", "on_time_streak", "recurring_deposits"), 6),
    **dict.fromkeys(
        (
            "outstanding_floats",
            "loans_open",
            "loan_instalments",
            "late_floats",
            "floats_ever_late",
            "overdraft_fees_30d",
        ),
        0,
    ),
    **dict.fromkeys(
        ("negative_days_30d", "overdraft_days_60d", "competitor_advances_due", "competitor_advance_providers"), 0
    ),
    **dict.fromkeys(
        ("debt_service_per_pay", "gambling_spend_90d", "loans_received_90d", "unclassified_received_90d"), 0
    ),
    "gambling_share": 0.0,
    **dict.fromkeys(("returned_debits_30d", "returned_debits_60d", "returned_debits_90d", "runs_below"), 0),
    **dict.fromkeys(
        ("list_match_score", "list_confirmed_score", "collection_error_ratio", "recurring_income_cv", "transfer_ratio"),
        0.0,
    ),
    "list_age_days": 0,
    "transactions_per_month": 60.0,
    "spend_to_income": 0.5,
    "cash_advance_score_to_50": 900,
    "cash_advance_score_to_100": 900,
    "cash_advance_score_to_200": 900,
    "cash_advance_score_to_350": 900,
    "pay_period_days": 14,
    "essential_spend_per_pay": 1_000_00,
    **dict.fromkeys(("repayments_of_6", "on_time_of_6"), 6),
    **dict.fromkeys(("healthy_days_60d", "balance_days_60d"), 60),
}


def good_facts(**changes: FactValue) -> dict[str, FactValue]:
    """Facts that pass, but for what a test changes."""
    return {name: PLENTY[fact.type] for name, fact in USER_FACTS.items()} | EXCEPT | changes


def profile(user_id: str = "ada", version: int = 1) -> FloatProfile:
    return FloatProfile(
        user_id=user_id, version=version, currency=CURRENCY, tiers=TIERS, created_on=NOW, created_by="t", reason="test"
    )


def judged(user_id: str = "ada", cap: int | None = 5_000, **changes: FactValue) -> Eligibility:
    """The evaluation of such a user by the shipped books."""
    facts = good_facts(**changes)
    results = results_for(BOOKS, user_id, frame_of(facts), {})
    return decide(Product.FLOAT, BOOKS, results, profile(user_id), cap, facts, NOW)
