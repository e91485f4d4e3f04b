"""A warm worker without Prefect's command line, which takes seconds to import: `python -m underwriting.worker`."""

import argparse
import asyncio
import sys

import uvloop

from underwriting.process.logs import write_logs
from underwriting.settings import SettingsRefused, settings
from underwriting.worker.worker import WarmWorker


def main() -> None:
    """Read the arguments and work."""
    parser = argparse.ArgumentParser(prog="python -m underwriting.worker", description=__doc__)
    try:
        pool = settings().work_pool
    except SettingsRefused as error:
        sys.exit(f"underwriting: {error}")
    parser.add_argument("--pool", default=pool, help="work pool to work for")
    parser.add_argument("--name", help="the worker's name in the Prefect UI; made up where left out")
    parser.add_argument("--limit", type=int, help="runs at once; UNDERWRITING_WORKER_LIMIT where left out")
    arguments = parser.parse_args()
    write_logs()
    asyncio.set_event_loop_policy(uvloop.EventLoopPolicy())
    asyncio.run(WarmWorker(arguments.pool, name=arguments.name, limit=arguments.limit).start())


if __name__ == "__main__":
    main()
