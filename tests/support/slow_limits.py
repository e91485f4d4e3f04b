"""A second calculator of limits: one user after the other, in plain Python, with fractions.

Written from docs/limits.md and the policy's YAML alone. It shares no code with the engine: no models, no columns.
"""

from fractions import Fraction
from math import ceil, floor
from typing import Any

TIERS = [1_000, 2_000, 3_000, 4_000, 5_000, 8_000, 10_000, 20_000]
# What falls due of each, its fee included: rules/policies/float_tiers.yaml.
DUE = {
    1_000: 1_100,
    2_000: 2_300,
    3_000: 3_400,
    4_000: 4_500,
    5_000: 5_500,
    8_000: 8_600,
    10_000: 10_700,
    20_000: 20_700,
}
YES, NO, PERHAPS = "yes", "no", "perhaps"
Row = dict[str, Any]


def exact(number: Any) -> Fraction:
    """A decimal of the policy as it is written."""
    return Fraction(str(number))


def every(*answers: str) -> str:
    """And, three-valued."""
    return NO if NO in answers else PERHAPS if PERHAPS in answers else YES


def at_least(value: Any, least: Any) -> str:
    return PERHAPS if value is None else YES if value >= least else NO


def at_most(value: Any, most: Any) -> str:
    return PERHAPS if value is None else YES if value <= most else NO


def health(policy: Row, user: Row) -> Fraction | None:
    names = (
        "on_time_of_6",
        "repayments_of_6",
        "healthy_days_60d",
        "overdraft_days_60d",
        "balance_days_60d",
        "recurring_income_cv",
        "history_days",
    )
    if any(user[name] is None for name in names) or user["balance_days_60d"] == 0:
        return None
    days, weights = user["balance_days_60d"], policy["affordability"]["health"]
    variation = Fraction(round(Fraction(user["recurring_income_cv"]) * 10**6), 10**6)
    repayments = user["repayments_of_6"]
    full = policy["affordability"]["full_history_days"]
    total = (
        exact(weights["on_time"]) * (Fraction(user["on_time_of_6"], repayments) if repayments else 0)
        + exact(weights["balance"]) * Fraction(user["healthy_days_60d"], days)
        + exact(weights["overdraft"]) * (1 - Fraction(user["overdraft_days_60d"], days))
        + exact(weights["steadiness"]) * (1 - min(Fraction(1), variation))
        + exact(weights["history"]) * min(Fraction(1), Fraction(user["history_days"], full))
    )
    return Fraction(floor(total * 10**6), 10**6)


def cap(policy: Row, user: Row) -> int | None:
    """In cents, not yet down to a tier."""
    terms, deposits = policy["affordability"], user["recurring_deposits"]
    if deposits is None:
        return None
    confidence = max((exact(row["share"]) for row in terms["confidence"] if deposits >= row["min_deposits"]), default=0)
    if confidence == 0:
        return 0
    pay, essential = user["recurring_deposit_amount"], user["essential_spend_per_pay"]
    due, healthy = user["competitor_advances_due"], health(policy, user)
    service = user["debt_service_per_pay"]
    if healthy is None or None in (pay, essential, service, due):
        return None
    from_pay = (exact(terms["base_share"]) + exact(terms["health_share"]) * healthy) * pay * confidence
    from_free = exact(terms["free_share"]) * max(0, pay - essential - service - due)
    return floor(min(Fraction(from_pay), Fraction(from_free)))


def down_to_tier(amount: int | None) -> int | None:
    return None if amount is None else max((tier for tier in TIERS if DUE[tier] <= amount), default=0)


def gates(policy: Row, user: Row) -> dict[str, str]:
    numbers = policy["gates"]
    score, confirmed, fraud = user["list_match_score"], user["list_confirmed_score"], user["fraud_hit"]
    hit, grey = numbers["not_listed"]["min_match_score"], numbers["not_listed"]["grey_match_score"]
    return {
        "history": at_least(user["history_days"], numbers["history"]["min_days"]),
        "recurring_income": at_least(user["recurring_deposits"], numbers["recurring_income"]["min_deposits"]),
        "running_income": income_runs(numbers["running_income"]["max_pay_periods"], user),
        "steady_income": steady(numbers["steady_income"]["max_variation"], user),
        "no_open_float": at_most(user["outstanding_floats"], 0),
        "no_late_float": at_most(user["late_floats"], 0),
        "few_late_repayments": PERHAPS
        if user["repayments_of_6"] is None or user["on_time_of_6"] is None
        else at_most(user["repayments_of_6"] - user["on_time_of_6"], numbers["few_late_repayments"]["max_count"]),
        "not_listed": PERHAPS
        if score is None
        else NO
        if min(score, confirmed or 0) >= hit
        else PERHAPS
        if score >= grey
        else YES,
        "no_fraud": PERHAPS if fraud is None else NO if fraud else YES,
        "good_standing": PERHAPS if user["good_standing"] is None else YES if user["good_standing"] else NO,
        "few_returned_debits": at_most(user["returned_debits_30d"], numbers["few_returned_debits"]["max_count"]),
        "few_negative_days": at_most(user["negative_days_30d"], numbers["few_negative_days"]["max_days"]),
        "fresh_feed": at_most(user["feed_age_hours"], numbers["fresh_feed"]["max_hours"]),
    }


