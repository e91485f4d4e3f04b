"""Deploys a file and goes on as a warm worker: `python -m underwriting.local.deploy_and_work prefect.yaml [WORKER]`.

By then the process has imported all that a worker needs. Without the name of a worker it ends.
"""

import asyncio
import sys
from pathlib import Path

import uvloop
from prefect.client.orchestration import get_client

from underwriting.local.child import until
from underwriting.local.services import READY_SECONDS
from underwriting.process.logs import write_logs
from underwriting.settings import Settings, settings
from underwriting.worker import WarmWorker
from underwriting.worker.deploy import deploy


async def _deploy_when_ready(prefect_file: Path, config: Settings) -> None:
    async with get_client() as client:

        async def answers() -> bool:
            return await client.api_healthcheck() is None

        if not await until(answers, READY_SECONDS):
            sys.exit("the Prefect server does not answer")
        try:
            await deploy(client, prefect_file, config.work_pool, config.alert_url)
        except ValueError as error:
            sys.exit(str(error))


async def main(prefect_file: Path, worker: str | None = None) -> None:
    """Deploy, and work on where a worker is named."""
    config = settings()
    await _deploy_when_ready(prefect_file, config)
    if worker is not None:
        await WarmWorker(config.work_pool, name=worker).start()


if __name__ == "__main__":
    write_logs()
    asyncio.set_event_loop_policy(uvloop.EventLoopPolicy())
    asyncio.run(main(Path(sys.argv[1]), *sys.argv[2:]))
