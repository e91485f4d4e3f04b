"""The pre-screening rules for the peers of the rules benchmark: when each fails, and when it is unknown otherwise.

In the part of the language that zen-engine's expressions and Python share; `{name}` is a property. A comparison
with `null` needs its guard, which is what the three-valued columns of `rules` spare.
"""


def _at_most(fact: str, limit: str) -> tuple[str, str]:
    return f"{fact} != null and {fact} > {limit}", f"{fact} == null"


def _at_least(fact: str, limit: str) -> tuple[str, str]:
    return f"{fact} != null and {fact} < {limit}", f"{fact} == null"


def _equal(fact: str, value: str) -> tuple[str, str]:
    return f"{fact} != null and {fact} != {value}", f"{fact} == null"


# A person has to look at the bureau's file first.
CONCERN = "credit_alert != null and credit_alert != 'none'"
CONDITIONS: dict[str, tuple[str, str]] = {
    "CustomerFound": _equal("customer_found", "true"),
    "IdentityComplete": _at_most("identity_fields_missing", "0"),
    "AdultApplicant": _at_least("age_years", "{min_age_years}"),
    "ResidenceServed": (
        "(residence_country != null and not (residence_country in {countries}))"
        " or (is_company == true and company_country != null and not (company_country in {countries}))",
        "residence_country == null or (is_company != false and not (company_country != null"
        " and company_country in {countries}))",
    ),
    "CompanyActive": (
        "is_company == true and (company_active == false"
        " or (company_age_days != null and company_age_days < {min_age_days}))",
        "is_company != false and not (company_active == true and company_age_days != null"
        " and company_age_days >= {min_age_days})",
    ),
    "ContactVerified": (
        "email_verified == false and phone_verified == false",
        "not (email_verified == true or phone_verified == true)",
    ),
    "StatementsAddUp": _equal("broken_statement_line", "0"),
    "StatementCoverage": (
        "(months_covered != null and months_covered < {min_months})"
        " or (statement_age_days != null and statement_age_days > {max_age_days})",
        "months_covered == null or statement_age_days == null",
    ),
    "StableEndOfMonthBalance": (
        "(lowest_month_end_balance != null and lowest_month_end_balance < {min_balance})"
        " or (month_end_balance_cv != null and month_end_balance_cv > {max_cv})",
        "lowest_month_end_balance == null or month_end_balance_cv == null",
    ),
    "StableSpending": _at_most("spending_cv", "{max_cv}"),
    "NegativeBalanceDays": _at_most("negative_balance_days", "{max_days}"),
    "ReturnedPayments": _at_most("returned_payments", "{max_count}"),
    "AccountsAddUp": _equal("accounts_add_up", "true"),
    "PositiveProfit": _at_least("profit_margin", "{min_margin}"),
    "RevenueTrend": _at_least("revenue_growth", "{min_growth}"),
    "RepaymentCapacity": _at_least("debt_service_coverage", "{min_dscr}"),
    "DebtToIncome": _at_most("debt_to_income", "{max_ratio}"),
    "NoCreditAlert": _equal("credit_alert", "'none'"),
    "MilitaryLending": (
        "covered_borrower == true and mapr != null and mapr > {max_mapr}"
        " and covered_borrower_age_days != null and covered_borrower_age_days <= {max_age_days}",
        "not ((mapr != null and mapr <= {max_mapr}) or (covered_borrower == false"
        " and covered_borrower_age_days != null and covered_borrower_age_days <= {max_age_days}))",
    ),
    # Nobody is rejected by a score without key factors.
    "CreditScore": (
        "credit_score != null and credit_score < {min_score} and credit_score_factor_1 != null",
        "credit_score == null or credit_score < {min_score}",
    ),
    "Utilisation": _at_most("revolving_utilisation", "{max_ratio}"),
    "Delinquencies": _at_most("delinquencies_24m", "{max_24m}"),
    "NoInsolvency": _at_most("insolvencies", "0"),
    "Inquiries": _at_most("inquiries_6m", "{max_6m}"),
    "ReportedRepaymentCapacity": _at_least("reported_debt_service_coverage", "{min_dscr}"),
    "ReportedDebtToIncome": _at_most("reported_debt_to_income", "{max_ratio}"),
    "WithinExposure": _at_most("exposure_with_request", "{max_total}"),
    "NotListed": (
        "list_match_score != null and list_match_score >= {min_match_score}"
        " and list_confirmed_score != null and list_confirmed_score >= {min_match_score}",
        "list_match_score == null or list_match_score >= {grey_match_score}",
    ),
    "ListsCurrent": _at_most("list_age_days", "{max_days}"),
    "IdentityConsistent": ("identity_consistent == false", "identity_consistent == null"),
    "ApplicationVelocity": _at_most("applications_30d", "{max_30d}"),
    "DeviceRisk": _at_most("device_risk", "{max_score}"),
    "OpenLoans": _at_most("open_loans", "{max_count}"),
    "InstalmentBurden": _at_most("instalment_burden", "{max_ratio}"),
    "PaidOnTime": (
        "instalments_due != null and instalments_due != 0 and on_time_ratio != null and on_time_ratio < {min_ratio}",
        "not ((instalments_due != null and instalments_due == 0)"
        " or (on_time_ratio != null and on_time_ratio >= {min_ratio}))",
    ),
    "WorstDaysPastDue": _at_most("worst_days_past_due", "{max_days}"),
    "NoWriteOff": _at_most("write_offs", "0"),
}
