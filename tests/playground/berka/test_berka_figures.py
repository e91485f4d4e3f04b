"""Decisions and orderings are counted against how the loans went."""

import math
from pathlib import Path

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.berka import Bank, needs_real_bank, real_applicants

from rules.prescreening.book import shipped_rulebooks
from underwriting.domain.decision import Verdict
from underwriting.playground.berka.bank import read_bank
from underwriting.playground.berka.figures import (
    Tally,
    auc,
    by_rule,
    by_verdict,
    orderings,
    risk,
    standard_error,
    went_bad,
)
from underwriting.playground.berka.review import RULEBOOK, prescreen

NAMES = ["a", "b", "c", "d"]


@pytest.mark.parametrize(
    ("risks", "bad", "expected"),
    [
        ([1, 2, 3, 4], [False, False, True, True], 1.0),
        ([4, 3, 2, 1], [False, False, True, True], 0.0),
        ([1, 2, 3, 4], [False, True, False, True], 0.75),
        ([1, 1, 1, 1], [False, True, False, True], 0.5),
    ],
)
def test_auc_is_the_chance_that_a_bad_loan_stands_above_a_good_one(
    risks: list[int], bad: list[bool], expected: float
) -> None:
    ordering = pd.Series(risks, index=NAMES, dtype=float)
    # Matched by customer, in whatever order they come.
    assert auc(ordering, pd.Series(bad, index=NAMES)[::-1]) == expected


@given(st.lists(st.tuples(st.integers(0, 5), st.booleans()), min_size=1, max_size=30))
def test_auc_is_the_share_of_pairs_in_the_right_order(loans: list[tuple[int, bool]]) -> None:
    bad = [risk for risk, was_bad in loans if was_bad]
    good = [risk for risk, was_bad in loans if not was_bad]
    pairs = [(worse > better) + (worse == better) / 2 for worse in bad for better in good]
    found = auc(pd.Series([risk for risk, _ in loans], dtype=float), pd.Series([was_bad for _, was_bad in loans]))
    assert math.isnan(found) if not pairs else found == pytest.approx(sum(pairs) / len(pairs))


def test_standard_error_is_hanley_and_mcneil_s() -> None:
    # Their formula by hand for an area of 0.8: Q1 = .8/1.2, Q2 = 1.28/1.8, (.16 + 9·.02667 + 19·.07111) / 200.
    assert standard_error(0.8, 10, 20) == pytest.approx(math.sqrt((0.16 + 9 * 2 / 75 + 19 * 16 / 225) / 200))
    assert math.isnan(standard_error(math.nan, 0, 20))


def test_risk_rises_with_burden_and_falls_with_reserve_and_what_is_not_known_is_worst() -> None:
    facts = pd.DataFrame(
        {
            "debt_to_income": pd.array([0.1, 0.2, None, 0.1], "Float64"),
            "lowest_month_end_balance": pd.array([900, 500, 700, None], "Int64"),
        },
        index=NAMES,
    )
    assert risk(facts).to_dict() == {"a": 0.3125, "b": 0.75, "c": 0.75, "d": 0.6875}


def test_verdicts_and_rules_are_counted(tmp_path: Path) -> None:
    bank = Bank(tmp_path / "bank")
    bank.open_account("101", 14, 12_000, saved=4_000, instalment=3_000)
    bank.open_account("102", 14, 12_000, saved=4_000, instalment=4_000, status="D")
    bank.open_account("103", 14, 12_000, saved=20, instalment=4_000)
    applicants = [one for one in read_bank(bank.folder) if one.customer_id in ("berka-101", "berka-102", "berka-103")]
    _, evaluation = prescreen(applicants, shipped_rulebooks()[RULEBOOK])
    bad = went_bad(applicants)
    assert by_verdict(evaluation, bad) == {
        Verdict.APPROVED: Tally(1, 0), Verdict.REJECTED: Tally(2, 1), Verdict.REFERRED: Tally(0, 0),
    }  # fmt: skip
    assert by_rule(evaluation, bad)["DebtToIncome"] == (Tally(2, 1), Tally(0, 0))
    assert (Tally(2, 1).bad_rate, math.isnan(Tally(0, 0).bad_rate)) == (0.5, True)


@needs_real_bank
def test_the_figures_of_the_documentation() -> None:
    applicants = real_applicants()
    facts, evaluation = prescreen(applicants, shipped_rulebooks()[RULEBOOK])
    bad = went_bad(applicants)
    assert by_verdict(evaluation, bad) == {
        Verdict.APPROVED: Tally(140, 6), Verdict.REJECTED: Tally(58, 12), Verdict.REFERRED: Tally(3, 0),
    }  # fmt: skip
    found = orderings(applicants, facts, evaluation)
    assert {name: round(auc(ordering, bad), 3) for name, ordering in found.items()} == {
        "burden and reserve": 0.853,
        "rules failed": 0.757,
        "lowest balance alone": 0.730,
        "instalment alone": 0.724,
    }
    assert round(standard_error(auc(found["burden and reserve"], bad), 18, 183), 3) == 0.058


@needs_real_bank
def test_the_bank_s_instalment_is_the_book_s() -> None:
    book = shipped_rulebooks()[RULEBOOK]
    assert book.terms.annual_rate == 0
    assert all(one.loan.instalment * one.months == one.requested.minor for one in real_applicants())