def steady(most: Any, user: Row) -> str:
    if user["recurring_deposits"] == 0:
        return YES
    said = at_most(user["recurring_income_cv"], most)
    return PERHAPS if said == NO and user["recurring_deposits"] is None else said


def income_runs(periods: Any, user: Row) -> str:
    since, period, age = user["days_since_pay"], user["pay_period_days"], user["feed_age_hours"]
    if user["recurring_deposits"] == 0:
        return YES
    if since is None or period is None:
        return PERHAPS
    if since <= exact(periods) * period:
        return YES
    # It stopped if the account was looked at after the last moment at which the pay was in time.
    late = age is not None and since - Fraction(age) / 24 > exact(periods) * period
    return NO if late and user["recurring_deposits"] is not None else PERHAPS


def less(asked: int, band: Any) -> int:
    """What is asked, less the dead band, rounded up to the cent."""
    return ceil(asked - abs(asked) * exact(band))


def row_met(policy: Row, row: Row, user: Row, band: Any) -> str:
    answers = [at_least(user[policy["balance"]], less(row["min_available"], band))]
    for name, fact in (
        ("min_float_rank", "float_rank"),
        ("min_subscription_rank", "subscription_rank"),
        ("min_repaid", "largest_repaid"),
    ):
        if row.get(name, 0) > 0:
            answers.append(at_least(user[fact], row[name]))
    return every(*answers)


def allowed(policy: Row, user: Row, affordable: int | None, tier: int, band: Any = 0) -> str:
    """Whether the table and the cap allow a tier, or keep it, with the dead band."""
    if tier == TIERS[0]:
        return YES
    row = next((row for row in policy["table"] if row["tier"] == tier), None)
    return NO if row is None else every(row_met(policy, row, user, band), at_least(affordable, less(DUE[tier], band)))


def target(policy: Row, user: Row, affordable: int | None) -> int | None:
    answers = {tier: allowed(policy, user, affordable, tier) for tier in TIERS}
    surely = max(tier for tier, answer in answers.items() if answer == YES)
    perhaps = max(tier for tier, answer in answers.items() if answer != NO)
    return surely if surely == perhaps else None


def is_below(policy: Row, user: Row, affordable: int | None, limit: int) -> bool:
    band = policy["step"]["dead_band"]
    if target(policy, user, affordable) is None:
        return False
    if any(allowed(policy, user, affordable, tier, band) != NO for tier in TIERS if tier >= limit):
        return False
    # What everybody gets on first contact is taken away by the cap alone.
    own = min((tier for tier in TIERS if tier >= limit), default=limit)
    protected = limit <= policy["step"]["first_limit"]
    return not protected or (affordable is not None and affordable < less(DUE.get(own, own), band))


def lasted(policy: Row, user: Row) -> bool:
    """Whether the limit was below for as many pay cycles, and not lowered in as many."""
    cycles, period = policy["step"]["cycles_below"], user["pay_period_days"]
    days = max(policy["step"]["days_below"], cycles * (policy["step"]["cycle_days"] if period is None else period))
    lowered = user["days_since_lowering"]
    return (user["days_below"] or 0) >= days and (lowered is None or lowered >= days)


def awaits_pay(step: Row, user: Row) -> bool:
    since, period = user["days_since_pay"], user["pay_period_days"]
    return None not in (since, period) and since > exact(step["pay_within"]) * period


def decide(policy: Row, user: Row) -> dict[str, Any]:
    """Move, limit after, runs below after, and what it rests on."""
    limit, step, said = user["current_limit"], policy["step"], gates(policy, user)
    affordable = cap(policy, user)
    basis = {"target": target(policy, user, affordable), "cap": down_to_tier(affordable), "gates": said}
    if limit is not None and any(said[name] == NO for name in step["pauses"]):
        return {"move": "paused", "after": limit, "runs_below": 0, "at_once": False, **basis}
    if limit is None or limit <= 0:
        return {"move": "held", "after": limit, "runs_below": 0, "at_once": False, **basis}
    if limit > TIERS[0] and any(said[name] == NO for name in step["at_once"]):
        return {"move": "lowered", "after": TIERS[0], "runs_below": 0, "at_once": True, **basis}
    up = next((row["tier"] for row in [{"tier": TIERS[0]}, *policy["table"]] if row["tier"] > limit), None)
    since, repaid = user["days_since_raise"], user["on_time_since_raise"]
    if (
        up is not None
        and allowed(policy, user, affordable, up) == YES
        and at_least(affordable, DUE[up]) == YES
        and set(said.values()) == {YES}
        and (since is None or since >= step["cool_down_days"])
        and (user["days_since_lowering"] is None or user["days_since_lowering"] >= step["rest_days"])
        and not awaits_pay(step, user)
        and repaid is not None
        and repaid >= step["min_on_time"]
        and user["on_time_of_6"] is not None
        and user["repayments_of_6"] is not None
        and user["on_time_of_6"] >= user["repayments_of_6"] * exact(step["min_on_time_share"])
    ):
        return {"move": "raised", "after": up, "runs_below": 0, "at_once": False, **basis}
    runs = (user["runs_below"] or 0) + 1 if is_below(policy, user, affordable, limit) else 0
    if runs >= step["runs_below"] and lasted(policy, user) and PERHAPS not in said.values():
        lower = max(tier for tier in TIERS if tier < limit)
        return {"move": "lowered", "after": lower, "runs_below": 0, "at_once": False, **basis}
    return {"move": "held", "after": limit, "runs_below": runs, "at_once": False, **basis}
