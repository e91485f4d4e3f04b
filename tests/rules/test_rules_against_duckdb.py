"""Every rule gives the same three-valued answer as a predicate written in SQL, on random facts with gaps."""

import duckdb
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support.applicants import frame
from support.examples import STEADY

from rules.catalogue import RULES
from rules.engine import evaluate
from rules.facts import CATALOGUE
from rules.rulebook import parse_rulebook

# Written from the rules' sentences; `$name` is a property.
PREDICATES = {
    "IdentityComplete": "identity_fields_missing = 0",
    "AdultApplicant": "age_years >= $min_age_years",
    "ResidenceServed": "residence_country IN (SELECT unnest($countries))"
    " AND (NOT is_company OR company_country IN (SELECT unnest($countries)))",
    "CompanyActive": "NOT is_company OR (company_active AND company_age_days >= $min_age_days)",
    "ContactVerified": "email_verified OR phone_verified",
    "StatementCoverage": "months_covered >= $min_months AND statement_age_days <= $max_age_days",
    "StableEndOfMonthBalance": "lowest_month_end_balance >= $min_balance AND month_end_balance_cv <= $max_cv",
    "StableSpending": "spending_cv <= $max_cv",
    "NegativeBalanceDays": "negative_balance_days <= $max_days",
    "ReturnedPayments": "returned_payments <= $max_count",
    "PositiveProfit": "profit_margin >= $min_margin",
    "RevenueTrend": "revenue_growth >= $min_growth",
    "RepaymentCapacity": "debt_service_coverage >= $min_dscr",
    "DebtToIncome": "debt_to_income <= $max_ratio",
    "CreditScore": "credit_score >= $min_score",
    "Utilisation": "revolving_utilisation <= $max_ratio",
    "Delinquencies": "delinquencies_24m <= $max_24m",
    "NoInsolvency": "insolvencies = 0",
    "Inquiries": "inquiries_6m <= $max_6m",
    "WithinExposure": "exposure_with_request <= $max_total",
    "NotListed": "CASE WHEN list_match_score >= $min_match_score THEN false"
    " WHEN list_match_score < $grey_match_score THEN true END",
    "IdentityConsistent": "identity_consistent",
    "ApplicationVelocity": "applications_30d <= $max_30d",
    "DeviceRisk": "device_risk <= $max_score",
    "OpenLoans": "open_loans <= $max_count",
    "InstalmentBurden": "instalment_burden <= $max_ratio",
    "PaidOnTime": "instalments_due = 0 OR on_time_ratio >= $min_ratio",
    "WorstDaysPastDue": "worst_days_past_due <= $max_days",
    "NoWriteOff": "write_offs = 0",
}
TENTHS = st.integers(0, 10).map(lambda tenths: tenths / 10)
SMALL = st.integers(0, 3)
COUNTRIES = st.sampled_from(["US", "CA", "DE"])
# Few values, so that facts often meet thresholds.
VALUES = {"boolean": st.booleans(), "integer": SMALL, "number": TENTHS, "text": COUNTRIES}
TYPES = {"boolean": pa.bool_(), "integer": pa.int64(), "number": pa.float64(), "text": pa.string()}


def properties_of(rule):
    drawn = {
        name: st.lists(COUNTRIES, min_size=1).map(tuple)
        if name == "countries"
        else SMALL
        if field.annotation is int
        else TENTHS
        for name, field in rule.model_fields.items()
    }
    if rule.__name__ == "NotListed":
        return st.tuples(TENTHS, TENTHS).map(lambda two: {"grey_match_score": min(two), "min_match_score": max(two)})
    return st.fixed_dictionaries(drawn)


@pytest.fixture(scope="module")
def database():
    with duckdb.connect(config={"threads": 1}) as connection:
        yield connection


@pytest.mark.parametrize("rule", RULES.values(), ids=RULES)
@settings(STEADY, max_examples=15)
@given(data=st.data())
def test_a_rule_agrees_with_sql(rule, database, data):
    properties = data.draw(properties_of(rule))
    mine = rule.model_validate(properties)
    names = [name for name in CATALOGUE if name in PREDICATES[rule.__name__]]
    one = st.fixed_dictionaries({name: st.none() | VALUES[CATALOGUE[name].type] for name in names})
    rows = data.draw(st.lists(one, min_size=1, max_size=30))
    book = parse_rulebook(
        "{name: b, version: 1, product: loan, currency: USD, valid_from: 2025-01-01,"
        f" terms: {{annual_rate: 0, months: 1}}, stages: [{{{mine.check}: [{written(rule, properties)}]}}]}}"
    )
    found = evaluate(book, frame(**{name: [row[name] for row in rows] for name in names})).results[:, 0]
    assert found.tolist() == [
        {False: 0, True: 1, None: 2}[said] for said in in_sql(database, rule, properties, names, rows)
    ]


def written(rule, properties):
    pairs = ", ".join(
        f"{name}: [{', '.join(value)}]" if isinstance(value, tuple) else f"{name}: {value}"
        for name, value in properties.items()
    )
    return f"{rule.__name__}: {{{pairs}}}" if pairs else rule.__name__


def in_sql(database, rule, properties, names, rows):
    columns = {"place": pa.array(range(len(rows)))}
    columns |= {name: pa.array([row[name] for row in rows], TYPES[CATALOGUE[name].type]) for name in names}
    database.register("facts", pa.table(columns))
    bound = {name: list(value) if isinstance(value, tuple) else value for name, value in properties.items()}
    answer = database.execute(f"SELECT {PREDICATES[rule.__name__]} FROM facts ORDER BY place", bound).fetchall()
    return [said for (said,) in answer]


def test_every_rule_has_a_predicate():
    assert set(PREDICATES) == set(RULES)
