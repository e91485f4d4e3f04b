"""Every gate below, at and above its threshold, and on facts that are not known; and what a closed gate does."""

import pytest
from support.limit_facts import user, users

from rules.limits.decide import decide_limits
from rules.limits.gates import Gates
from rules.limits.policy import shipped_policies
from underwriting.domain.decision import Result

P, F, U = Result.PASS, Result.FAIL, Result.UNKNOWN
POLICY = shipped_policies()["cfi"]

# Gate; the facts that it is about, each row with what the gate says; the reason of a failure and of an unknown.
CASES = {
    "history": (
        ["history_days"],
        [(59, F), (60, P), (61, P), (None, U)],
        ("limit_history_short", "limit_history_unknown"),
    ),
    "recurring_income": (
        ["recurring_deposits"],
        [(0, F), (1, F), (3, F), (4, P), (5, P), (None, U)],
        ("limit_income_irregular", "limit_income_unknown"),
    ),
    "running_income": (
        ["days_since_pay", "pay_period_days", "feed_age_hours", "recurring_deposits"],
        [
            (20, 14, 0.0, 6, P),
            (21, 14, 0.0, 6, P),
            (22, 14, 0.0, 6, F),
            (10, 7, 0.0, 6, P),
            (11, 7, 0.0, 6, F),
            # 21 days are 504 hours: the feed has to have been looked at after them.
            (22, 14, 23.9, 6, F),
            (22, 14, 24.0, 6, U),
            (22, 14, None, 6, U),
            (24, 14, 72.0, 6, U),
            (25, 14, 72.0, 6, F),
            (21, 14, None, 6, P),
            (None, 14, 0.0, 6, U),
            (5, None, 0.0, 6, U),
            # No stream of income at all that could stop.
            (None, None, 0.0, 0, P),
            (None, None, None, 0, P),
            (None, None, 0.0, None, U),
            (5, 14, 0.0, None, P),
            (22, 14, 0.0, None, U),
        ],
        ("limit_income_stopped", "limit_income_unknown"),
    ),
    "steady_income": (
        ["recurring_income_cv", "recurring_deposits"],
        [
            (0.0, 6, P),
            (0.2999, 6, P),
            (0.3, 6, P),
            (0.3001, 6, F),
            (None, 6, U),
            # No recurring income at all that could vary.
            (None, 0, P),
            (None, None, U),
            (0.3, None, P),
            (0.3001, None, U),
        ],
        ("limit_income_unsteady", "limit_income_unknown"),
    ),
    "no_open_float": (
        ["outstanding_floats"],
        [(0, P), (1, F), (2, F), (None, U)],
        ("limit_float_open", "limit_floats_unknown"),
    ),
    "no_late_float": (
        ["late_floats"],
        [(0, P), (1, F), (2, F), (None, U)],
        ("limit_float_late", "limit_floats_unknown"),
    ),
    "few_late_repayments": (
        ["repayments_of_6", "on_time_of_6"],
        [
            (0, 0, P),
            (1, 0, P),
            (6, 6, P),
            (6, 5, P),
            (6, 4, F),
            (2, 0, F),
            (None, 6, U),
            (6, None, U),
        ],
        ("limit_repayments_late", "limit_floats_unknown"),
    ),
    "not_listed": (
        ["list_match_score", "list_confirmed_score"],
        [
            (0.0, 0.0, P),
            (0.7499, 0.0, P),
            (0.75, 0.0, U),
            (0.9199, 0.9199, U),
            (0.92, 0.9199, U),
            (0.92, 0.92, F),
            (1.0, 1.0, F),
            (1.0, 0.0, U),
            (1.0, None, U),
            (None, None, U),
        ],
        ("list_match", "list_screening_unavailable"),
    ),
    "no_fraud": (["fraud_hit"], [(False, P), (True, F), (None, U)], ("limit_fraud", "limit_fraud_unknown")),
    "good_standing": (
        ["good_standing"],
        [(True, P), (False, F), (None, U)],
        ("limit_standing_bad", "limit_standing_unknown"),
    ),
    "few_returned_debits": (
        ["returned_debits_30d"],
        [(0, P), (1, P), (2, P), (3, F), (None, U)],
        ("limit_debits_returned", "limit_debits_unknown"),
    ),
    "few_negative_days": (
        ["negative_days_30d"],
        [(2, P), (3, P), (4, F), (None, U)],
        ("limit_account_overdrawn", "limit_overdrafts_unknown"),
    ),
    "fresh_feed": (
        ["feed_age_hours"],
        [(0.0, P), (71.9, P), (72.0, P), (72.1, F), (None, U)],
        ("limit_feed_stale", "limit_feed_unknown"),
    ),
}
ROWS = [
    pytest.param(gate, dict(zip(names, row[:-1], strict=True)), row[-1], id=f"{gate}-{row}")
    for gate, (names, rows, _) in CASES.items()
    for row in rows
]


