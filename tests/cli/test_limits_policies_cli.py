"""`underwriting limits policies`: what is sound, what is wrong with its place, and what a policy says."""

import json

import pytest
from support.limit_policies import SHIPPED, changed, line
from typer.testing import CliRunner

from rules.limits.policy import parse_policy, policy_schema, shipped_policies
from underwriting.cli.limits.policies import app


def run(*arguments: str) -> tuple[int, str, str]:
    result = CliRunner().invoke(app, list(arguments))
    return result.exit_code, result.stdout, result.stderr


def test_the_shipped_policies_are_sound() -> None:
    code, said, _ = run("validate")
    assert (code, said.splitlines()) == (
        0,
        [
            "cfi-cautious v4 is sound: 6 tiers above the lowest, up to 100.00 USD",
            "cfi v4 is sound: 7 tiers above the lowest, up to 200.00 USD",
        ],
    )
    assert run("validate", str(SHIPPED / "cfi.yaml"))[0] == 0


def test_a_mistake_is_told_with_file_line_and_row(tmp_path) -> None:
    mine = tmp_path / "mine.yaml"
    mine.write_text(changed("min_float_rank: 4", "min_float_rank: 2"), "utf-8")
    code, said, wrong = run("validate", str(mine))
    assert (code, said) == (2, "")
    assert wrong == (
        f"underwriting: {mine}:{line('{tier: 5000')}: table: row 4: min_float_rank: "
        "2 is less than the 3 of 4000; a higher tier never asks less\n"
    )


@pytest.mark.parametrize("policy", ["cfi", str(SHIPPED / "cfi.yaml")])
def test_a_policy_is_shown_for_a_reader(policy) -> None:
    code, said, _ = run("show", policy)
    assert code == 0
    assert "cfi v4 of 2026-01-01" in said
    for part in (
        "200.00 USD",
        "2,000.00 USD",
        "100.00 USD",
        "few_returned_debits",
        "max_count: 2",
        "no_fraud, not_listed]",
    ):
        assert part in said


def test_the_canonical_text_reads_back() -> None:
    code, said, _ = run("show", "cfi-cautious", "--text")
    assert (code, parse_policy(said)) == (0, shipped_policies()["cfi-cautious"])


def test_a_policy_that_there_is_not() -> None:
    assert run("show", "cfy") == (
        2,
        "",
        "underwriting: no policy is called cfy; there are cfi-cautious, cfi, or give a YAML file\n",
    )


def test_the_schema() -> None:
    code, said, _ = run("schema")
    assert (code, json.loads(said)) == (0, policy_schema())
