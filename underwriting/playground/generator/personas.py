"""Users with a known right answer: one table, each like the steady user except for one special property.

The answers are those of the policy `cfi` for a run on the last day of the histories. A move is raised, held, lowered or
paused; the reason is one of those of the record.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from underwriting.domain.histories import Category


class Cadence(StrEnum):
    """How often the persona's pay comes."""

    WEEKLY = "weekly"
    FORTNIGHTLY = "fortnightly"
    # The 15th and the last day, or the business day before.
    TWICE_A_MONTH = "twice_a_month"
    # The third Wednesday.
    MONTHLY = "monthly"


RAISED, HELD, LOWERED, PAUSED = "raised", "held", "lowered", "paused"


@dataclass(frozen=True)
class Persona:
    """One kind of user: what happens to the limit, and why. Days count back from the last one, money is in cents."""

    id: str
    special: str
    move: str
    reason: str
    # The limit after the run; None where it stays.
    after: int | None = None
    # Facts that make the persona what it is, by name.
    facts: Mapping[str, int | float | bool | None] = field(default_factory=dict)

    # The limit in force.
    limit: int = 5_000
    raised_ago: int | None = 30
    runs_below: int = 0

    # The main account.
    history: int = 200
    refreshed_ago: int = 0
    # The balance of the last day, and the holds on it.
    balance: int = 250_000
    holds: int = 0

    # The pay: amount, category, cadence, days since the last one, the most pays, and the missed one.
    pay: int = 140_000
    pay_kind: Category = Category.WAGES
    cadence: Cadence = Cadence.FORTNIGHTLY
    paid_ago: int = 4
    most_pays: int = 100
    missed_pay: int | None = None
    # Essential spending after each pay; other spending keeps the account level.
    essentials: int = 50_000

    # Within the last 30 days: returned debits, days below zero, advances of another app that are still due.
    returned: int = 0
    negative_days: int = 0
    advances_due: int = 0

    # Floats repaid on time, the last five days ago; the largest of them; in how many days an open one is due, below 0
    # where it is late.
    floats: int = 9
    largest: int = 5_000
    open_due_in: int | None = None
    # Renewals paid, the last ten days ago.
    renewals: int = 9

    # What the other services say; None where they do not know.
    fraud: bool | None = False
    match_score: float = 0.1
    confirmed_score: float = 0.0
    # Documents that the sources do not have.
    without: frozenset[str] = frozenset()


# A balance on the last day with which that of the fortnight is a cent short of 1,500.00.
LOW = 132_257

