"""The rules about users for the peers of the facts benchmark, as comparisons joined by and, or and not.

Each comes in three spellings: when it holds and when it fails, in the part of the language that zen-engine's
expressions and Python share, where a comparison with `null` needs its guard; and as an expression over arrays for
OpenFisca, which does not know what is not known. `{name}` is a property.
"""

from typing import NamedTuple

_OPPOSITES = {">=": "<", "<": ">=", ">": "<=", "<=": ">", "==": "!=", "!=": "=="}


class Claim(NamedTuple):
    """When a claim holds, when it fails, and the claim over arrays. The first two are never unknown."""

    holds: str
    fails: str
    arrays: str

    def __and__(self, other: "Claim") -> "Claim":
        return Claim(
            f"({self.holds} and {other.holds})",
            f"({self.fails} or {other.fails})",
            f"({self.arrays} & {other.arrays})",
        )

    def __or__(self, other: "Claim") -> "Claim":
        return Claim(
            f"({self.holds} or {other.holds})",
            f"({self.fails} and {other.fails})",
            f"({self.arrays} | {other.arrays})",
        )

    def __invert__(self) -> "Claim":
        return Claim(self.fails, self.holds, f"(~{self.arrays})")

    def with_properties(self, properties: dict[str, object]) -> "Claim":
        """The claim with the properties of one rule filled in."""
        return Claim(*(spelling.format(**properties) for spelling in self))


def _is(fact: str, comparison: str, limit: str) -> Claim:
    opposite = _OPPOSITES[comparison]
    known = f"{fact} != null"
    return Claim(
        f"({known} and {fact} {comparison} {limit})",
        f"({known} and {fact} {opposite} {limit})",
        f"({fact} {comparison} {limit})",
    )


def _relation(left: str, comparison: str, right: str, *facts: str) -> Claim:
    """A comparison over several facts that all have to be known."""
    known = " and ".join(["true", *(f"{fact} != null" for fact in facts)])
    return Claim(
        f"({known} and {left} {comparison} {right})",
        f"({known} and {left} {_OPPOSITES[comparison]} {right})",
        f"({left} {comparison} {right})",
    )


def _can_fail_alone(claim: Claim) -> Claim:
    """The claim that never holds: it fails, or is unknown."""
    return claim._replace(holds="false")


def _can_hold_alone(claim: Claim) -> Claim:
    """The claim that never fails: it holds, or is unknown."""
    return claim._replace(fails="false")


def _explained(claim: Claim) -> Claim:
    """The claim about a score; it fails only if a factor says what lowered the score."""
    return claim._replace(fails=f"({claim.fails} and score_factor_1 != null)")


def _at_least(fact: str, limit: str) -> Claim:
    return _is(fact, ">=", limit)


def _at_most(fact: str, limit: str) -> Claim:
    return _is(fact, "<=", limit)


_LISTED = Claim(
    "(institution_id != null and institution_id in {institution_list})",
    "(institution_id != null and not (institution_id in {institution_list}))",
    "isin(institution_id, {institution_list})",
)
# A score in the grey band neither holds nor fails.
_NOT_LISTED = Claim(
    "(list_match_score != null and list_match_score < {grey_match_score})",
    "(list_match_score != null and list_match_score >= {min_match_score}"
    " and list_confirmed_score != null and list_confirmed_score >= {min_match_score})",
    "((list_match_score < {min_match_score}) | (list_confirmed_score < {min_match_score}))",
)
_LOW = _at_least("payback_prediction", "{low_float_threshold}")
_HIGH = _at_least("payback_prediction", "{high_float_threshold}")
_MANY = _at_least("float_count", "{min_float_count_for_high_threshold}")

