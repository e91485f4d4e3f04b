"""What the Prefect UI shows of a review: outcomes and reasons; of simulated applicants values and amounts, too."""

from collections.abc import Iterator, Sequence

from tasks.artifacts import RulesRun, publish_run, reason_lines, rules_tables
from tasks.review import Review
from underwriting.domain.application import Application
from underwriting.domain.decision import CheckResult, Decision, Verdict, awaited


async def publish_review(review: Review, results: Sequence[CheckResult], decision: Decision) -> None:
    """Show every rule that ran, in book order, and the decision in a few lines."""
    application = review.application
    runs = [RulesRun(result.check, review.book.rules, result.outcomes) for result in results]
    simulated = review.runtime.config.simulated
    whose = f"{application.requested} for {application.customer_id} by " if simulated else "by "
    await publish_run(
        review.runtime,
        f"/v1/applications/{application.id}",
        decision.verdict,
        f"{whose}{decision.rulebook}, {application.id}",
        [*_lines(results, decision, simulated=simulated), *_unasked(application, decision)],
        rules_tables("check", runs, application.requested.currency, simulated=simulated),
    )


def _unasked(application: Application, decision: Decision) -> Iterator[str]:
    """What staff can do besides deciding, where the bureau was not asked because nothing says that it may be."""
    if decision.verdict is Verdict.REFERRED and application.bureau_consent is None:
        yield (
            "The credit bureau was not asked: if the customer has consented, apply again with consent. In the form "
            "of `review-customer` that is `consented_at`, in the API `bureau_consent`."
        )


def _lines(results: Sequence[CheckResult], decision: Decision, *, simulated: bool) -> list[str]:
    """Why, and what comes next; what is offered to simulated applicants only."""
    lines = reason_lines(decision.reasons)
    asked = awaited(decision.reasons, decision.missing, decision.offer if simulated else None, decision.respond_by)
    lines += [f"- {line[0].upper()}{line[1:]}" for line in asked]
    return lines + [f"- No answer for {result.check}: {result.trouble}" for result in results if result.trouble]
