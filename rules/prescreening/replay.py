"""The same review once more, from the facts that its checks kept: the same decision, or where it differs."""

from collections.abc import Iterable, Sequence

from rules.core.differences import Difference, by_place, frame_of, in_words
from rules.prescreening.book import Rulebook
from rules.prescreening.engine import evaluate
from underwriting.domain.decision import CheckResult, Decision


def reevaluated(book: Rulebook, checks: Iterable[CheckResult]) -> list[CheckResult]:
    """What the rules of each check say of the facts that it kept; KeyError where the book lacks one of the checks."""
    return [
        evaluate(book, frame_of(check.facts), [check.check])
        .check_results(0)[0]
        .model_copy(update={"trouble": check.trouble, "alternatives": check.alternatives})
        for check in checks
    ]


def differences(
    then: Decision, then_checks: Sequence[CheckResult], now: Decision, now_checks: Sequence[CheckResult]
) -> list[Difference]:
    """Where two reviews differ, from the verdict down to single rules; none where they say the same."""
    return by_place(_told(then, then_checks), _told(now, now_checks))


def _told(decision: Decision, checks: Iterable[CheckResult]) -> dict[str, str]:
    return {
        "verdict": decision.verdict,
        "reasons": in_words(decision.reasons),
        "missing": in_words(decision.missing),
        "offer": str(decision.offer or "none"),
        **{f"{check.check}: {outcome.rule}": outcome.result for check in checks for outcome in check.outcomes},
    }
