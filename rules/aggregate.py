"""What the outcomes of a review come to. An unknown never approves."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime

from rules.reasons import reason
from rules.rule import Rule
from rules.rulebook import Rulebook
from underwriting.domain.decision import (
    ADVERSE_ACTION_NOTICE,
    MAX_PRINCIPAL_REASONS,
    CheckResult,
    Decision,
    FactValue,
    OnUnknown,
    Outcome,
    Reason,
    Result,
    Verdict,
)
from underwriting.domain.money import Money


def unknown_result(
    book: Rulebook, check: str, trouble: str, facts: Mapping[str, FactValue] | None = None
) -> CheckResult:
    """The result of a check whose source gave nothing: every rule of it is unknown, because of `trouble`."""
    outcomes = tuple(_unknown(rule) for rule in book.rules_of(check))
    return CheckResult(check=check, outcomes=outcomes, facts=dict(facts or {}), trouble=trouble)


def settles(book: Rulebook, results: Iterable[CheckResult]) -> bool:
    """Whether the review ends with these results: one failed, or one is unknown and the book rejects for that."""
    return any(
        outcome.result is Result.FAIL or _rejects(book, outcome) for result in results for outcome in result.outcomes
    )


def decide(book: Rulebook, results: Sequence[CheckResult], requested: Money, now: datetime) -> Decision:
    """The decision on what the checks came to; reasons in book order, each code once, at most four.

    A fail rejects. An unknown refers, or rejects where the book says so and it is not a person's to judge. A rule
    of the book without an outcome is unknown, unless the review was settled before it. ValueError where an outcome
    is of no rule of the book.
    """
    outcomes = _in_book_order(book, results)
    if not settles(book, results):
        seen = {outcome.rule for outcome in outcomes}
        outcomes += [_unknown(rule) for rule in book.rules if rule.name not in seen]
    verdict, grounds = _verdict(book, outcomes)
    return Decision(
        verdict=verdict,
        approved=requested if verdict is Verdict.APPROVED else None,
        reasons=_principal_reasons(grounds),
        rulebook=book.ref,
        decided_at=now,
        notice_due=(now + ADVERSE_ACTION_NOTICE).date() if verdict is Verdict.REJECTED else None,
    )


def _verdict(book: Rulebook, outcomes: list[Outcome]) -> tuple[Verdict, list[Outcome]]:
    """The verdict, and the outcomes that it rests on."""
    fails = [outcome for outcome in outcomes if outcome.result is Result.FAIL]
    rejects = [outcome for outcome in outcomes if _rejects(book, outcome)]
    unknown = [outcome for outcome in outcomes if outcome.result is Result.UNKNOWN]
    if fails or rejects:
        return Verdict.REJECTED, fails or rejects
    if unknown:
        return Verdict.REFERRED, unknown
    return Verdict.APPROVED, []


def _unknown(rule: Rule) -> Outcome:
    return Outcome(rule=rule.name, result=Result.UNKNOWN, reason=reason(rule.unknown_as))


def _rejects(book: Rulebook, outcome: Outcome) -> bool:
    return book.on_unknown is OnUnknown.REJECT and outcome.result is Result.UNKNOWN and not outcome.refers


def _in_book_order(book: Rulebook, results: Iterable[CheckResult]) -> list[Outcome]:
    places = {rule.name: place for place, rule in enumerate(book.rules)}
    outcomes = [outcome for result in results for outcome in result.outcomes]
    if strange := {outcome.rule for outcome in outcomes} - places.keys():
        raise ValueError(f"{book.ref} has no rule {', '.join(sorted(strange))}")
    return sorted(outcomes, key=lambda outcome: places[outcome.rule])


def _principal_reasons(grounds: Iterable[Outcome]) -> tuple[Reason, ...]:
    by_code = {outcome.reason.code: outcome.reason for outcome in grounds if outcome.reason}
    return tuple(by_code.values())[:MAX_PRINCIPAL_REASONS]
