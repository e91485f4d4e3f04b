"""docs/limits.md tells what the engine does: its example, its gates, its messages."""

from pathlib import Path

from support.limit_facts import user
from support.limit_policies import TEXT, changed, line, problems

from rules.limits.decide import decide_limits
from rules.limits.gates import Gates
from rules.limits.policy import shipped_policies
from underwriting.domain.decision import Result

PAGE = (Path(__file__).parents[3] / "docs" / "limits.md").read_text("utf-8")
ADA = {
    "current_limit": 4_000,
    "days_since_raise": 40,
    "on_time_since_raise": 3,
    "float_rank": 4,
    "subscription_rank": 3,
    "cycle_available_balance": 160_000,
    "recurring_deposits": 6,
    "recurring_deposit_amount": 120_000,
    "recurring_income_cv": 0.12,
    "essential_spend_per_pay": 80_000,
    "debt_service_per_pay": 10_000,
    "competitor_advances_due": 5_000,
    "history_days": 200,
    "repayments_of_6": 6,
    "on_time_of_6": 6,
    "healthy_days_60d": 45,
    "overdraft_days_60d": 3,
    "balance_days_60d": 60,
}


def test_the_example_is_what_happens():
    decisions = decide_limits(shipped_policies()["cfi"], user(**ADA))
    row = decisions.frame.iloc[0]
    assert (row["move"], row["after"], row["target"], row["affordability_cap"]) == ("raised", 5_000, 5_000, 10_000)
    assert set(decisions.gate_results(0).values()) == {Result.PASS}
    for name in ADA:
        if name not in {"days_since_raise", "current_limit"}:
            assert not decide_limits(shipped_policies()["cfi"], user(**ADA | {name: None})).raised.any(), name


def test_every_gate_is_described():
    rows = [row for row in PAGE.splitlines() if row.startswith("| ")]
    step = shipped_policies()["cfi"].step
    for name in Gates.model_fields:
        (row,) = (row for row in rows if name in row.split("|")[1].replace(",", " ").split())
        at_once = "lowers" if name in step.at_once else "pauses" if name in step.pauses else ""
        assert row.split("|")[3].strip() == at_once, name


def test_the_message_and_the_excerpt_are_real():
    found = problems(changed("min_float_rank: 4", "min_float_rank: 2"))
    assert found == [
        problem.replace("mine.yaml", "policy.yaml") for problem in PAGE.splitlines() if "mine.yaml:" in problem
    ]
    assert str(line("{tier: 5000")) in found[0]
    assert PAGE[PAGE.index("table:\n  - {") :].split("```")[0].strip() in TEXT
