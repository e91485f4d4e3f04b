"""Applications submitted at once, with sources that take 200 ms: all decided, none twice, decisions a second.

`python -m benchmarks.burst [--applications 200] [--latency 0.2]`
"""

import argparse
import asyncio
import time

import httpx

from benchmarks.rig import Applicants, cpu_seconds, report, running

PATIENCE = 600.0


async def main(applications: int, latency: float) -> None:
    """Submit, wait for the last decision, count the calls of outside services, and print the figures."""
    async with running() as services, Applicants.of(services) as applicants:
        await applicants.seconds_to_decision("good")
        async with httpx.AsyncClient(base_url=services.settings.sandbox_url) as sandbox:
            await all_posted(sandbox, 1)
            await sandbox.delete("/_control/ledger")
            (await sandbox.put("/_control", json={"others": {"latency": latency}})).raise_for_status()
            began, used = time.perf_counter(), cpu_seconds(services)
            await asyncio.gather(*(applicants.apply(f"good-{number:05}") for number in range(applications)))
            accepted = time.perf_counter() - began
            await all_decided(applicants, applications + 1)
            taken = time.perf_counter() - began
            await all_posted(sandbox, applications)
            cpu = {name: seconds - used[name] for name, seconds in cpu_seconds(services).items()}
            account = (await sandbox.get("/_control/ledger")).json()
    posts = [result["deliveries"] for result in account["ledger"]["results"].values()]
    report(
        {
            "benchmark": "burst",
            "applications": applications,
            "source_latency_s": latency,
            "accepted_s": round(accepted, 2),
            "all_decided_s": round(taken, 2),
            "decisions_per_s": round(applications / taken, 2),
            "cpu_s_per_decision": {name: round(seconds / applications, 3) for name, seconds in cpu.items()},
            "decided": len(posts),
            "posted_twice": sum(count > 1 for count in posts),
            "bureau_charges": account["charges"],
        }
    )


async def all_decided(applicants: Applicants, count: int) -> None:
    """Wait for so many decisions and show the progress; TimeoutError after ten minutes."""
    async with asyncio.timeout(PATIENCE):
        while (done := await applicants.decided()) < count:
            print(f"{done} of {count} decided", flush=True)
            await asyncio.sleep(1)


async def all_posted(sandbox: httpx.AsyncClient, count: int) -> None:
    """Wait until the partner has every result; TimeoutError after ten minutes."""
    async with asyncio.timeout(PATIENCE):
        while len((await sandbox.get("/_control/ledger")).json()["ledger"]["results"]) < count:
            await asyncio.sleep(0.5)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--applications", type=int, default=200)
    parser.add_argument("--latency", type=float, default=0.2, help="seconds before every source's answer")
    chosen = parser.parse_args()
    asyncio.run(main(chosen.applications, chosen.latency))
