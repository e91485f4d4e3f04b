"""What the outcomes of a review come to. An unknown never approves."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta

from rules.core.columns import Columns
from rules.core.differences import frame_of
from rules.core.reasons import reason
from rules.core.rule import Rule
from rules.core.rule_result import PASS, evaluate_rule
from rules.prescreening.book import Rulebook
from rules.prescreening.counteroffer import fails_by_request_alone, passing, possible
from underwriting.domain.application import Application
from underwriting.domain.decision import (
    APPLICATION_NOTICE,
    MAX_PRINCIPAL_REASONS,
    CheckResult,
    Decision,
    FactValue,
    Missing,
    OnUnknown,
    Outcome,
    Reason,
    Result,
    Verdict,
)


def unknown_result(
    book: Rulebook, check: str, trouble: str, facts: Mapping[str, FactValue] | None = None
) -> CheckResult:
    """The result of a check whose source gave nothing: every rule of it is unknown, because of `trouble`."""
    outcomes = tuple(_unknown(rule) for rule in book.rules_of(check))
    return CheckResult(check=check, outcomes=outcomes, facts=dict(facts or {}), trouble=trouble)


def settles(book: Rulebook, results: Sequence[CheckResult]) -> bool:
    """Whether the review ends with these results.

    It does where a rule fails, unless an alternative to the request may still pass; and where one is unknown and the
    book rejects for that.
    """
    outcomes = [outcome for result in results for outcome in result.outcomes]
    if _rejecting(book, outcomes):
        return True
    if fails_by_request_alone(results) and possible(book, results):
        return False
    return any(outcome.result is Result.FAIL for outcome in outcomes)


def decide(book: Rulebook, results: Sequence[CheckResult], application: Application, now: datetime) -> Decision:
    """The decision on what the checks came to; reasons in book order, each code once, at most four.

    A fail rejects, unless the customer can supply what is missing, or the book may offer an alternative to the request.
    An unknown refers, or rejects where the book says so and no outcome is a person's to judge. A rule of the book
    without an outcome is unknown, unless the review was settled before it. The time for the notice also runs while a
    person decides. ValueError where an outcome is of no rule of the book.
    """
    outcomes = _in_book_order(book, results)
    if not settles(book, results):
        seen = {outcome.rule for outcome in outcomes}
        outcomes += [_unknown(rule) for rule in book.rules if rule.name not in seen]
    verdict, grounds = _verdict(book, outcomes)
    made = Decision(
        verdict=verdict,
        approved=application.requested if verdict is Verdict.APPROVED else None,
        reasons=_principal_reasons(grounds),
        rulebook=book.ref,
        arm=book.experiment and book.experiment.arm,
        decided_at=now,
        notice_due=None if verdict is Verdict.APPROVED else (application.complete_since + APPLICATION_NOTICE).date(),
    )
    if verdict is not Verdict.REJECTED:
        return made
    return _incomplete(book, results, grounds, application, made) or _counteroffer(book, results, application, made)


def _incomplete(
    book: Rulebook, results: Sequence[CheckResult], grounds: list[Outcome], application: Application, made: Decision
) -> Decision | None:
    """The rejection as an application that waits; None where something else failed.

    Once it waited long enough it is rejected for what is still missing. In either case the customer has to be told
    within 30 days of the first receipt: it was never complete.
    """
    rejects = _rejecting(book, [outcome for result in results for outcome in result.outcomes])
    if book.incomplete is None or rejects or not all(_completable(book, results, outcome) for outcome in grounds):
        return None
    due = (application.received_at + APPLICATION_NOTICE).date()
    until = application.respond_by or made.decided_at + timedelta(days=book.incomplete.days)
    if made.decided_at >= until:
        return made.model_copy(update={"notice_due": due})
    missing = tuple(_missing(book, results, outcome) for outcome in grounds)
    waits = {"verdict": Verdict.INCOMPLETE, "missing": missing, "respond_by": until, "notice_due": due}
    return made.model_copy(update=waits)


def _completable(book: Rulebook, results: Iterable[CheckResult], outcome: Outcome) -> bool:
    laxer = book.incomplete.rule(outcome.rule) if book.incomplete else None
    if book.incomplete is None or laxer is None or outcome.result is not Result.FAIL:
        return False
    if book.incomplete.always(laxer):
        return True
    facts = next(result.facts for result in results if outcome in result.outcomes)
    return bool(evaluate_rule(laxer, Columns(frame_of(facts))).results[0] == PASS)


def _missing(book: Rulebook, results: Iterable[CheckResult], outcome: Outcome) -> Missing:
    rule = next(rule for rule in book.rules if rule.name == outcome.rule)
    facts = next(result.facts for result in results if outcome in result.outcomes)
    what = facts.get(rule.missing_in) if rule.missing_in else None
    found = reason(rule.fails_as)
    return Missing(code=found.code, sentence=found.sentence, what=None if what is None else str(what))


def _counteroffer(book: Rulebook, results: Sequence[CheckResult], application: Application, made: Decision) -> Decision:
    """The rejection as a counteroffer, for the reasons why the request is not granted; as it is where none passes."""
    if book.counteroffer is None or not fails_by_request_alone(results) or (number := passing(book, results)) is None:
        return made
    until = made.decided_at + timedelta(days=book.counteroffer.days)
    offer = book.alternatives(application)[number]
    return made.model_copy(update={"verdict": Verdict.COUNTEROFFER, "offer": offer, "respond_by": until})


def _verdict(book: Rulebook, outcomes: list[Outcome]) -> tuple[Verdict, list[Outcome]]:
    """The verdict, and the outcomes that it rests on."""
    fails = [outcome for outcome in outcomes if outcome.result is Result.FAIL]
    rejects = _rejecting(book, outcomes)
    unknown = [outcome for outcome in outcomes if outcome.result is Result.UNKNOWN]
    if fails or rejects:
        return Verdict.REJECTED, fails or rejects
    if unknown:
        return Verdict.REFERRED, unknown
    return Verdict.APPROVED, []


def _unknown(rule: Rule) -> Outcome:
    return Outcome(rule=rule.name, result=Result.UNKNOWN, reason=reason(rule.unknown_as))


def _rejecting(book: Rulebook, outcomes: Sequence[Outcome]) -> list[Outcome]:
    """The unknowns that reject. There are none where a person has to look at one of the outcomes."""
    if book.on_unknown is OnUnknown.REFER or any(outcome.refers for outcome in outcomes):
        return []
    return [outcome for outcome in outcomes if outcome.result is Result.UNKNOWN]


def _in_book_order(book: Rulebook, results: Iterable[CheckResult]) -> list[Outcome]:
    places = {rule.name: place for place, rule in enumerate(book.rules)}
    outcomes = [outcome for result in results for outcome in result.outcomes]
    if strange := {outcome.rule for outcome in outcomes} - places.keys():
        raise ValueError(f"{book.ref} has no rule {', '.join(sorted(strange))}")
    return sorted(outcomes, key=lambda outcome: places[outcome.rule])


def _principal_reasons(grounds: Iterable[Outcome]) -> tuple[Reason, ...]:
    by_code = {outcome.reason.code: outcome.reason for outcome in grounds if outcome.reason}
    return tuple(by_code.values())[:MAX_PRINCIPAL_REASONS]
