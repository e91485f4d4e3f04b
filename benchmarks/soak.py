"""The kill test of tests/kills for longer than a minute.

`python -m benchmarks.soak [--applications 1000] [--kills 200] [--stalls 20] [--restarts 10] [--seed 1]`
"""

import argparse
import asyncio
import sys
import tempfile
from pathlib import Path

from benchmarks.rig import report
from tests.support.arena import Arena
from tests.support.ordeal import FAILPOINTS, Plan, endure


async def main(plan: Plan) -> bool:
    """Run, print the figures, and exit with 1 if a promise was broken."""
    with tempfile.TemporaryDirectory(prefix="soak-") as folder:
        async with Arena.opened(Path(folder)) as arena:
            reckoning = await endure(arena, plan)
    for promise in reckoning.broken():
        print(promise)
    report({"benchmark": "soak", **reckoning.summary()})
    return not reckoning.broken()


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--applications", type=int, default=1_000)
    parser.add_argument(
        "--kills", type=int, default=200, help="at random points and at named failpoints, half and half"
    )
    parser.add_argument("--stalls", type=int, default=20, help="workers stopped for longer than their lease")
    parser.add_argument("--restarts", type=int, default=10, help="of PostgreSQL, at once and without a shutdown")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--patience", type=float, default=3600.0, help="seconds; more is a failure")
    parser.add_argument("--unguarded", action="store_true", help="the control: without ledger and fence it must fail")
    chosen = parser.parse_args()
    at_failpoints = chosen.kills // 2
    failpoints = tuple(FAILPOINTS[number % len(FAILPOINTS)] for number in range(at_failpoints))
    plan = Plan(
        chosen.applications,
        chosen.kills - at_failpoints,
        chosen.stalls,
        chosen.restarts,
        chosen.seed,
        chosen.patience,
        failpoints,
        guarded=not chosen.unguarded,
    )
    sys.exit(0 if asyncio.run(main(plan)) else 1)
