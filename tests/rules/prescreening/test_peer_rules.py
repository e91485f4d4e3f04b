"""The peers that the benchmark of the rules compares us with decide as we do, rule by rule."""

import numpy as np
import pandas as pd
import pytest

from benchmarks.rules import applicants, ours, plain_python, zen_engine
from rules.core.rule_result import FAIL, PASS, UNKNOWN
from rules.prescreening.book import shipped_rulebooks

BOOK = shipped_rulebooks()["prescreening"]
APPLICANTS = applicants(2_000)
RESULTS = ours(BOOK, APPLICANTS)


@pytest.mark.parametrize("peer", [zen_engine, plain_python])
def test_a_peer_gives_the_same_results(peer):
    rows = [
        {str(name): None if value is pd.NA else value for name, value in row.items()}
        for row in APPLICANTS.to_dict("records")
    ]
    np.testing.assert_array_equal(np.array(peer(BOOK)(rows)), RESULTS)


@pytest.mark.parametrize("rule", BOOK.rules, ids=lambda rule: rule.name)
def test_the_applicants_of_the_benchmark_pass_fail_and_are_unknown(rule):
    reached = {PASS, UNKNOWN} | ({FAIL} if rule.on_fail == "reject" else set())
    assert set(RESULTS[:, BOOK.rules.index(rule)].tolist()) == reached