CLAIMS: dict[str, Claim] = {
    "AgeOfAccount": _at_least("history_days", "{min_age}"),
    "FloatRank": _at_least("float_rank", "{min_float_rank}") & _at_most("float_rank", "{max_float_rank}"),
    "UserFound": _is("user_found", "==", "true"),
    "GoodStanding": _is("good_standing", "==", "true") & _is("fraud_hit", "==", "false"),
    "CompetitorEwa": _at_least("competitor_advances_{number_of_days}d", "{min_advances}")
    & _at_least("competitor_repayments_{number_of_days}d", "{min_repayments}"),
    "EwaDollarAmount": _at_least("competitor_borrowed_90d", "{required_min_borrow_amount}")
    & _at_least("competitor_repaid_90d", "{required_min_repayment_amount}"),
    "AdvanceProviders": _at_most("competitor_advance_providers", "{max_providers}"),
    "EssentialSpend": _at_least("float_rank", "{required_float_rank}")
    | _at_least("essential_transactions", "{required_number_of_transactions}"),
    "LowTransactions": _at_least("float_rank", "{float_rank}")
    | _at_least("transactions_per_month", "{average_transactions}"),
    "TransactionRecency": _at_most("days_since_transaction", "{max_days}"),
    "FeedComplete": _is("feed_complete", "==", "true"),
    "FeedConnected": _is("feed_connected", "==", "true"),
    "FeedFreshness": _at_most("feed_age_hours", "{max_hours}"),
    "CollectionsErrors": _at_most("collection_error_ratio", "{max_error_ratio}"),
    "OnTimeFloatPayback": _is("floats_ever_late", "==", "0")
    | _at_least("on_time_streak", "{required_last_floats}")
    | _at_least("days_since_late", "{days_after_float_on_time}"),
    "OutstandingFloats": _at_most("outstanding_floats", "{max_outstanding}"),
    "RecurringDeposits": _at_least("recurring_deposits", "{min_count}")
    & _at_least("recurring_deposit_amount", "{min_amount}"),
    "MinimumIncome": _at_least("monthly_income", "{min_monthly}") | ~_at_least("recurring_deposits", "0"),
    "IncomeContinues": _is("recurring_deposits", "==", "0")
    | _relation("days_since_pay", "<=", "pay_period_days * {max_pay_periods}", "days_since_pay", "pay_period_days")
    | _can_fail_alone(
        _relation(
            "days_since_pay * 24 - feed_age_hours",
            "<=",
            "pay_period_days * {max_pay_periods} * 24",
            "days_since_pay",
            "pay_period_days",
            "feed_age_hours",
        )
    ),
    "IncomeVariability": _at_most("recurring_income_cv", "{max_cv}"),
    "InstitutionCheck": ~_LISTED | _at_least("current_balance", "{min_balance}"),
    "LinkedAccounts": _at_most("linked_accounts", "{max_accounts}"),
    "ReturnedDebits": _at_most("returned_debits_{number_of_days}d", "{max_count}"),
    "NotListed": _NOT_LISTED,
    "ListsCurrent": _at_most("list_age_days", "{max_days}"),
    "AverageBalance": _at_least("average_balance", "{available_threshold}"),
    "BalanceBetweenBounds": _is("float_rank", ">", "{max_float_rank}")
    | (_is("current_balance", "<", "{min_balance}") & _is("current_balance", ">", "-{min_balance}"))
    | _is("current_balance", ">", "{max_balance}")
    | _is("current_balance", "<", "-{max_balance}"),
    "BalanceRequirement": _at_least("available_balance", "{min_available}")
    | _at_least("current_balance", "{min_current}"),
    "HighTransfer": _is("income_90d", "<", "{min_income}") | _at_most("transfer_ratio", "{max_transfer_ratio}"),
    "NegativeBalanceDays": _at_most("negative_days_30d", "{max_days}"),
    "OverdraftFees": _at_most("overdraft_fees_30d", "{max_count}"),
    "Gambling": _at_most("gambling_share", "{max_share}"),
    "LoansReceived": (
        _is("loans_received_90d", "==", "0")
        | _relation("loans_received_90d", "<=", "income_90d * {max_share}", "loans_received_90d", "income_90d")
    )
    & (
        (_is("loans_received_90d", "==", "0") & _is("unclassified_received_90d", "==", "0"))
        | _can_hold_alone(
            _relation(
                "loans_received_90d + unclassified_received_90d",
                "<=",
                "income_90d * {max_share}",
                "loans_received_90d",
                "unclassified_received_90d",
                "income_90d",
            )
        )
    ),
    "SpendToIncome": _at_most("spend_to_income", "{max_ratio}"),
    "LoansOpen": _at_most("loans_open", "{max_count}"),
    "LoanBurden": _is("loan_instalments", "==", "0")
    | (
        _is("monthly_income", ">", "0")
        & _relation("loan_instalments", "<=", "monthly_income * {max_ratio}", "loan_instalments", "monthly_income")
    ),
    "MilitaryRate": _relation("{mapr}", "<=", "{max_mapr}")
    | _is("user_covered_borrower", "==", "false")
    | _can_fail_alone(_is("user_covered_borrower_age_days", ">", "{max_age_days}")),
    "SubscriptionCurrent": _at_least("renewals_in_a_row", "{min_renewals}")
    & _at_most("days_since_renewal", "{max_days}"),
    "CashAdvanceScore": _explained(_at_least("cash_advance_score_to_{bracket}", "{min_cash_advance_score}")),
    "MlPaybackPrediction": _explained(
        _is("float_count", ">", "{max_float_count}") | _at_least("payback_prediction", "{min_prediction_score}")
    ),
    "MlPaybackPredictionVariableThreshold": _explained((_LOW & _HIGH) | (~_MANY & _LOW) | (_MANY & _HIGH)),
}