def test_every_gate_is_tested():
    assert list(CASES) == list(Gates.model_fields)


@pytest.mark.parametrize(("gate", "facts", "result"), ROWS)
def test_a_gate_at_its_threshold(gate, facts, result):
    decisions = decide_limits(POLICY, user(**facts))
    assert decisions.gate_results(0)[gate] is result


@pytest.mark.parametrize(("gate", "facts", "result"), ROWS)
def test_a_gate_that_is_not_open_holds_a_raise_and_says_why(gate, facts, result):
    decisions = decide_limits(POLICY, user(**facts))
    said = decisions.gate_results(0)
    if decisions.raised.any():
        assert set(said.values()) == {P}
        assert decisions.frame["move"].tolist() == ["raised"]
        assert [reason.code for reason in decisions.reasons(0)] == ["limit_raised"]
        return
    if result is P:
        # Late in a pay period, or after a late repayment, a raise waits although every gate is open.
        paces = {"limit_pay_awaited", "limit_repayments_few"}
        assert set(said.values()) != {P} or paces & {reason.code for reason in decisions.reasons(0)}
    else:
        codes = [reason.code for reason in decisions.reasons(0)]
        fails_as, unknown_as = CASES[gate][2]
        grey = gate == "not_listed" and facts["list_match_score"] is not None
        assert (fails_as if result is F else "list_match_possible" if grey else unknown_as) in codes


@pytest.mark.parametrize("standing", [False, None])
def test_whoever_is_not_known_to_be_in_good_standing_is_not_raised(standing):
    good, other = ({"good_standing": value} for value in (True, standing))
    for policy in shipped_policies().values():
        decisions = decide_limits(policy, users([good, other]))
        assert decisions.frame["move"].tolist() == ["raised", "held"]
        assert decisions.frame["after"].tolist() == [8_000, 5_000]


def test_gates_held_names_the_gates_that_kept_a_user_from_the_next_tier():
    decisions = decide_limits(
        POLICY,
        users(
            [
                {},
                {"history_days": 10, "feed_age_hours": None},
                {"late_floats": 1},
                # The next tier's row is not met anyway.
                {"late_floats": 1, "float_rank": 4},
                # Lowered, not kept.
                {"fraud_hit": True, "history_days": 10},
            ]
        ),
    )
    assert decisions.frame["gates_held"].tolist() == ["", "history fresh_feed", "no_late_float", "", ""]


def test_users_with_a_limit_of_whom_a_fact_is_missing_that_the_decision_needed_are_counted():
    rows = [{}, {"late_floats": None}, {"essential_spend_per_pay": None}, {"late_floats": 1}, {"float_rank": None}]
    strangers = [{"late_floats": None, "current_limit": None}, {"late_floats": None, "current_limit": 0}]
    # The rank rules the next tiers out, whatever the balance; without the rank, nobody can tell.
    ruled_out = {"float_rank": 0, "cycle_available_balance": None}
    found = decide_limits(POLICY, users([*rows, {"subscription_rank": None}, ruled_out, *strangers])).unknown
    assert found.tolist() == [False, True, True, False, True, True, False, False, False]


def test_each_gate_has_a_reason_of_its_own_for_a_failure():
    codes = [fails_as for _, _, (fails_as, _) in CASES.values()]
    assert len(set(codes)) == len(codes)
    assert [gate.fails_as for gate in POLICY.gates.by_name.values()] == codes
