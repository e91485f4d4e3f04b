"""Every rule gives the same three-valued answer as a predicate written in SQL, on random facts with gaps."""

import sqlite3
from random import Random
from typing import get_args

import duckdb
import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.applicants import frame
from support.examples import steady
from support.sql_answers import facts_in, in_duckdb, in_postgres, in_sqlite

from rules.core.columns import Columns
from rules.core.rule_result import evaluate_rule
from rules.eligibility import USER_RULES
from rules.facts import CATALOGUE
from rules.prescreening.catalogue import RULES

# Written from the rules' sentences; `$name` is a property.
PRESCREENING = {
    "CustomerFound": "customer_found",
    "IdentityComplete": "identity_fields_missing = 0",
    "AdultApplicant": "age_years >= $min_age_years",
    "ResidenceServed": "residence_country IN ($countries) AND (NOT is_company OR company_country IN ($countries))",
    "CompanyActive": "NOT is_company OR (company_active AND company_age_days >= $min_age_days)",
    "ContactVerified": "email_verified OR phone_verified",
    # What is always referred passes or is unknown.
    "StatementsAddUp": "CASE WHEN broken_statement_line = 0 THEN true END",
    "StatementCoverage": "months_covered >= $min_months AND statement_age_days <= $max_age_days",
    "StableEndOfMonthBalance": "lowest_month_end_balance >= $min_balance AND month_end_balance_cv <= $max_cv",
    "StableSpending": "spending_cv <= $max_cv",
    "NegativeBalanceDays": "negative_balance_days <= $max_days",
    "ReturnedPayments": "returned_payments <= $max_count",
    "AccountsAddUp": "CASE WHEN accounts_add_up THEN true END",
    "PositiveProfit": "profit_margin >= $min_margin",
    "RevenueTrend": "revenue_growth >= $min_growth",
    "RepaymentCapacity": "debt_service_coverage >= $min_dscr",
    "DebtToIncome": "debt_to_income <= $max_ratio",
    "NoCreditAlert": "CASE WHEN credit_alert = 'none' THEN true END",
    "MilitaryLending": "CASE WHEN mapr <= $max_mapr OR (NOT covered_borrower"
    " AND covered_borrower_age_days <= $max_age_days) THEN true"
    " WHEN mapr > $max_mapr AND covered_borrower AND covered_borrower_age_days <= $max_age_days THEN false END",
    "CreditScore": "credit_score >= $min_score",
    "Utilisation": "revolving_utilisation <= $max_ratio",
    "Delinquencies": "delinquencies_24m <= $max_24m",
    "NoInsolvency": "insolvencies = 0",
    "Inquiries": "inquiries_6m <= $max_6m",
    "ReportedRepaymentCapacity": "reported_debt_service_coverage >= $min_dscr",
    "ReportedDebtToIncome": "reported_debt_to_income <= $max_ratio",
    "WithinExposure": "exposure_with_request <= $max_total",
    "NotListed": "CASE WHEN list_match_score >= $min_match_score AND list_confirmed_score >= $min_match_score"
    " THEN false WHEN list_match_score < $grey_match_score THEN true END",
    "ListsCurrent": "list_age_days <= $max_days",
    "IdentityConsistent": "identity_consistent",
    "ApplicationVelocity": "applications_30d <= $max_30d",
    "DeviceRisk": "device_risk <= $max_score",
    "OpenLoans": "open_loans <= $max_count",
    "InstalmentBurden": "instalment_burden <= $max_ratio",
    "PaidOnTime": "instalments_due = 0 OR on_time_ratio >= $min_ratio",
    "WorstDaysPastDue": "worst_days_past_due <= $max_days",
    "NoWriteOff": "write_offs = 0",
}
# `{name}` chooses the fact of a window.
USERS = {
    "AgeOfAccount": "history_days >= $min_age",
    "FloatRank": "float_rank BETWEEN $min_float_rank AND $max_float_rank",
    "UserFound": "user_found",
    "GoodStanding": "good_standing AND NOT fraud_hit",
    "CompetitorEwa": "competitor_advances_{number_of_days}d >= $min_advances"
    " AND competitor_repayments_{number_of_days}d >= $min_repayments",
    "EwaDollarAmount": "competitor_borrowed_90d >= $required_min_borrow_amount"
    " AND competitor_repaid_90d >= $required_min_repayment_amount",
    "EssentialSpend": "NOT (float_rank < $required_float_rank"
    " AND essential_transactions < $required_number_of_transactions)",
    "LowTransactions": "NOT (float_rank < $float_rank AND transactions_per_month < $average_transactions)",
    "TransactionRecency": "days_since_transaction <= $max_days",
    "FeedComplete": "feed_complete",
    "FeedConnected": "feed_connected",
    "FeedFreshness": "feed_age_hours <= $max_hours",
    "CollectionsErrors": "collection_error_ratio <= $max_error_ratio",
    "OnTimeFloatPayback": "floats_ever_late = 0 OR on_time_streak >= $required_last_floats"
    " OR days_since_late >= $days_after_float_on_time",
    "OutstandingFloats": "outstanding_floats <= $max_outstanding",
    "RecurringDeposits": "recurring_deposits >= $min_count AND recurring_deposit_amount >= $min_amount",
    "MinimumIncome": "monthly_income >= $min_monthly OR NOT recurring_deposits >= 0",
    "IncomeContinues": (
        "recurring_deposits = 0 OR days_since_pay * 24.0 <= pay_period_days * ($max_pay_periods * 24.0)"
        " OR (NOT days_since_pay * 24.0 - feed_age_hours > pay_period_days * ($max_pay_periods * 24.0) AND NULL)"
    ),
    "IncomeVariability": "recurring_income_cv <= $max_cv",
    "InstitutionCheck": "NOT (institution_id IN ($institution_list) AND current_balance < $min_balance)",
    "AdvanceProviders": "competitor_advance_providers <= $max_providers",
    "Gambling": "gambling_share <= $max_share",
    "LoansReceived": "NOT (loans_received_90d > 0"
    " AND loans_received_90d > income_90d * CAST($max_share AS DOUBLE PRECISION))"
    " AND ((loans_received_90d = 0 AND unclassified_received_90d = 0)"
    " OR unclassified_received_90d <= income_90d * CAST($max_share AS DOUBLE PRECISION) - loans_received_90d OR NULL)",
    "LinkedAccounts": "linked_accounts <= $max_accounts",
    "ReturnedDebits": "returned_debits_{number_of_days}d <= $max_count",
    "NotListed": PRESCREENING["NotListed"],
    "ListsCurrent": PRESCREENING["ListsCurrent"],
    "AverageBalance": "average_balance >= $available_threshold",
    "BalanceBetweenBounds": "NOT (float_rank <= $max_float_rank"
    " AND abs(current_balance) BETWEEN $min_balance AND $max_balance)",
    "BalanceRequirement": "available_balance >= $min_available OR current_balance >= $min_current",
    "HighTransfer": "NOT (income_90d >= $min_income AND transfer_ratio > $max_transfer_ratio)",
    "NegativeBalanceDays": "negative_days_30d <= $max_days",
    "OverdraftFees": "overdraft_fees_30d <= $max_count",
    "SpendToIncome": "spend_to_income <= $max_ratio",
    "SubscriptionCurrent": "renewals_in_a_row >= $min_renewals AND days_since_renewal <= $max_days",
    "LoansOpen": "loans_open <= $max_count",
    "LoanBurden": "loan_instalments = 0 OR (monthly_income > 0"
    " AND CAST(loan_instalments AS DOUBLE PRECISION) / nullif(monthly_income, 0) <= $max_ratio)",
    "MilitaryRate": "CASE WHEN CAST($mapr AS DOUBLE PRECISION) <= $max_mapr OR (NOT user_covered_borrower"
    " AND user_covered_borrower_age_days <= $max_age_days) THEN true"
    " WHEN user_covered_borrower AND user_covered_borrower_age_days <= $max_age_days THEN false END",
    "CashAdvanceScore": "cash_advance_score_to_{bracket} >= $min_cash_advance_score",
    "MlPaybackPrediction": "NOT (float_count <= $max_float_count AND payback_prediction < $min_prediction_score)",
    # Where the count is not known, the threshold is one of the two.
    "MlPaybackPredictionVariableThreshold": "CASE WHEN float_count >= $min_float_count_for_high_threshold"
    " THEN payback_prediction >= $high_float_threshold"
    " WHEN float_count < $min_float_count_for_high_threshold THEN payback_prediction >= $low_float_threshold"
    " WHEN payback_prediction >= $low_float_threshold AND payback_prediction >= $high_float_threshold THEN true"
    " WHEN payback_prediction < $low_float_threshold AND payback_prediction < $high_float_threshold THEN false END",
}
FAMILIES = [
    *((rule, PRESCREENING[name]) for name, rule in RULES.items()),
    *((rule, USERS[name]) for name, rule in USER_RULES.items()),
]
# Properties of which the second must not be below the first.
ORDERED = {
    "NotListed": ("grey_match_score", "min_match_score"),
    "FloatRank": ("min_float_rank", "max_float_rank"),
    "BalanceBetweenBounds": ("min_balance", "max_balance"),
}
TENTHS = [tenths / 10 for tenths in range(11)]
SMALL = [0, 1, 2, 3]
TEXTS = ["US", "CA", "DE", "none"]
# Few values, so that facts often meet thresholds.
VALUES = {"boolean": [True, False], "integer": [-2, -1, *SMALL], "number": TENTHS, "text": TEXTS}