TABLE = (
    Persona("steady", "all that the next tier asks", RAISED, "limit_raised", 8_000),
    Persona(
        # How long ago a monthly pay came depends on the day of the month: a raise would, too.
        "steady-pensioner",
        "a pension counts like wages",
        HELD,
        "limit_highest",
        None,
        {"pay_period_days": 28},
        limit=20_000,
        largest=10_000,
        pay=210_000,
        pay_kind=Category.BENEFITS,
        cadence=Cadence.MONTHLY,
    ),
    Persona(
        "steady-weekly", "paid every week", RAISED, "limit_raised", 8_000, {"pay_period_days": 7},
        pay=70_000, essentials=25_000, cadence=Cadence.WEEKLY, paid_ago=2,
    ),
    Persona(
        # The same.
        "steady-twice-a-month", "paid twice a month, before weekends", HELD, "limit_highest", None,
        {"recurring_deposits": 6}, limit=20_000, largest=10_000, cadence=Cadence.TWICE_A_MONTH, balance=400_000,
    ),
    Persona(
        "missed-one-pay", "one pay never came", RAISED, "limit_raised", 8_000,
        {"recurring_deposits": 6, "pay_period_days": 14}, missed_pay=2,
    ),
    Persona("unscored", "the score service does not know the user", RAISED, "limit_raised", 8_000,
            {"payback_prediction": None}, without=frozenset({"scores"})),
    # At the thresholds.
    Persona("newcomer", "45 days of history", HELD, "limit_history_short", None, {"history_days": 45}, history=46),
    Persona("two-returned", "as many returned debits as a raise allows", RAISED, "limit_raised", 8_000,
            {"returned_debits_30d": 2}, returned=2),
    Persona("three-returned", "one more", LOWERED, "limit_debits_returned", 1_000,
            {"returned_debits_30d": 3}, returned=3),
    Persona("three-negative", "as many days below zero as a raise allows", RAISED, "limit_raised", 8_000,
            {"negative_days_30d": 3, "overdraft_days_60d": 3}, negative_days=3),
    Persona("four-negative", "one more", HELD, "limit_account_overdrawn", None,
            {"negative_days_30d": 4}, negative_days=4),
    # Income.
    Persona("first-pay", "one pay only, and the lowest limit", HELD, "limit_income_irregular", None,
            {"recurring_deposits": 0}, most_pays=1, limit=1_000, raised_ago=None),
    Persona("one-pay", "one pay only, and a higher limit", HELD, "limit_under_review", None,
            {"recurring_deposits": 0, "days_since_pay": None}, most_pays=1),
    Persona("long-stopped", "the last pay is three periods ago", HELD, "limit_under_review", None,
            {"recurring_deposits": 0, "days_since_pay": None}, paid_ago=42),
    Persona("long-stopped-again", "nor did it come for a month", LOWERED, "limit_income_irregular", 4_000,
            {"recurring_deposits": 0, "runs_below": 30}, paid_ago=42, runs_below=30),
    Persona("late-pay", "the pay is a week late", HELD, "limit_pay_awaited", None,
            {"days_since_pay": 21}, paid_ago=21),
    Persona("stopped", "the pay has stopped", LOWERED, "limit_income_stopped", 1_000,
            {"days_since_pay": 24}, paid_ago=24),
    Persona("low-pay", "the share of the pay is below the next tier", HELD, "limit_pay_low", None,
            {"recurring_deposit_amount": 25_000}, pay=25_000, essentials=5_000, cadence=Cadence.WEEKLY),
    Persona("thin-margin", "little is left of a pay after essential spending", HELD, "limit_free_income_low", None,
            {"essential_spend_per_pay": 128_489}, essentials=118_000),  # Seven times in 90 days.
    Persona("stacked", "owes other apps what a pay leaves", HELD, "limit_free_income_low", None,
            {"competitor_advances_due": 79_000}, advances_due=79_000),
    # Our floats.
    Persona("open", "owes us a float", HELD, "limit_float_open", None,
            {"outstanding_floats": 1, "late_floats": 0}, open_due_in=3),
    Persona("late", "a float is past due", HELD, "limit_float_late", None,
            {"outstanding_floats": 1, "late_floats": 1}, open_due_in=-4),
    Persona("raised-lately", "raised a day less ago than it takes", HELD, "limit_raised_recently", None,
            {"days_since_raise": 13}, raised_ago=13),
    Persona("one-repayment", "one float repaid since the last raise", HELD, "limit_repayments_few", None,
            {"days_since_raise": 20, "on_time_since_raise": 1}, raised_ago=20),
    Persona("few-floats", "a rank too low for the next tier", HELD, "limit_float_rank_low", None,
            {"float_rank": 3}, limit=4_000, floats=3),
    Persona("no-floats", "has the first limit and never took a float", HELD, "limit_float_rank_low", None,
            {"float_rank": 0, "repayments_of_6": 0}, limit=2_000, raised_ago=None, floats=0),
    Persona("few-renewals", "a subscription too young for the next tier", HELD, "limit_subscription_rank_low", None,
            {"subscription_rank": 3}, renewals=3),
    Persona("never-hundred", "never repaid a hundred", HELD, "limit_repaid_amount_low", None,
            {"largest_repaid": 8_000}, limit=10_000, largest=8_000),
    Persona("hundred", "repaid a hundred", RAISED, "limit_raised", 20_000,
            {"largest_repaid": 10_000}, limit=10_000, largest=10_000),
    Persona("highest", "has the highest limit", HELD, "limit_highest", None,
            {"current_limit": 20_000}, limit=20_000, largest=10_000),
    # The balance, of a whole pay cycle: it ends it at `balance`, and is higher between a pay and what is spent of it.
    Persona("low-balance", "a cent short of the next step", HELD, "limit_available_balance_low", None,
            {"cycle_available_balance": 149_999}, limit=4_000, balance=LOW),
    Persona("held-balance", "a hold brings the balance below the step", HELD, "limit_available_balance_low", None,
            {"current_balance": LOW + 1, "available_balance": LOW - 99, "cycle_available_balance": 149_993},
            limit=4_000, balance=LOW + 1, holds=100),
    Persona("enough-balance", "the next step to the cent", RAISED, "limit_raised", 5_000,
            {"cycle_available_balance": 150_000}, limit=4_000, balance=LOW + 1),
    Persona("banded-balance", "a fifth below what the limit asks", HELD, "limit_available_balance_low", None,
            {"cycle_available_balance": 160_000}, limit=8_000, balance=LOW + 10_001),
    Persona("below-once", "the balance does not support the limit", HELD, "limit_under_review", None,
            {"runs_below": 0}, limit=8_000, balance=LOW + 10_000),
    Persona("below-long", "nor did it for a month", LOWERED, "limit_available_balance_low", 5_000,
            {"runs_below": 30, "days_below": 30}, limit=8_000, balance=LOW + 10_000, runs_below=30),
    # Hits.
    Persona("fraud", "fraud was confirmed", PAUSED, "limit_fraud", None, {"fraud_hit": True}, fraud=True),
    Persona("listed", "on a list", PAUSED, "list_match", None, {"list_confirmed_score": 0.97},
            match_score=0.97, confirmed_score=0.97),
    Persona("namesake", "bears a listed name", HELD, "list_match_possible", None,
            {"list_match_score": 1.0, "list_confirmed_score": 0.0}, match_score=1.0),
    Persona("possible-match", "may be on a list", HELD, "list_match_possible", None,
            {"list_match_score": 0.85}, match_score=0.85),
    # Not known.
    Persona("stale", "a feed of five days ago", HELD, "limit_feed_stale", None,
            {"returned_debits_30d": None}, refreshed_ago=5),
    Persona("no-feed", "the bank gave nothing", HELD, "limit_history_unknown", None,
            {"history_days": None, "available_balance": None}, without=frozenset({"feeds"})),
    Persona("no-floats-known", "the float service gave nothing", HELD, "limit_floats_unknown", None,
            {"float_rank": None}, without=frozenset({"float_histories"})),
    Persona("no-subscription-known", "the subscription service gave nothing", HELD, "limit_subscription_unknown", None,
            {"subscription_rank": None}, without=frozenset({"subscriptions"})),
    Persona("fraud-unknown", "nobody knows of fraud or none", HELD, "limit_fraud_unknown", None,
            {"fraud_hit": None}, fraud=None),
    Persona("unscreened", "never compared with the lists", HELD, "list_screening_unavailable", None,
            {"list_match_score": None}, without=frozenset({"list_screenings"})),
)  # fmt: skip
