"""What is wrong with a limit policy is said with its place, its row, and what to do."""

import pytest
from support.limit_policies import TABLE, TEXT, changed, line, problems

from rules.core.problems import RulebookError
from rules.limits.policy import load_policy

FOURTH = "  - {tier: 4000, min_float_rank: 3, min_subscription_rank: 2, min_available: 90000}\n"


@pytest.mark.parametrize(
    ("old", "new", "place", "expected"),
    [
        # Tiers: unknown, missing, twice, out of order.
        (
            "tier: 3000",
            "tier: 2500",
            "tier: 3000",
            [
                "table: row 2: tier: there is no tier of 2500; "
                "there are 1000, 2000, 3000, 4000, 5000, 8000, 10000, 20000"
            ],
        ),
        (
            FOURTH,
            "",
            FOURTH,
            ["table: row 3: tier: a gap: 4000 is between 3000 and 5000 and has no row; limits rise one tier at a time"],
        ),
        (
            FOURTH,
            FOURTH * 2,
            "  - {tier: 5000",
            ["table: row 4: tier: 4000 overlaps with the row before, which is of the same tier; keep one"],
        ),
        # Rows that nobody can end at.
        (
            "min_float_rank: 3, min_subscription_rank: 2,",
            "min_float_rank: 2, min_subscription_rank: 1,",
            "{tier: 3000",
            [
                "table: row 2: unreachable: whoever meets it meets the row of 4000 as well, which asks the same; "
                "ask more there or less here"
            ],
        ),
        (
            "min_repaid: 10000",
            "min_repaid: 10001",
            "{tier: 20000",
            [
                "table: row 7: min_repaid: nobody can have repaid 10001 at 10000, the tier before: "
                "the row is unreachable; lower it"
            ],
        ),
        # Thresholds that fall.
        (
            "min_float_rank: 4",
            "min_float_rank: 2",
            "min_float_rank: 4",
            ["table: row 4: min_float_rank: 2 is less than the 3 of 4000; a higher tier never asks less"],
        ),
        (
            "min_subscription_rank: 3, min_available: 150000",
            "min_subscription_rank: 1, min_available: 89999",
            "min_subscription_rank: 3",
            [
                "table: row 4: min_available: 89999 is less than the 90000 of 4000; a higher tier never asks less",
                "table: row 4: min_subscription_rank: 1 is less than the 2 of 4000; a higher tier never asks less",
            ],
        ),
        (
            "min_available: 150000}",
            "min_available: 150000, min_repaid: 1}",
            "{tier: 8000",
            ["table: row 5: min_repaid: 0 is less than the 1 of 5000; a higher tier never asks less"],
        ),
        # Impossible numbers.
        (
            "min_float_rank: 8",
            "min_float_rank: 9",
            "min_float_rank: 8",
            ["table: row 7: min_float_rank: 9 is too high; write 8 or less"],
        ),
        (
            "min_float_rank: 8, ",
            "",
            "{tier: 20000",
            ["table: row 7: min_float_rank: missing; give a whole number, at least 0, at most 8"],
        ),
        (
            "min_available: 150000",
            "min_avalable: 150000",
            "{tier: 5000",
            [
                "table: row 4: min_available: missing; give a whole number "
                "(An amount in minor units of the rulebook's currency)",
                "table: row 4: min_avalable: no such key; did you mean min_available?",
            ],
        ),
        (
            "min_available: 150000",
            "min_available: 1500.00",
            "{tier: 5000",
            ["table: row 4: min_available: 1500.0 is not a whole number; write 1500"],
        ),
        (
            "on_time: 0.30",
            "on_time: 0.40",
            "  health:",
            ["affordability: health: the weights sum to 1.10; they have to sum to 1"],
        ),
        (
            "on_time: 0.30",
            "on_time: 1.3",
            "on_time",
            ["affordability: health: on_time: 1.3 is too high; write 1 or less"],
        ),
        (
            "on_time: 0.30",
            "on_time: -0.1",
            "on_time",
            ["affordability: health: on_time: -0.1 is too low; write 0 or more"],
        ),
        (
            "on_time: 0.30",
            "on_time: 0.30001",
            "on_time",
            ["affordability: health: on_time: 0.30001 is finer than a basis point; four decimal places at most"],
        ),
        (
            "on_time: 0.30",
            "on_time: true",
            "on_time",
            ["affordability: health: on_time: true is not a number; write one"],
        ),
        (
            "on_time: 0.30",
            "on_time: .nan",
            "on_time",
            ["affordability: health: on_time: .nan is not a number; write a number, at least 0, at most 1"],
        ),
        (
            "base_share: 0.10",
            "base_share: 0.81",
            "  health_share",
            ["affordability: health_share: with base_share more than the pay; lower one of them"],
        ),
        (
            "base_share: 0.10\n  health_share: 0.20",
            "base_share: 0\n  health_share: 0",
            "  health_share",
            ["affordability: health_share: 0, as base_share is: nothing is ever affordable; raise one of them"],
        ),
        (
            "free_share: 0.5",
            "free_share: 0",
            "  free_share",
            ["affordability: free_share: 0: nothing is ever affordable; raise it"],
        ),
        (
            "share: 0.6}",
            "share: 0.605}",
            "share: 0.6}",
            ["affordability: confidence: row 1: share: 0.605 is finer than a percent; two decimal places at most"],
        ),
        (
            "share: 0.6}",
            "share: 1}",
            "share: 1}",
            [
                "affordability: confidence: row 2: share: not above 1, which fewer deposits give: "
                "the row changes nothing; raise it or leave it out"
            ],
        ),
        (
            "min_deposits: 3, share",
            "min_deposits: 2, share",
            "min_deposits: 3, share",
            [
                "affordability: confidence: row 2: min_deposits: not above the 2 of the row before; "
                "put the rows in order, each number once"
            ],
        ),
        (
            "min_deposits: 3, share",
            "min_deposits: 7, share",
            "min_deposits: 3, share",
            ["affordability: confidence: row 2: min_deposits: 7 is too high; write 6 or less"],
        ),
        (
            "full_history_days: 365",
            "full_history_days: 0",
            "full_history_days",
            ["affordability: full_history_days: 0 is too low; write 1 or more"],
        ),
        # Gates.
        ("  no_fraud: {}\n", "", "gates:", ["gates: no_fraud: missing; give properties"]),
        (
            "no_fraud: {}",
            "no_fraud: {a: 1}",
            "no_fraud: {}",
            ["gates: no_fraud: a: no such key; there is only on_fail"],
        ),
        (
            "no_fraud: {}",
            "no_fraud: {on_fail: refer}",
            "no_fraud: {}",
            ["gates: no_fraud: on_fail: a gate that fails keeps the limit and refers nobody; leave on_fail out"],
        ),
        (
            "max_pay_periods: 1.5",
            "max_pay_periods: 1.505",
            "max_pay_periods",
            ["gates: running_income: max_pay_periods: 1.505 is finer than a hundredth; two decimal places at most"],
        ),
        (
            "{max_hours: 72}",
            "{max_hours: -1}",
            "{max_hours: 72}",
            ["gates: fresh_feed: max_hours: -1 is too low; write 0 or more"],
        ),
        (
            "grey_match_score: 0.75",
            "grey_match_score: 0.95",
            "grey_match_score",
            ["gates: not_listed: grey_match_score: is above min_match_score, so that no match would be grey; lower it"],
        ),
        (
            "recurring_income: {min_deposits: 4}",
            "recurring_income: {min_deposits: 1}",
            "recurring_income",
            [
                "gates: recurring_income: min_deposits: 1 deposits pass the gate, and nothing is affordable below 2; "
                "raise it"
            ],
        ),
        # Steps, guard, and the rest.
        (
            "[few_returned_debits",
            "[few_returned",
            "  at_once",
            ["step: at_once: row 1: no gate is called few_returned; did you mean few_returned_debits?"],
        ),
        (
            "pauses: [no_fraud, not_listed]",
            "pauses: [no_fraud, running_income]",
            "  pauses",
            ["step: pauses: row 2: running_income appears twice in at_once and pauses; keep one"],
        ),
        (
            "America/New_York",
            "America/New_Yorck",
            "business_day",
            [
                "business_day: timezone: there is no time zone America/New_Yorck; write one of the IANA database, "
                "such as America/New_York"
            ],
        ),
        (
            "first_limit: 2000",
            "first_limit: 2500",
            "first_limit",
            ["step: first_limit: there is no tier of 2500; there are 1000, 2000, 3000, 4000, 5000, 8000, 10000, 20000"],
        ),
        (
            "cool_down_days: 14",
            "cool_down_days: 0",
            "cool_down_days",
            ["step: cool_down_days: 0 is too low; write 1 or more"],
        ),
        (
            "min_runs: 3",
            "min_runs: 30",
            "min_runs",
            ["guard: min_runs: above last_runs (7): no run would ever be compared"],
        ),
        (
            "first_runs: 0.45, times: 3",
            "first_runs: 0.45, times: 0.5",
            "share_raised",
            ["guard: share_raised: times: 0.5 is too low; write 1 or more"],
        ),
        (
            "product: float",
            "product: loan",
            "product",
            ["product: there are tiers of floats only, none of a loan; write float"],
        ),
        (
            "currency: USD",
            "currency: EUR",
            "currency",
            ["currency: the tiers are in USD, not in EUR; see rules/policies/float_tiers.yaml"],
        ),
    ],
)
def test_a_problem_names_its_place_and_what_to_do(old, new, place, expected):
    found = problems(changed(old, new))
    assert found == [f"policy.yaml:{line(place)}: {each}" for each in expected]


