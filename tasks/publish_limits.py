"""What the Prefect UI shows of a limit run: its progress, its result, and the pictures."""

import asyncio
from base64 import b64encode
from uuid import UUID

import httpx
from prefect import get_run_logger
from prefect.artifacts import acreate_markdown_artifact, acreate_progress_artifact, aupdate_progress_artifact
from prefect.exceptions import PrefectException

from underwriting.limit_runs.pictures import pictures
from underwriting.limit_runs.report import Report, shards_text
from underwriting.limit_runs.report_files import summary, write_files
from underwriting.settings import Settings


class Progress:
    """A progress artifact for each part of the run: calculating, applying."""

    def __init__(self) -> None:
        self._artifacts: dict[str, UUID] = {}
        self._turn = asyncio.Lock()

    async def __call__(self, what: str, done: int, of: int) -> None:
        """Show that so many of the shards are done. If the Prefect server is away, the run goes on."""
        share = 100 * done / of if of else 100.0
        try:
            async with self._turn:
                if what in self._artifacts:
                    await aupdate_progress_artifact(self._artifacts[what], progress=share)
                else:
                    self._artifacts[what] = await acreate_progress_artifact(
                        share, description=f"{what}: {shards_text(of)}"
                    )
        except (httpx.HTTPError, PrefectException) as error:
            get_run_logger().warning("the progress is not shown: %s", error)


async def publish_limits(config: Settings, report: Report, *, rollback: str = "") -> None:
    """Write the run's files, and create its summary with the pictures as an artifact of the flow run.

    `rollback` says what the flow run takes back, or would, and comes first. The summary of one user would show that
    user's limit, which Prefect sees of simulated users only. The run is already stored: if the Prefect server is away,
    only the artifacts are missing.
    """
    await asyncio.to_thread(write_files, report)
    if report.totals.users == 1 and not config.simulated:
        return
    try:
        page = await asyncio.to_thread(_with_pictures, report, rollback)
        await acreate_markdown_artifact(page, description=rollback or report.sentence)
    except (httpx.HTTPError, PrefectException) as error:
        get_run_logger().warning("the run is left without its summary: %s", error)


def _with_pictures(report: Report, rollback: str) -> str:
    """The summary with its pictures embedded: the server keeps artifacts, but serves no files."""
    shown = [
        f"![{title}](data:image/png;base64,{b64encode(png).decode()})" for _, title, png in pictures(report.totals)
    ]
    return "\n\n".join([summary(report, rollback=rollback), *shown])
