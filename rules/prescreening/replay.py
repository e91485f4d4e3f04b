"""Repeats a review from the facts that its checks stored, and compares both."""

from collections.abc import Iterable, Sequence

from rules.core.differences import Difference, differences_between, frame_of, in_words
from rules.prescreening.book import Rulebook
from rules.prescreening.engine import evaluate
from underwriting.domain.decision import CheckResult, Decision


def reevaluated(book: Rulebook, checks: Iterable[CheckResult]) -> list[CheckResult]:
    """The checks, evaluated again on the facts that they stored; KeyError where the book lacks one of them."""
    return [
        evaluate(book, frame_of(check.facts), [check.check])
        .check_results(0)[0]
        .model_copy(update={"trouble": check.trouble, "alternatives": check.alternatives})
        for check in checks
    ]


def differences(
    then: Decision, then_checks: Sequence[CheckResult], now: Decision, now_checks: Sequence[CheckResult]
) -> list[Difference]:
    """Where two reviews differ, from the verdict down to single rules; none where they agree."""
    return differences_between(_answers(then, then_checks), _answers(now, now_checks))


def _answers(decision: Decision, checks: Iterable[CheckResult]) -> dict[str, str]:
    return {
        "verdict": decision.verdict,
        "reasons": in_words(decision.reasons),
        "missing": in_words(decision.missing),
        "offer": str(decision.offer or "none"),
        **{f"{check.check}: {outcome.rule}": outcome.result for check in checks for outcome in check.outcomes},
    }