def test_keys_that_are_misspelt_are_missing_and_strange():
    assert problems(changed("table:", "tabel:")) == [
        "policy.yaml:3: table: missing; give a list",
        f"policy.yaml:{line('table:')}: tabel: no such key; did you mean table?",
    ]
    assert problems(changed("  history: {", "  histroy: {")) == [
        f"policy.yaml:{line('gates:')}: gates: history: missing; give properties",
        f"policy.yaml:{line('  history: {')}: gates: histroy: no such key; did you mean history?",
    ]
    assert problems(changed(TABLE, "  []\n")) == [f"policy.yaml:{line('table:')}: table: empty; list at least one"]


def test_a_row_that_stands_for_another_leaves_a_gap():
    assert problems(changed("{tier: 2000", "{tier: 1000")) == [
        f"policy.yaml:{line('{tier: 2000')}: table: row 1: tier: 1000 is the lowest tier, which everybody keeps; "
        "leave the row out",
        f"policy.yaml:{line('{tier: 3000')}: table: row 2: tier: a gap: 2000 is between 1000 and 3000 "
        "and has no row; limits rise one tier at a time",
    ]
    assert problems(changed("{tier: 10000", "{tier: 8000")) == [
        f"policy.yaml:{line('{tier: 10000')}: table: row 6: tier: 8000 overlaps with the row before, "
        "which is of the same tier; keep one",
        f"policy.yaml:{line('{tier: 20000')}: table: row 7: tier: a gap: 10000 is between 8000 and 20000 "
        "and has no row; limits rise one tier at a time",
    ]


def test_rows_out_of_order():
    rows = TABLE.splitlines(keepends=True)
    rows[2], rows[3] = rows[3], rows[2]
    found = problems(TEXT.replace(TABLE, "".join(rows)))
    assert f"policy.yaml:{line('{tier: 5000')}: table: row 4: tier: 4000 comes after 5000; " in found[1]


def test_every_problem_is_told_at_once():
    text = changed("min_float_rank: 8", "min_float_rank: 9").replace("max_days: 3", "max_days: x")
    assert len(problems(text.replace("min_on_time: 2", "min_on_time: -2"))) == 3


def test_what_is_no_policy_at_all(tmp_path):
    assert problems("- a\n")[0].startswith("policy.yaml:1: not a limit policy; it has the keys name, version, product")
    assert problems("a: [")[0].startswith("policy.yaml:1: not YAML")
    with pytest.raises(RulebookError, match=r"absent\.yaml: No such file or directory"):
        load_policy(tmp_path / "absent.yaml")
    latin = tmp_path / "latin.yaml"
    latin.write_bytes("name: caf\xe9".encode("latin-1"))
    with pytest.raises(RulebookError, match=r"latin\.yaml: not UTF-8 at byte 9; save it as UTF-8"):
        load_policy(latin)
