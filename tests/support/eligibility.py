"""Builders: books of eligibility in a line or two, and a user whom they approve."""

from datetime import UTC, datetime

import pandas as pd
from support.applicants import frame

from rules.eligibility.book import EligibilityBook, parse_eligibility_book
from rules.eligibility.decide import decide
from rules.eligibility.user import results_for
from rules.explain.catalogue_page import facts_read_by
from rules.limits.tiers import TIERS
from underwriting.domain.application import Product
from underwriting.domain.eligibility import BookResult, Eligibility
from underwriting.domain.profile import FloatProfile


def book_of(*rules: str, name: str = "test", product: str = "float", **keys: object) -> EligibilityBook:
    """A book of a few rules, each as YAML (`AgeOfAccount: {min_age: 60}`); further keys as YAML values."""
    head = {"name": name, "version": 1, "product": product, "currency": "USD", "valid_from": "2026-01-01", **keys}
    if str(head.get("superseding")).lower() != "true":
        head.setdefault("offers", [1000, 2000, 3000, 4000, 5000, 8000, 10_000, 20_000])
    lines = [f"{key}: {str(value).lower() if isinstance(value, bool) else value}" for key, value in head.items()]
    return parse_eligibility_book("\n".join([*lines, "rules:", *(f"  - {rule}" for rule in rules)]))


# A user who passes every shipped book, in the order of the catalogue of histories.
GOOD: dict[str, object] = {
    "feed_complete": True,
    "feed_connected": True,
    "history_days": 400,
    "days_since_transaction": 1,
    "feed_age_hours": 2.0,
    "transactions_per_month": 40.0,
    "essential_transactions": 12,
    "competitor_advances_30d": 1,
    "competitor_advances_60d": 2,
    "competitor_advances_90d": 3,
    "competitor_repayments_30d": 1,
    "competitor_repayments_60d": 2,
    "competitor_repayments_90d": 3,
    "competitor_borrowed_90d": 15_000,
    "competitor_repaid_90d": 15_000,
    "competitor_advances_due": 0,
    "competitor_advance_providers": 0,
    "recurring_deposits": 6,
    "recurring_deposit_amount": 120_000,
    "recurring_income_cv": 0.05,
    "pay_period_days": 14,
    "days_since_pay": 3,
    "income_streams": 1,
    "monthly_income": 260_000,
    "essential_spend_per_pay": 40_000,
    "debt_service_per_pay": 0,
    "transfer_ratio": 0.1,
    "income_90d": 780_000,
    "spend_to_income": 0.8,
    "loans_received_90d": 0,
    "unclassified_received_90d": 0,
    "gambling_spend_90d": 0,
    "gambling_share": 0.0,
    "overdraft_fees_30d": 0,
    "returned_debits_30d": 0,
    "returned_debits_60d": 0,
    "returned_debits_90d": 0,
    "negative_days_30d": 0,
    "overdraft_days_60d": 0,
    "healthy_days_60d": 60,
    "balance_days_60d": 60,
    "current_balance": 200_000,
    "available_balance": 190_000,
    "cycle_available_balance": 185_000,
    "average_balance": 180_000,
    "institution_id": "first-bank",
    "linked_accounts": 1,
    "float_count": 9,
    "float_rank": 8,
    "outstanding_floats": 0,
    "late_floats": 0,
    "floats_ever_late": 0,
    "on_time_streak": 9,
    "days_since_late": None,
    "repayments_of_6": 6,
    "on_time_of_6": 6,
    "collection_error_ratio": 0.0,
    "largest_repaid": 20_000,
    "user_found": True,
    "good_standing": True,
    "fraud_hit": False,
    "segment": "consumer",
    "user_covered_borrower": False,
    "user_covered_borrower_age_days": 0,
    "renewals_paid": 9,
    "subscription_rank": 8,
    "renewals_in_a_row": 9,
    "days_since_renewal": 20,
    "loans_open": 0,
    "loan_instalments": 0,
    "payback_prediction": 0.95,
    "cash_advance_score_to_50": 800,
    "cash_advance_score_to_100": 800,
    "cash_advance_score_to_200": 800,
    "cash_advance_score_to_350": 800,
    "score_model": "advance-score 2",
    "score_factor_1": "Your account is new.",
    "score_factor_2": None,
    "score_factor_3": None,
    "score_factor_4": None,
    "current_limit": 20_000,
    "days_since_raise": 60,
    "on_time_since_raise": 3,
    "days_since_lowering": None,
    "runs_below": 0,
    "days_below": None,
    "list_match_score": 0.1,
    "list_confirmed_score": 0.0,
    "list_match_evidence": None,
    "list_age_days": 0,
}
NOW = datetime(2026, 3, 2, 12, tzinfo=UTC)


def profile_of(limit: int = 20_000, **changes: object) -> FloatProfile:
    """A profile with the tiers up to `limit` (minor units) enabled."""
    tiers = tuple(tier.model_copy(update={"enabled": tier.amount <= limit}) for tier in TIERS)
    head = {"user_id": "u-1", "version": 3, "currency": "USD", "created_on": NOW, "created_by": "test"}
    return FloatProfile(**{**head, "tiers": tiers, "reason": "test", **changes})


def row_of(**changes: object) -> pd.DataFrame:
    """The facts of a good user with some changed, one row."""
    return frame(**{name: [value] for name, value in {**GOOD, **changes}.items()})


def results_of(*books: EligibilityBook, user_id: str = "u-1", **changes: object) -> tuple[BookResult, ...]:
    """What the books say of a good user with some facts changed, no flag being on."""
    read = {name for book in books for rule in book.rules for name in facts_read_by(type(rule))}
    read |= {"segment", *changes}
    row = {name: [{**GOOD, **changes}[name]] for name in read}
    return results_for(books, user_id, frame(**row), {})


PROFILE = profile_of()


def judged(
    *books: EligibilityBook,
    cap: int | None = 100_000,
    profile: FloatProfile = PROFILE,
    product: Product = Product.FLOAT,
    **changes: object,
) -> Eligibility:
    """What the books come to for the good user, with other facts in `changes`."""
    results = results_of(*books, **changes)
    return decide(product, books, results, profile, cap, {**GOOD, **changes}, NOW)


def codes(eligibility: Eligibility) -> list[str]:
    """The codes of its reasons."""
    return [reason.code for reason in eligibility.reasons]
