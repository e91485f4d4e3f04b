"""What a person sees of a review in the Prefect UI: outcomes, reasons and facts, nothing personal."""

import asyncio
from collections.abc import Sequence

import httpx
from prefect import get_client, get_run_logger
from prefect.artifacts import acreate_link_artifact, acreate_table_artifact
from prefect.exceptions import PrefectException
from prefect.runtime import flow_run

from underwriting.domain.decision import CheckResult, Decision, shown
from underwriting.workplace import Workplace


async def publish_review(
    place: Workplace, application_id: str, results: Sequence[CheckResult], decision: Decision
) -> None:
    """Create the table of outcomes and the link to the API's record, and tag the run with its verdict.

    Not a task: the artifacts are to hang on the flow run, where a person looks. The decision is stored by now, so a
    Prefect server that is away only leaves the run without them.
    """
    try:
        await asyncio.gather(
            acreate_table_artifact(outcome_table(results), description=summary(application_id, results, decision)),
            acreate_link_artifact(
                f"{place.config.public_url or place.config.api_url}/v1/applications/{application_id}",
                link_text=f"Record of {application_id}",
                description="The full record; the API asks for a token of the application's tenant.",
            ),
            _tag(decision.verdict.value),
        )
    except (httpx.HTTPError, PrefectException) as error:
        get_run_logger().warning("the run is left without artifacts: %s", error)


def outcome_table(results: Sequence[CheckResult]) -> list[dict[str, str]]:
    """One row for each rule that was heard, in book order."""
    return [
        {
            "check": result.check,
            "rule": outcome.rule,
            "outcome": outcome.result.value,
            "reason": outcome.reason.code if outcome.reason else "",
            "observed": ", ".join(f"{name} = {shown(value)}" for name, value in outcome.observed.items()),
        }
        for result in results
        for outcome in result.outcomes
    ]


def summary(application_id: str, results: Sequence[CheckResult], decision: Decision) -> str:
    """The decision in a few lines of Markdown."""
    lines = [f"**{decision.verdict.title()}** by {decision.rulebook}: {application_id}"]
    lines += [f"{reason.code}: {reason.sentence}" for reason in decision.reasons]
    lines += [f"no answer for {result.check}: {result.trouble}" for result in results if result.trouble]
    return "\n\n".join(lines)


async def _tag(verdict: str) -> None:
    """Add the verdict to the run's tags, so that the UI can filter by it."""
    async with get_client() as client:
        await client.update_flow_run(flow_run.id, tags={*flow_run.tags, verdict})
