"""What the Prefect UI shows of an evaluation: books, outcomes, reasons and facts, nothing personal."""

from tasks.artifacts import outcome_rows, publish_run
from underwriting.domain.eligibility import Eligibility, EvaluationRequest
from underwriting.domain.money import Money
from underwriting.runtime import Runtime


async def publish_evaluation(runtime: Runtime, request: EvaluationRequest, eligibility: Eligibility) -> None:
    """Show every rule of every book that applied, in the order of the books, with its result."""
    rows = [row for book in eligibility.books for row in outcome_rows("rulebook", str(book.rulebook), book.outcomes)]
    path = f"/v1/{request.user_id}/underwriting/evaluations/{request.id}"
    await publish_run(runtime, request.id, path, rows, summary(request, eligibility), eligibility.verdict.value)


def summary(request: EvaluationRequest, eligibility: Eligibility) -> str:
    """The evaluation in a few lines of Markdown."""
    by = f" by {eligibility.deciding}" if eligibility.deciding else ""
    arm = f", arm {eligibility.arm}" if eligibility.arm else ""
    lines = [f"**{eligibility.verdict.title()}**{by}{arm}: {request.product} for {request.user_id}, {request.id}"]
    amounts = [Money(minor=amount, currency=eligibility.currency) for amount in eligibility.approved_amounts]
    lines += ["amounts: " + ", ".join(map(str, amounts))] if amounts else []
    lines += [f"{reason.code}: {reason.sentence}" for reason in eligibility.reasons]
    lines += [f"trouble with {source}: {trouble}" for source, trouble in eligibility.troubles.items()]
    return "\n\n".join(lines)
