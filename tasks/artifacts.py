"""What the Prefect UI shows of a run: a table with a link to the API's record, and a tag."""

import asyncio
from collections.abc import Sequence

import httpx
from prefect import get_client, get_run_logger
from prefect.artifacts import acreate_table_artifact
from prefect.exceptions import PrefectException
from prefect.runtime import flow_run

from underwriting.domain.decision import Outcome, shown
from underwriting.runtime import Runtime


async def publish_run(
    runtime: Runtime, subject_id: str, path: str, rows: list[dict[str, str]], description: str, tag: str
) -> None:
    """Create the table below a link to the API's record at `path`, and tag the run, since the UI can filter by tags.

    Not a task, so that the table belongs to the flow run. The result is already stored: if the Prefect server is away,
    only the table is missing.
    """
    url = f"{runtime.config.public_url or runtime.config.api_url}{path}"
    link = f"[Record of {subject_id}]({url}); the API requires a token of the tenant."
    try:
        await asyncio.gather(acreate_table_artifact(rows, description=f"{description}\n\n{link}"), _tag(tag))
    except (httpx.HTTPError, PrefectException) as error:
        get_run_logger().warning("the run is left without artifacts: %s", error)


def outcome_rows(heading: str, name: str, outcomes: Sequence[Outcome]) -> list[dict[str, str]]:
    """One row for each rule that ran, in order; the first column is its check or rulebook."""
    return [
        {
            heading: name,
            "rule": outcome.rule,
            "outcome": outcome.result.value,
            "reason": outcome.reason.code if outcome.reason else "",
            "observed": ", ".join(f"{fact} = {shown(value)}" for fact, value in outcome.observed.items()),
        }
        for outcome in outcomes
    ]


async def _tag(tag: str) -> None:
    async with get_client() as client:
        await client.update_flow_run(flow_run.id, tags={*flow_run.tags, tag})
