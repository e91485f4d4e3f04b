"""What the Prefect UI shows of an evaluation: books, outcomes and reasons, nothing personal."""

from collections.abc import Iterable

from rules.eligibility.book import EligibilityBook
from tasks.artifacts import RulesRun, publish_run, reason_lines, rules_tables
from underwriting.domain.eligibility import Eligibility, EvaluationRequest
from underwriting.domain.money import Money
from underwriting.runtime import Runtime


async def publish_evaluation(
    runtime: Runtime, request: EvaluationRequest, eligibility: Eligibility, books: Iterable[EligibilityBook]
) -> None:
    """Show every rule of every book that applied, in the order of the books, with its result."""
    rules = {book.ref: book.rules for book in books}
    runs = [RulesRun(str(book.rulebook), rules.get(book.rulebook, ()), book.outcomes) for book in eligibility.books]
    by = f" by {eligibility.deciding}" if eligibility.deciding else ""
    arm = f", arm {eligibility.arm}" if eligibility.arm else ""
    await publish_run(
        runtime,
        f"/v1/{request.user_id}/underwriting/evaluations/{request.id}",
        eligibility.verdict,
        f"{request.product} for {request.user_id}{by}{arm}, {request.id}",
        _lines(eligibility),
        rules_tables("rulebook", runs, eligibility.currency, simulated=runtime.config.simulated),
    )


def _lines(eligibility: Eligibility) -> list[str]:
    """How much, why, and which sources did not answer."""
    amounts = [str(Money(minor=amount, currency=eligibility.currency)) for amount in eligibility.approved_amounts]
    lines = ["amounts: " + ", ".join(amounts)] if amounts else []
    lines += reason_lines(eligibility.reasons)
    return lines + [f"trouble with {source}: {trouble}" for source, trouble in eligibility.troubles.items()]
