"""What has to be done every few seconds: `underwriting housekeeping`, or `python -m underwriting.housekeeping`.

A process of its own, so that no queue of reviews delays it, and no flow runs, of which there would be thousands a day.
Each duty has a loop, and the failure of one stops no other. Several such processes may work at the same time: what they
take is leased, and the same dispatch twice gives one flow run.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import NoReturn

import httpx
from prefect.exceptions import PrefectException

from tasks import sweeping
from tasks.deliver import deliver
from tasks.handling import handle_due
from tasks.purging import purge_some
from tasks.stream_audit import stream_audit
from underwriting.integrations.errors import SourceError
from underwriting.integrations.tracing import traced
from underwriting.process.health import Health, answering_health
from underwriting.process.logs import in_a_line, write_logs
from underwriting.process.metrics import metrics
from underwriting.process.signals import ending_on_signals
from underwriting.runtime import Runtime, check_runtime, open_runtime
from underwriting.settings import Settings, settings
from underwriting.store.errors import StoreUnreachable

# Not `__name__`, which is `__main__` where the module is run.
log = logging.getLogger("underwriting.housekeeping")

# A try that takes longer is given up; what it took is free again when its lease expires.
LONGEST_SECONDS = 60.0
# What ends by itself once the service concerned is back.
OUTAGES = (StoreUnreachable, SourceError, httpx.HTTPError, PrefectException, TimeoutError)


@dataclass(frozen=True)
class Duty:
    """One thing to do, and how many seconds to wait between two tries."""

    name: str
    seconds: float
    once: Callable[[Runtime], Awaitable[object]]


DUTIES = (
    Duty("handle-events", 1.0, handle_due),
    Duty("deliver-outbox", 5.0, deliver),
    Duty("dispatch-owed", 10.0, sweeping.dispatch_owed),
    Duty("resume-limit-runs", 10.0, sweeping.resume_limit_runs),
    Duty("end-orphans", 10.0, sweeping.end_orphans),
    Duty("wake-waiting", 10.0, sweeping.wake_waiting),
    Duty("warn-of-notices", 60.0, sweeping.warn_of_notices),
    Duty("stream-audit", 60.0, stream_audit),
    Duty("measure-depths", 10.0, sweeping.measure_depths),
    Duty("purge", 3600.0, purge_some),
)


async def keep_house(config: Settings) -> None:
    """Do all duties until it is cancelled; StoreUnreachable or NotMigrated if the store cannot be used at the start."""
    traced(config, "underwriting-housekeeping")
    async with open_runtime(config) as runtime:
        with answering_health(config, Health.of_this_loop(check_runtime)):
            async with asyncio.TaskGroup() as all_of_them:
                log.info("the housekeeping begins: %s", ", ".join(duty.name for duty in DUTIES))
                for duty in DUTIES:
                    all_of_them.create_task(_repeat(duty, runtime))


async def _repeat(duty: Duty, runtime: Runtime) -> NoReturn:
    """Do a duty for ever. A failure is logged once, until the duty succeeds or fails otherwise."""
    reported = ""
    while True:
        trouble = await _try(duty, runtime)
        if trouble != reported:
            again = f"it is tried again every {duty.seconds:g} s"
            log.warning("%s %s", duty.name, f"fails: {trouble}; {again}" if trouble else "works again")
            reported = trouble
        metrics().duty(duty.name, "failed" if trouble else "done")
        await asyncio.sleep(duty.seconds)


async def _try(duty: Duty, runtime: Runtime) -> str:
    """Do a duty once; why it failed, empty where it did not."""
    try:
        async with asyncio.timeout(LONGEST_SECONDS):
            await duty.once(runtime)
    except TimeoutError as error:
        return str(error) or f"it took longer than {LONGEST_SECONDS:g} s"
    except OUTAGES as error:
        return in_a_line(error)
    # An error of ours, too, must not end the other duties.
    except Exception as error:
        log.exception("%s fails by a defect of ours", duty.name)
        return repr(error)
    return ""


def main() -> None:
    """Do all duties with the settings of the environment, until SIGTERM."""

    async def run() -> None:
        with ending_on_signals():
            await keep_house(settings())

    write_logs()
    asyncio.run(run())


if __name__ == "__main__":
    main()
