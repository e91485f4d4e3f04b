"""Every rule about users below, at and above its threshold, and on facts that are not known."""

import pytest
from support.applicants import frame
from support.eligibility import book_of

from rules.eligibility import CATEGORIES, USER_RULES
from rules.eligibility.engine import evaluate_books
from rules.facts import USER_FACTS
from underwriting.domain.decision import Result

P, F, U = Result.PASS, Result.FAIL, Result.UNKNOWN

# Rule; the facts in the order it reads them, each row with what the rule says of it.
CASES = {
    "AgeOfAccount: {min_age: 60}": (["history_days"], [(59, F), (60, P), (61, P), (None, U)]),
    "FloatRank: {min_float_rank: 2, max_float_rank: 5}": (
        ["float_rank"],
        [(1, F), (2, P), (3, P), (5, P), (6, F), (None, U)],
    ),
    "UserFound": (["user_found"], [(True, P), (False, F), (None, U)]),
    "GoodStanding": (
        ["good_standing", "fraud_hit"],
        [
            (True, False, P),
            (False, False, F),
            (True, True, F),
            (None, False, U),
            (True, None, U),
            (False, None, F),
            (None, True, F),
            (None, None, U),
        ],
    ),
    "CompetitorEwa: {min_advances: 3, min_repayments: 2, number_of_days: 30}": (
        ["competitor_advances_30d", "competitor_repayments_30d"],
        [(2, 2, F), (3, 2, P), (4, 3, P), (3, 1, F), (None, 2, U), (3, None, U), (2, None, F), (None, 1, F)],
    ),
    "CompetitorEwa: {min_advances: 1, min_repayments: 1, number_of_days: 60}": (
        ["competitor_advances_60d", "competitor_repayments_60d"],
        [(0, 1, F), (1, 1, P), (2, 2, P), (None, None, U)],
    ),
    "CompetitorEwa: {min_advances: 1, min_repayments: 1, number_of_days: 90}": (
        ["competitor_advances_90d", "competitor_repayments_90d"],
        [(0, 1, F), (1, 1, P), (2, 2, P), (None, None, U)],
    ),
    "EwaDollarAmount: {required_min_borrow_amount: 5000, required_min_repayment_amount: 4000}": (
        ["competitor_borrowed_90d", "competitor_repaid_90d"],
        [
            (4_999, 4_000, F),
            (5_000, 4_000, P),
            (5_001, 4_001, P),
            (5_000, 3_999, F),
            (None, 4_000, U),
            (5_000, None, U),
            (4_999, None, F),
            (None, 3_999, F),
        ],
    ),
    "AdvanceProviders: {max_providers: 3}": (["competitor_advance_providers"], [(2, P), (3, P), (4, F), (None, U)]),
    "EssentialSpend: {required_float_rank: 3, required_number_of_transactions: 4}": (
        ["float_rank", "essential_transactions"],
        [
            (2, 3, F),
            (2, 4, P),
            (2, 5, P),
            # From the rank on nothing is asked.
            (3, 0, P),
            (4, None, P),
            (2, None, U),
            (None, 3, U),
            (None, 4, P),
            (None, None, U),
        ],
    ),
    "LowTransactions: {average_transactions: 10.0, float_rank: 3}": (
        ["float_rank", "transactions_per_month"],
        [
            (2, 9.9, F),
            (2, 10.0, P),
            (2, 10.1, P),
            (3, 0.0, P),
            (4, None, P),
            (2, None, U),
            (None, 9.9, U),
            (None, 10.0, P),
        ],
    ),
    "TransactionRecency: {max_days: 14}": (["days_since_transaction"], [(13, P), (14, P), (15, F), (None, U)]),
    "FeedComplete": (["feed_complete"], [(True, P), (False, F), (None, U)]),
    "FeedConnected": (["feed_connected"], [(True, P), (False, F), (None, U)]),
    "FeedFreshness: {max_hours: 72}": (["feed_age_hours"], [(71.9, P), (72.0, P), (72.1, F), (None, U)]),
    "CollectionsErrors: {max_error_ratio: 0.25}": (
        ["collection_error_ratio"],
        [(0.0, P), (0.24, P), (0.25, P), (0.26, F), (None, U)],
    ),
    "OnTimeFloatPayback: {days_after_float_on_time: 60, required_last_floats: 3}": (
        ["floats_ever_late", "on_time_streak", "days_since_late"],
        [
            # Whoever never was late passes, with few floats or none.
            (0, 0, None, P),
            (0, 1, None, P),
            (1, 2, 59, F),
            (1, 3, 59, P),
            (1, 4, 59, P),
            (1, 2, 60, P),
            (1, 0, 61, P),
            # Late at this moment.
            (1, 0, 0, F),
            (1, 2, None, U),
            (1, None, 59, U),
            (1, None, 60, P),
            (None, 2, 59, U),
            (None, 3, None, P),
            (None, None, None, U),
        ],
    ),
    "OutstandingFloats: {max_outstanding: 1}": (["outstanding_floats"], [(0, P), (1, P), (2, F), (None, U)]),
    "RecurringDeposits: {min_count: 2, min_amount: 15000}": (
        ["recurring_deposits", "recurring_deposit_amount"],
        [
            (1, 15_000, F),
            (2, 15_000, P),
            (3, 15_001, P),
            (2, 14_999, F),
            # Without a stream there is no amount.
            (0, None, F),
            (2, None, U),
            (None, 15_000, U),
            (None, 14_999, F),
        ],
    ),
    "MinimumIncome: {min_monthly: 130400}": (
        ["monthly_income", "recurring_deposits"],
        [
            (130_399, 2, F),
            (130_400, 2, P),
            (130_401, 2, P),
            (130_399, 0, F),
            (None, 2, U),
            # Money that nobody could classify may be income.
            (130_399, None, U),
            (130_400, None, P),
        ],
    ),
    "IncomeContinues: {max_pay_periods: 1.5}": (
        ["pay_period_days", "days_since_pay", "feed_age_hours", "recurring_deposits"],
        [
            (14, 20, 0.0, 6, P),
            (14, 21, 0.0, 6, P),
            (14, 22, 0.0, 6, F),
            # The feed was refreshed before the pay was late.
            (14, 22, 23.9, 6, F),
            (14, 22, 24.0, 6, U),
            (14, 22, None, 6, U),
            (14, None, 0.0, 6, U),
            (None, 20, 0.0, 6, U),
            # Where nothing recurs nothing can stop.
            (None, None, 0.0, 0, P),
        ],
    ),
    "IncomeVariability: {max_cv: 0.5}": (["recurring_income_cv"], [(0.49, P), (0.5, P), (0.51, F), (None, U)]),
    "InstitutionCheck: {institution_list: [a, b], min_balance: 2000}": (
        ["institution_id", "current_balance"],
        [
            ("a", 1_999, F),
            ("a", 2_000, P),
            ("b", 2_001, P),
            ("c", -1, P),
            ("c", None, P),
            ("b", None, U),
            (None, 1_999, U),
            (None, 2_000, P),
        ],
    ),
    "Gambling: {max_share: 0.2}": (["gambling_share"], [(0.0, P), (0.2, P), (0.21, F), (None, U)]),
    "LoansReceived: {max_share: 0.5}": (
        ["loans_received_90d", "unclassified_received_90d", "income_90d"],
        [
            (499_99, 0, 1_000_00, P),
            (500_00, 0, 1_000_00, P),
            (500_01, 0, 1_000_00, F),
            # What nobody could classify may be a loan, or not.
            (400_00, 100_00, 1_000_00, P),
            (400_00, 100_01, 1_000_00, U),
            (0, 500_01, 1_000_00, U),
            (500_01, None, 1_000_00, F),
            (500_00, None, 1_000_00, U),
            (0, 0, 0, P),
            (0, 0, -1, P),
            (1, 0, 0, F),
            (0, 1, 0, U),
            (0, 0, None, P),
            (1, 0, None, U),
            (None, None, 1_000_00, U),
            (None, 0, 1_000_00, U),
        ],
    ),
    "LinkedAccounts: {max_accounts: 5}": (["linked_accounts"], [(4, P), (5, P), (6, F), (None, U)]),
    "ReturnedDebits: {max_count: 2, number_of_days: 30}": (
        ["returned_debits_30d"],
        [(1, P), (2, P), (3, F), (None, U)],
    ),
    "ReturnedDebits: {max_count: 0, number_of_days: 60}": (["returned_debits_60d"], [(0, P), (1, F), (None, U)]),
    "ReturnedDebits: {max_count: 0, number_of_days: 90}": (["returned_debits_90d"], [(0, P), (1, F), (None, U)]),
    "NotListed: {min_match_score: 0.9, grey_match_score: 0.7}": (
        ["list_match_score", "list_confirmed_score"],
        [
            (0.69, 0.69, P),
            (0.69, None, P),
            (0.7, 0.0, U),
            (0.9, 0.89, U),
            (0.9, 0.9, F),
            (1.0, 0.0, U),
            (1.0, None, U),
            (None, None, U),
        ],
    ),
    "ListsCurrent: {max_days: 7}": (["list_age_days"], [(6, P), (7, P), (8, F), (None, U)]),
    "AverageBalance: {available_threshold: 10000}": (
        ["average_balance"],
        [(9_999, F), (10_000, P), (10_001, P), (None, U)],
    ),
    "BalanceBetweenBounds: {max_float_rank: 2, min_balance: 100, max_balance: 500}": (
        ["current_balance", "float_rank"],
        [
            (99, 2, P),
            (100, 2, F),
            (300, 0, F),
            (500, 2, F),
            (501, 2, P),
            # The sign does not matter.
            (-99, 2, P),
            (-100, 2, F),
            (-500, 2, F),
            (-501, 2, P),
            # Above the rank nothing is asked.
            (300, 3, P),
            (None, 3, P),
            (None, 2, U),
            (300, None, U),
            (99, None, P),
        ],
    ),
    "BalanceRequirement: {min_available: 1000, min_current: 2000}": (
        ["available_balance", "current_balance"],
        [
            (999, 1_999, F),
            (1_000, 1_999, P),
            (999, 2_000, P),
            (1_001, 2_001, P),
            (None, 1_999, U),
            (None, 2_000, P),
            (1_000, None, P),
            (999, None, U),
        ],
    ),
    "HighTransfer: {max_transfer_ratio: 0.5, min_income: 1000}": (
        ["income_90d", "transfer_ratio"],
        [
            (1_000, 0.49, P),
            (1_000, 0.5, P),
            (1_000, 0.51, F),
            # Below the income nothing is asked; without one there is no ratio.
            (999, 0.51, P),
            (0, None, P),
            (1_000, None, U),
            (None, 0.51, U),
            (None, 0.5, P),
        ],
    ),
    "NegativeBalanceDays: {max_days: 3}": (["negative_days_30d"], [(2, P), (3, P), (4, F), (None, U)]),
    "OverdraftFees: {max_count: 1}": (["overdraft_fees_30d"], [(0, P), (1, P), (2, F), (None, U)]),
    "SpendToIncome: {max_ratio: 1.0}": (["spend_to_income"], [(0.99, P), (1.0, P), (1.01, F), (None, U)]),
    "SubscriptionCurrent: {min_renewals: 2, max_days: 45}": (
        ["renewals_in_a_row", "days_since_renewal"],
        [
            (1, 0, F),
            (2, 0, P),
            (3, 0, P),
            (2, 44, P),
            (2, 45, P),
            (2, 46, F),
            (1, None, F),
            (2, None, U),
            (None, 45, U),
            (None, 46, F),
        ],
    ),
    "SubscriptionCurrent: {min_renewals: 2}": (["renewals_in_a_row", "days_since_renewal"], [(2, 9_000, P), (1, 0, F)]),
    "LoansOpen: {max_count: 2}": (["loans_open"], [(1, P), (2, P), (3, F), (None, U)]),
    "LoanBurden: {max_ratio: 0.1}": (
        ["loan_instalments", "monthly_income"],
        [
            (9_999, 100_000, P),
            (10_000, 100_000, P),
            (10_001, 100_000, F),
            (0, 0, P),
            (0, None, P),
            (1, 0, F),
            (1, -1, F),
            (1, None, U),
            (None, 100_000, U),
        ],
    ),
    # Whatever the status: the rate is allowed.
    **{
        f"MilitaryRate: {{mapr: {mapr}, max_mapr: 0.36, max_age_days: 30}}": (
            ["user_covered_borrower", "user_covered_borrower_age_days"],
            [(True, 0, P), (True, 31, P), (False, 0, P), (None, None, P)],
        )
        for mapr in (0.359, 0.36)
    },
    "MilitaryRate: {mapr: 0.361, max_mapr: 0.36, max_age_days: 30}": (
        ["user_covered_borrower", "user_covered_borrower_age_days"],
        [
            (True, 29, F),
            (True, 30, F),
            (True, 31, U),
            (True, None, U),
            (False, 29, P),
            (False, 30, P),
            (False, 31, U),
            (False, None, U),
            (None, 30, U),
            (None, 31, U),
            (None, None, U),
        ],
    ),
    "CashAdvanceScore: {min_cash_advance_score: 700, loan_amount_window: 5000}": (
        ["cash_advance_score_to_50"],
        [(699, F), (700, P), (701, P), (None, U)],
    ),
    "CashAdvanceScore: {min_cash_advance_score: 700, loan_amount_window: 10000}": (
        ["cash_advance_score_to_100"],
        [(699, F), (700, P), (None, U)],
    ),
    "CashAdvanceScore: {min_cash_advance_score: 700, loan_amount_window: 20000}": (
        ["cash_advance_score_to_200"],
        [(699, F), (700, P), (None, U)],
    ),
    "CashAdvanceScore: {min_cash_advance_score: 700, loan_amount_window: 35000}": (
        ["cash_advance_score_to_350"],
        [(699, F), (700, P), (None, U)],
    ),
    "MlPaybackPrediction: {min_prediction_score: 0.6, max_float_count: 3}": (
        ["float_count", "payback_prediction"],
        [
            (3, 0.59, F),
            (3, 0.6, P),
            (2, 0.61, P),
            # Above the count nothing is asked.
            (4, 0.0, P),
            (4, None, P),
            (3, None, U),
            (None, 0.59, U),
            (None, 0.6, P),
        ],
    ),
    # More is asked of those with many floats.
    "MlPaybackPredictionVariableThreshold:"
    " {low_float_threshold: 0.5, high_float_threshold: 0.7, min_float_count_for_high_threshold: 4}": (
        ["payback_prediction", "float_count"],
        [
            (0.49, 3, F),
            (0.5, 3, P),
            (0.69, 3, P),
            (0.69, 4, F),
            (0.7, 4, P),
            (0.71, 5, P),
            (None, 3, U),
            (0.49, None, F),
            (0.5, None, U),
            (0.69, None, U),
            (0.7, None, P),
            (None, None, U),
        ],
    ),
    # Less is asked of those with many floats.
    "MlPaybackPredictionVariableThreshold:"
    " {low_float_threshold: 0.8, high_float_threshold: 0.6, min_float_count_for_high_threshold: 4}": (
        ["payback_prediction", "float_count"],
        [(0.79, 3, F), (0.8, 3, P), (0.59, 4, F), (0.6, 4, P), (0.59, None, F), (0.79, None, U), (0.8, None, P)],
    ),
}


