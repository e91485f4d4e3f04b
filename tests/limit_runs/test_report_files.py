"""The summary of a limit run as staff read it."""

import re
from dataclasses import replace
from datetime import date
from itertools import pairwise
from pathlib import Path

from rules.core.reasons import reason
from rules.limits.guard import GuardResult, GuardVerdict
from underwriting.limit_runs.intake import TableIntake
from underwriting.limit_runs.report import Report
from underwriting.limit_runs.report_files import SENTENCE, summary
from underwriting.limit_runs.totals import Totals

TOTALS = Totals(
    users=1_234_567,
    raised=2_345,
    lowered=3_456,
    held=1_228_766,
    unknown=4_567,
    reasons={"limit_pay_awaited": 5_678},
    gates={"no_open_float": 6_789},
)


def report(totals: Totals = TOTALS, shards: int = 1) -> Report:
    return Report(
        run_id="lim_1",
        business_date=date(2026, 6, 30),
        policy="cfi v4",
        fact_terms=None,
        currency="USD",
        state=None,
        folder=Path(),
        totals=totals,
        guard=GuardResult(GuardVerdict.RELEASE),
        tables={"users": TableIntake(7_890, {"no_id": 8_901})},
        shards=shards,
        calculated=shards,
    )


def test_every_number_from_a_thousand_on_has_separators() -> None:
    text = summary(report(shards=1_000))
    assert re.findall(r"(?<![\d,.-])\d{4,}(?![\d-])", text) == []
    assert "| all | 1,234,567 | |" in text
    assert report().sentence == "2,345 raised, 3,456 lowered, 1,228,766 unchanged of 1,234,567"


def test_one_shard_is_no_shards() -> None:
    assert "Run lim_1 by cfi v4, 1 shard." in summary(report())
    assert "3 shards, of which 2 calculated now" in summary(replace(report(), shards=3, calculated=2))


def test_every_column_has_a_heading_and_no_sentence_is_wider_than_the_page() -> None:
    lines = summary(report()).splitlines()
    headings = [before for before, line in pairwise(lines) if line.startswith("|--")]
    assert len(headings) == 4
    assert all(cell.strip() for heading in headings for cell in heading.strip("|").split("|"))
    assert len(reason("limit_pay_awaited").sentence) > SENTENCE
    (row,) = [line for line in lines if line.startswith("| limit_pay_awaited")]
    assert max(map(len, row.rsplit("| ", 1)[1].split("<br>"))) <= SENTENCE + len(" |")


def test_those_with_an_unknown_fact_are_not_shown_as_part_of_the_sum() -> None:
    text = summary(report())
    assert "Of 4,567 users a required fact was unknown." in text
    assert "| unknown" not in text
    assert "unknown" not in summary(report(TOTALS.model_copy(update={"unknown": 0})))
