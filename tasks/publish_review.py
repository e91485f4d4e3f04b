"""What the Prefect UI shows of a review: outcomes, reasons and facts, nothing personal."""

from collections.abc import Sequence

from tasks.artifacts import outcome_rows, publish_run
from underwriting.domain.decision import CheckResult, Decision
from underwriting.runtime import Runtime


async def publish_review(
    runtime: Runtime, application_id: str, results: Sequence[CheckResult], decision: Decision
) -> None:
    """Show every rule that ran, in book order, and the decision in a few lines."""
    rows = [row for result in results for row in outcome_rows("check", result.check, result.outcomes)]
    description = summary(application_id, results, decision)
    path = f"/v1/applications/{application_id}"
    await publish_run(runtime, application_id, path, rows, description, decision.verdict.value)


def summary(application_id: str, results: Sequence[CheckResult], decision: Decision) -> str:
    """The decision in a few lines of Markdown."""
    lines = [f"**{decision.verdict.title()}** by {decision.rulebook}: {application_id}"]
    lines += [f"{reason.code}: {reason.sentence}" for reason in decision.reasons]
    lines += [f"missing: {each.what}" for each in decision.missing if each.what]
    if decision.offer:
        lines.append(f"offered instead: {decision.offer}")
    if decision.respond_by:
        lines.append(f"waits for the customer until {decision.respond_by:%Y-%m-%d %H:%M} UTC")
    lines += [f"no answer for {result.check}: {result.trouble}" for result in results if result.trouble]
    return "\n\n".join(lines)
