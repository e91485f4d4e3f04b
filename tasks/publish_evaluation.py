"""What the Prefect UI shows of an evaluation: books, outcomes, reasons; amounts of simulated users, too."""

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
    simulated = runtime.config.simulated
    user = request.user_id if simulated else "USER_ID"
    await publish_run(
        runtime,
        f"/v1/{user}/underwriting/evaluations/{request.id}",
        eligibility.verdict,
        f"{request.product}{f' for {user}' if simulated else ''}{by}{arm}, {request.id}",
        _lines(eligibility, simulated=simulated),
        rules_tables("rulebook", runs, eligibility.currency, simulated=simulated),
    )


def _lines(eligibility: Eligibility, *, simulated: bool) -> list[str]:
    """How much, of simulated users; why, and which sources did not answer."""
    amounts = [str(Money(minor=amount, currency=eligibility.currency)) for amount in eligibility.approved_amounts]
    lines = ["May take: " + ", ".join(amounts)] if amounts and simulated else []
    lines += reason_lines(eligibility.reasons)
    return lines + [f"- Trouble with {source}: {trouble}" for source, trouble in eligibility.troubles.items()]