def properties_of(rule, choose):
    """Properties for the rule, each from a few values, as `choose` chooses."""
    drawn = {
        name: drawn_for(field.annotation, choose) for name, field in rule.model_fields.items() if name != "on_fail"
    }
    if pair := ORDERED.get(rule.__name__):
        drawn |= dict(zip(pair, sorted(drawn[name] for name in pair), strict=True))
    return drawn


def drawn_for(annotation, choose):
    if annotation is int:
        return choose(SMALL)
    if annotation is float:
        return choose(TENTHS)
    if get_args(annotation) and isinstance(get_args(annotation)[0], int):
        return choose(list(get_args(annotation)))
    return choose([("US",), ("CA", "DE"), ("US", "CA", "US")])


def chosen(predicate, properties):
    """The predicate over the facts of the windows that the properties choose."""
    return predicate.format(**properties, bracket=properties.get("loan_amount_window", 0) // 100)


def said_of(rule, properties, rows):
    explained = {name: [name] * len(rows) for name in rule.factors_in}
    facts = frame(**{name: [row[name] for row in rows] for name in rows[0]}, **explained)
    said = evaluate_rule(rule.model_validate(properties), Columns(facts))
    return [{0: False, 1: True, 2: None}[int(result)] for result in said.results]


@pytest.fixture(scope="module")
def databases():
    with duckdb.connect(config={"threads": 1}) as duck, sqlite3.connect(":memory:") as lite:
        yield duck, lite
    lite.close()


@pytest.mark.parametrize(("rule", "predicate"), FAMILIES, ids=lambda value: getattr(value, "__name__", ""))
@steady(15)
@given(data=st.data())
def test_a_rule_agrees_with_sql(rule, predicate, databases, data):
    properties = properties_of(rule, lambda values: data.draw(st.sampled_from(values)))
    predicate = chosen(predicate, properties)
    one = {name: st.sampled_from([None, *VALUES[CATALOGUE[name].type]]) for name in facts_in(predicate)}
    rows = data.draw(st.lists(st.fixed_dictionaries(one), min_size=1, max_size=30))
    said = said_of(rule, properties, rows)
    duck, lite = databases
    assert said == in_duckdb(duck, predicate, properties, rows)
    assert said == in_sqlite(lite, predicate, properties, rows)


def can_say(rule):
    return (True, None) if rule.model_fields["on_fail"].default == "refer" else (True, False, None)


async def test_every_rule_agrees_with_postgresql(postgres_url):
    # Loaded here alone, so that the other tests of rules load no database driver.
    import asyncpg  # noqa: PLC0415

    choose = Random(20_260_101).choice
    seen = set()
    # The table changes with every rule, and with it what a cached statement answers.
    connection = await asyncpg.connect(postgres_url.replace("+asyncpg", ""), statement_cache_size=0)
    try:
        for rule, template in FAMILIES * 6:
            properties = properties_of(rule, choose)
            predicate = chosen(template, properties)
            names = facts_in(predicate)
            rows = [{name: choose([None, *VALUES[CATALOGUE[name].type]]) for name in names} for _ in range(80)]
            said = said_of(rule, properties, rows)
            assert said == await in_postgres(connection, predicate, properties, rows), (rule.__name__, properties)
            seen |= {(rule, each) for each in said}
    finally:
        await connection.close()
    # The rows bring every rule to say all that it can say; one that always refers never fails.
    assert {(rule, each) for rule, _ in FAMILIES for each in can_say(rule)} == seen


def test_every_rule_has_a_predicate():
    assert set(PRESCREENING) == set(RULES)
    assert set(USERS) == set(USER_RULES)