@pytest.mark.parametrize(
    ("rule", "names", "values", "result"),
    [(rule, names, row[:-1], row[-1]) for rule, (names, rows) in CASES.items() for row in rows],
)
def test_a_rule_about_users_says(rule, names, values, result):
    row = dict(zip(names, values, strict=True))
    facts = {**row, "score_factor_1": "Short history"}
    evaluation = evaluate_books([book_of(rule)], frame(**{name: [value] for name, value in facts.items()}))
    (outcome,) = evaluation.book_results(0)[0].outcomes
    assert outcome.result is result
    # It read these facts and no others.
    assert outcome.observed == row
    rule = USER_RULES[outcome.rule]
    # A match of 0.7 and more is for a person to judge, and so is a status that is too old.
    held = (outcome.rule == "NotListed" and values[0] is not None) or (
        outcome.rule == "MilitaryRate" and values[1] == 31
    )
    expected = {P: None, F: rule.fails_as, U: rule.grey_as if held else rule.unknown_as}[result]
    assert (outcome.reason and outcome.reason.code) == expected


def test_every_rule_about_users_is_tested():
    assert {rule.partition(":")[0] for rule in CASES} == set(USER_RULES)
    assert len(USER_RULES) == sum(len(rules) for rules in CATEGORIES.values()) == 41
    assert {name for names, _ in CASES.values() for name in names} <= set(USER_FACTS)


