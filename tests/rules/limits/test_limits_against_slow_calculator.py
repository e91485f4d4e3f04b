"""The engine and a second, independent calculator agree on thousands of random users, what is not known included."""

from pathlib import Path

import pandas as pd
import pytest
from ruamel.yaml import YAML
from support import slow_limits
from support.limit_facts import random_users

from rules.core.rule_result import FAIL, PASS, UNKNOWN
from rules.limits.decide import decide_limits
from rules.limits.policy import shipped_policies

POLICIES = Path(__file__).parents[3] / "rules" / "policies"
SAID = {slow_limits.YES: PASS, slow_limits.NO: FAIL, slow_limits.PERHAPS: UNKNOWN}


def plain(frame):
    return [
        {name: None if value is pd.NA else value for name, value in row.items()}
        for row in frame.astype(object).to_dict("records")
    ]


@pytest.mark.parametrize(("name", "count"), [("cfi", 10_000), ("cfi-cautious", 4_000)])
def test_both_decide_the_same(name, count):
    written = YAML(typ="safe").load((POLICIES / f"{name}.yaml").read_text("utf-8"))
    facts = random_users(count, seed=count)
    decisions = decide_limits(shipped_policies()[name], facts)
    slow = [slow_limits.decide(written, row) for row in plain(facts)]

    fast = plain(decisions.frame)
    seen = [(row["move"], row["after"], row["runs_below"], row["at_once"]) for row in fast]
    assert seen == [(row["move"], row["after"], row["runs_below"], row["at_once"]) for row in slow]
    assert [row["affordability_cap"] for row in fast] == [row["cap"] for row in slow]
    assert [row["target"] for row in fast] == [row["target"] for row in slow]
    assert decisions.gates.results.tolist() == [[SAID[said] for said in row["gates"].values()] for row in slow]
    assert list(decisions.gates.gates) == list(slow[0]["gates"])

    # The users are of every kind, or agreement would say little.
    kinds = decisions.frame["move"].value_counts()
    assert kinds.min() > count / 200, kinds
    assert decisions.frame["at_once"].sum() > count / 50
    assert (decisions.frame["move"].eq("lowered") & ~decisions.frame["at_once"]).sum() > count / 50
    assert decisions.frame["after"].nunique() >= 8
    assert 0.01 < decisions.frame["target"].isna().mean() < 0.5
