"""Facts and limits of many generated users, compared with the slow calculators; the tests do so with 300.

`python -m benchmarks.soak_facts [--users 10000] [--seed 1] [--months 9] [--end 2025-08-31]`
"""

import argparse
import sys
from datetime import UTC, date, datetime, time
from itertools import chain

from benchmarks.rig import report
from rules.facts import USER_FACTS
from rules.limits.policy import shipped_policies
from tests.support.compared import disagreements, limits_that_differ
from underwriting.playground.generator.calendar import Window
from underwriting.playground.generator.layout import CURRENT_LIMITS, TABLES
from underwriting.playground.generator.world import shipped_world
from underwriting.playground.generator.write import Plan, chunks

# The most differences that are printed: one cause tends to make thousands.
SHOWN = 20


def main(plan: Plan) -> bool:
    """Compare facts and limits of all users on the last day, and print the figures; exit code 1 if any differ."""
    as_of, judged_at = plan.window.end, datetime.combine(plan.window.end, time(12), UTC)
    users = wrong = 0
    policies = list(shipped_policies().values())
    for chunk in chunks(shipped_world(), plan):
        ids = chunk[CURRENT_LIMITS].column("subject_id").to_pylist()
        tables = {name: chunk[name] for name in (*TABLES, CURRENT_LIMITS)}
        users += len(ids)
        for each in chain(
            disagreements(tables, ids, as_of, judged_at),
            *(limits_that_differ(tables, ids, as_of, judged_at, policy) for policy in policies),
        ):
            wrong += 1
            if wrong <= SHOWN:
                print(*each)
    figures = {"facts": users * len(USER_FACTS), "limits": users * len(policies), "disagreements": wrong}
    report({"benchmark": "soak_facts", "users": users, **figures})
    return wrong == 0


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--users", type=int, default=10_000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--months", type=int, default=9)
    parser.add_argument("--end", type=date.fromisoformat, default=date(2025, 8, 31))
    chosen = parser.parse_args()
    window = Window(chosen.end, chosen.months)
    sys.exit(0 if main(Plan(chosen.users, chosen.seed, window, chunk=1_000)) else 1)