@pytest.mark.parametrize("rule", USER_RULES.values())
def test_a_rule_about_users_is_a_sentence_with_described_properties(rule):
    assert rule.__doc__
    assert rule.__doc__.endswith(".")
    assert rule.claim.__doc__.endswith(".")
    for name, field in rule.model_fields.items():
        assert field.description or name in {"max_days", "max_count", "max_outstanding", "max_accounts"}, name


@pytest.mark.parametrize(("score", "result", "amount"), [(699, F, 0), (700, P, 10_000), (None, U, None)])
def test_a_score_allows_no_more_than_its_bracket(score, result, amount):
    book = book_of("CashAdvanceScore: {min_cash_advance_score: 700, loan_amount_window: 10000}")
    (outcome,) = (
        evaluate_books([book], frame(cash_advance_score_to_100=[score], score_factor_1=["Short history"]))
        .book_results(0)[0]
        .outcomes
    )
    assert (outcome.result, outcome.amount) == (result, amount)


@pytest.mark.parametrize("factor", ["Short history", None])
@pytest.mark.parametrize(
    ("rule", "facts"),
    [
        (
            "CashAdvanceScore: {min_cash_advance_score: 700, loan_amount_window: 5000}",
            {"cash_advance_score_to_50": 699},
        ),
        (
            "MlPaybackPrediction: {min_prediction_score: 0.6, max_float_count: 3}",
            {"float_count": 3, "payback_prediction": 0.59},
        ),
    ],
)
def test_a_low_score_that_nobody_can_explain_is_for_a_person(rule, facts, factor):
    (outcome,) = (
        evaluate_books(
            [book_of(rule)], frame(score_factor_1=[factor], **{name: [each] for name, each in facts.items()})
        )
        .book_results(0)[0]
        .outcomes
    )
    if factor:
        assert (outcome.result, outcome.refers, outcome.reason.key_factors) == (F, False, (factor,))
    else:
        assert (outcome.result, outcome.refers, outcome.reason.code) == (U, True, "score_unexplained")
