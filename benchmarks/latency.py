"""From `POST` to stored decision, one application at a time, sources that answer at once: warm against process worker.

`python -m benchmarks.latency [--warm 40] [--process 7]`; both in one run, on one Prefect server on PostgreSQL.
Both have the housekeeping beside them.
"""

import argparse
import asyncio
import sys

from prefect.client.orchestration import get_client
from prefect.client.schemas.actions import WorkPoolCreate
from prefect.settings import PREFECT_API_URL, temporary_settings
from prefect.workers.process import ProcessWorker

from benchmarks.rig import PREFECT_FILE, Applicants, median, percentile, report, running
from underwriting.local import Child, Services

PROCESS_POOL = "process"
WARM_UP = 3


async def main(warm: int, process: int) -> None:
    """Measure both workers and print the figures."""
    async with running() as services, Applicants.of(services) as applicants:
        await series(applicants, "warm worker, first runs", WARM_UP)
        with_warm = await series(applicants, "warm worker", warm)
        async with process_worker(services):
            await series(applicants, "process worker, first run", 1)
            with_process = await series(applicants, "process worker", process)
    report(
        {
            "benchmark": "latency",
            "warm_p50_s": round(median(with_warm), 3),
            "warm_p95_s": round(percentile(with_warm, 0.95), 3),
            "process_p50_s": round(median(with_process), 3),
            "process_p95_s": round(percentile(with_process, 0.95), 3),
            "process_over_warm_p50": round(median(with_process) / median(with_warm), 1),
            "warm_runs": warm,
            "process_runs": process,
        }
    )


async def series(applicants: Applicants, name: str, count: int) -> list[float]:
    """The seconds of `count` applications, one after another."""
    taken = []
    for number in range(count):
        taken.append(await applicants.seconds_to_decision(f"good-{number:05}"))
        await asyncio.sleep(0.3 * (number % 4) / 4)  # Do not fall into step with the worker's polling.
    print(f"{name}: p50 {median(taken):.3f} s, p95 {percentile(taken, 0.95):.3f} s over {count}")
    return taken


class process_worker:  # noqa: N801 - a context manager, called like a function
    """The same deployments, without their schedules, in a process pool whose worker asks for work every second."""

    def __init__(self, services: Services) -> None:
        self._services = services
        environment = {
            **services.environment,
            "UNDERWRITING_WORK_POOL": PROCESS_POOL,
            "PREFECT_WORKER_QUERY_SECONDS": "1",
        }
        logs = services.logs
        self._deploy = Child(
            "deploy",
            [sys.executable, "-m", "underwriting.local.deploy_and_work", str(PREFECT_FILE)],
            logs / "deploy-process.log",
            environment,
        )
        self._worker = Child(
            "process worker",
            [sys.executable, "-m", "prefect", "worker", "start", "--pool", PROCESS_POOL, "--type", "process"],
            logs / "process-worker.log",
            environment,
        )

    async def __aenter__(self) -> None:
        for worker in self._services.workers:
            await worker.stop(10)
        with temporary_settings({PREFECT_API_URL: f"{self._services.settings.prefect_url}/api"}):
            async with get_client() as client:
                template = ProcessWorker.get_default_base_job_template()
                await client.create_work_pool(
                    WorkPoolCreate(name=PROCESS_POOL, type=ProcessWorker.type, base_job_template=template)
                )
                self._deploy.start()
                await self._deploy.succeed(120)
        self._worker.start()

    async def __aexit__(self, *_: object) -> None:
        await self._worker.stop(10)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--warm", type=int, default=40, help="applications through the warm worker")
    parser.add_argument("--process", type=int, default=7, help="applications through the process worker")
    chosen = parser.parse_args()
    asyncio.run(main(chosen.warm, chosen.process))
