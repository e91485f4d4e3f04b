"""The decision on a review, from the results of its checks. An unknown never approves."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta

import numpy as np

from rules.core.columns import Columns
from rules.core.differences import frame_of
from rules.core.reasons import principal, reason
from rules.core.rule import Rule
from rules.core.rule_result import RESULTS
from rules.prescreening.book import Rulebook
from rules.prescreening.counteroffer import an_alternative_may_pass, fails_only_by_request, first_passing_alternative
from rules.prescreening.verdicts import VERDICTS, RowVerdicts, completable, decide_rows
from underwriting.domain.application import Application
from underwriting.domain.decision import (
    APPLICATION_NOTICE,
    CheckResult,
    Decision,
    FactValue,
    Missing,
    Outcome,
    Result,
    Verdict,
    as_found,
)

_CODES = {result: code for code, result in RESULTS.items()}


def unknown_result(
    book: Rulebook, check: str, trouble: str, facts: Mapping[str, FactValue] | None = None
) -> CheckResult:
    """The result of a check whose source gave nothing: every rule of it is unknown, because of `trouble`."""
    outcomes = tuple(_unknown(rule) for rule in book.rules_of(check))
    return CheckResult(check=check, outcomes=outcomes, facts=dict(facts or {}), trouble=trouble)


def ends_review(book: Rulebook, results: Sequence[CheckResult]) -> bool:
    """Whether the review ends with these results.

    It ends where a rule fails, unless an alternative to the request may still pass, and where a rule is unknown and the
    book rejects that.
    """
    outcomes = _by_rule(book, results)
    if _decide_row(book, results, outcomes).rejects_unknown[0]:
        return True
    if fails_only_by_request(results) and an_alternative_may_pass(book, results):
        return False
    return any(outcome.result is Result.FAIL for outcome in outcomes.values())


def decide(book: Rulebook, results: Sequence[CheckResult], application: Application, now: datetime) -> Decision:
    """The decision on the results of the checks; reasons in book order, each code once, at most four.

    `rules.prescreening.verdicts` has the verdict. A rule of the book without an outcome is unknown, unless the review
    ended before it. What is rejected for the request alone may become a counteroffer. The time for the notice also
    runs while a person decides. ValueError where an outcome is of no rule of the book.
    """
    outcomes = _by_rule(book, results)
    if not ends_review(book, results):
        outcomes = {rule.name: _unknown(rule) for rule in book.rules} | outcomes
    decided = _decide_row(book, results, outcomes)
    verdict = VERDICTS[decided.positions[0]]
    because_of = {
        rule: outcomes[rule.name] for rule, is_why in zip(book.rules, decided.because_of[0], strict=True) if is_why
    }
    codes = principal(outcome.reason.code for outcome in because_of.values() if outcome.reason)
    made = Decision(
        verdict=verdict,
        approved=application.requested if verdict is Verdict.APPROVED else None,
        reasons=as_found(map(reason, codes), because_of.values()),
        rulebook=book.ref,
        arm=book.experiment and book.experiment.arm,
        decided_at=now,
        notice_due=None if verdict is Verdict.APPROVED else application.complete_since + APPLICATION_NOTICE,
    )
    if verdict is Verdict.INCOMPLETE:
        return _incomplete(book, [_missing(rule, results) for rule in because_of], application, made)
    return _counteroffer(book, results, application, made) if verdict is Verdict.REJECTED else made


def _by_rule(book: Rulebook, results: Iterable[CheckResult]) -> dict[str, Outcome]:
    outcomes = {outcome.rule: outcome for result in results for outcome in result.outcomes}
    if strange := outcomes.keys() - {rule.name for rule in book.rules}:
        raise ValueError(f"{book.ref} has no rule {', '.join(sorted(strange))}")
    return outcomes


def _decide_row(book: Rulebook, results: Iterable[CheckResult], outcomes: Mapping[str, Outcome]) -> RowVerdicts:
    """The verdict on the outcomes as one row; a rule without an outcome counts as passed."""
    facts = {result.check: result.facts for result in results}
    found = [outcomes[rule.name].result if rule.name in outcomes else Result.PASS for rule in book.rules]
    can_complete = [
        result is Result.FAIL and bool(completable(book, rule, Columns(frame_of(facts[rule.check])))[0])
        for rule, result in zip(book.rules, found, strict=True)
    ]
    refers = any(outcome.refers for outcome in outcomes.values())
    row = np.array([[_CODES[result] for result in found]], np.int8)
    return decide_rows(book, row, np.array([refers]), np.array([can_complete]))


def _incomplete(book: Rulebook, missing: Iterable[Missing], application: Application, made: Decision) -> Decision:
    """The decision on an application that lacks something: it waits, or is rejected once it has waited long enough.

    In either case the customer has to be told within 30 days of the first receipt: it was never complete.
    """
    days = book.incomplete.days if book.incomplete else 0
    until = application.respond_by or made.decided_at + timedelta(days=days)
    due = application.received_on + APPLICATION_NOTICE
    if made.decided_at >= until:
        return made.model_copy(update={"verdict": Verdict.REJECTED, "notice_due": due})
    return made.model_copy(update={"missing": tuple(missing), "respond_by": until, "notice_due": due})


def _missing(rule: Rule, results: Iterable[CheckResult]) -> Missing:
    facts = next(result.facts for result in results if result.check == rule.check)
    what = facts.get(rule.missing_in) if rule.missing_in else None
    found = reason(rule.fails_as)
    return Missing(code=found.code, sentence=found.sentence, what=None if what is None else str(what))


def _counteroffer(book: Rulebook, results: Sequence[CheckResult], application: Application, made: Decision) -> Decision:
    """The rejection as a counteroffer, with the reasons for not granting the request; unchanged if none passes."""
    if book.counteroffer is None or not fails_only_by_request(results):
        return made
    if (number := first_passing_alternative(book, results)) is None:
        return made
    until = made.decided_at + timedelta(days=book.counteroffer.days)
    offer = book.alternatives(application)[number]
    return made.model_copy(update={"verdict": Verdict.COUNTEROFFER, "offer": offer, "respond_by": until})


def _unknown(rule: Rule) -> Outcome:
    return Outcome(rule=rule.name, result=Result.UNKNOWN, reason=reason(rule.unknown_as))
