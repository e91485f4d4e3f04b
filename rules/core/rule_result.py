"""What one rule says of every row of a frame of facts: the step that every engine takes."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from pandas.arrays import BooleanArray

from rules.core.columns import Column, Columns, Mask
from rules.core.reasons import reason
from rules.core.rule import Facts, Rule
from underwriting.domain.decision import MAX_PRINCIPAL_REASONS, Outcome, Reason, Result

FAIL, PASS, UNKNOWN = 0, 1, 2
NO_CAP = -1
# A score that is too low is no specific reason without what lowered it (Official interpretation of 12 CFR
# 1002.9(b)(2), 4), so it rejects nobody then.
UNEXPLAINED = "score_unexplained"
RESULTS = {FAIL: Result.FAIL, PASS: Result.PASS, UNKNOWN: Result.UNKNOWN}

Results = np.ndarray[Any, np.dtype[np.int8]]
# Positions of rules or of reason codes; -1 for none.
Positions = np.ndarray[Any, np.dtype[np.int16]]


# A reason code with the rows whose verdict it is a reason for.
Ground = tuple[str, Mask]


@dataclass(frozen=True)
class RuleResult:
    """FAIL 0, PASS 1 or UNKNOWN 2 for each row.

    `held` has the rows that a person has to look at, whatever the book says of unknowns: those in the rule's grey band,
    those with a concern, those that failed where the book refers failures of the rule (`failed_held`), and those that
    failed by a score of which nobody knows what lowered it (`unexplained`). `read` has the facts that the rule read,
    `allowed` the amount that it allows where it passes, and `because` the reason code of rows that are unknown for a
    reason of their own. A part that the rule does not have is None.
    """

    rule: Rule
    results: Results
    held: Mask | None
    read: tuple[str, ...]
    allowed: Column | None
    failed_held: Mask | None = None
    because: Column | None = None
    unexplained: Mask | None = None

    def outcome(self, row: int, facts: Columns) -> Outcome:
        """What the rule said of one row, with the facts it looked at."""
        result, held = int(self.results[row]), self.held is not None and bool(self.held[row])
        code = {FAIL: self.rule.fails_as, UNKNOWN: self._unknown_as(row, held=held)}.get(result)
        return Outcome(
            rule=self.rule.name,
            result=RESULTS[result],
            reason=self._reason(code, row, facts) if code else None,
            refers=held,
            amount=self._amount(row),
            observed={name: facts.value(name, row) for name in self.read},
        )

    def _reason(self, code: str, row: int, facts: Columns) -> Reason:
        """The reason; of a score that is too low, with what lowered it."""
        factors = self.rule.factors_in if code == self.rule.fails_as else ()
        return reason(code).because_of(str(told) for name in factors if (told := facts.value(name, row)) is not None)

    def unknown_reasons(self) -> Iterator[tuple[str, Mask]]:
        """Each reason code that rows are unknown as, with those rows."""
        rest: Mask = self.results == UNKNOWN
        if self.because is not None:
            for code in self.rule.because:
                rows = rest & (self.because == code).to_numpy(np.bool_, na_value=False)
                yield code, rows
                rest &= ~rows
        if self.unexplained is not None:
            yield UNEXPLAINED, rest & self.unexplained
            rest &= ~self.unexplained
        if self.failed_held is not None:
            yield self.rule.fails_as, rest & self.failed_held
            rest &= ~self.failed_held
        if self.held is not None:
            yield self.rule.grey_as or self.rule.unknown_as, rest & self.held
            rest &= ~self.held
        yield self.rule.unknown_as, rest

    def _unknown_as(self, row: int, *, held: bool) -> str | None:
        if self.because is not None and self.because[row] is not pd.NA:
            return str(self.because[row])
        if self.unexplained is not None and self.unexplained[row]:
            return UNEXPLAINED
        if self.failed_held is not None and self.failed_held[row]:
            return self.rule.fails_as
        return self.rule.grey_as if held else self.rule.unknown_as

    def _amount(self, row: int) -> int | None:
        if self.allowed is None or self.results[row] == UNKNOWN:
            return None
        return int(self.allowed[row]) if self.results[row] == PASS else 0


def evaluate_rule(rule: Rule, facts: Columns) -> RuleResult:
    """What the rule says of every row.

    A rule that allows nothing fails, and one whose amount is not known is unknown, whatever it claims. Where the book
    refers failures of the rule, where nobody knows what lowered the score that it fails by, and where a concern of the
    rule stands, it is unknown and a person has to look.
    """
    seen = Facts(facts)
    results = _truth(rule, rule.claim(seen))
    if (allowed := rule.cap(seen)) is not None:
        results[(results == PASS) & (_truth(rule, allowed == 0) == PASS)] = FAIL
        results[(results == PASS) & allowed.isna()] = UNKNOWN
    held = None
    if (grey := rule.grey(seen)) is not None:
        held = _hold(results, _truth(rule, grey))
    unexplained = failed_held = None
    if rule.factors_in and (low := results == FAIL).any():
        unexplained = low & facts[rule.factors_in[0]].isna()
        held = _refer(results, unexplained, held)
    if rule.on_fail == "refer":
        failed_held = results == FAIL
        held = _refer(results, failed_held, held)
    because = rule.unknown_because(Facts(facts)) if rule.concerns or (results == UNKNOWN).any() else None
    if because is not None and rule.concerns:
        held = _refer(results, because.isin(rule.concerns), held)
    return RuleResult(rule, results, held, tuple(seen.read), allowed, failed_held, because, unexplained)


def _refer(results: Results, rows: Mask, held: Mask | None) -> Mask:
    """Make these rows UNKNOWN, in place; the rows that a person has to look at, now with them."""
    results[rows] = UNKNOWN
    return rows if held is None else held | rows


def principal_reasons(grounds: Iterable[Ground], codes: Sequence[str], rows: int) -> Positions:
    """Up to four reasons for each row, in the order of `grounds` and each once, as positions in `codes`; else -1."""
    reasons = np.full((rows, MAX_PRINCIPAL_REASONS), -1, np.int16)
    count = np.zeros(rows, np.int8)
    given: dict[str, Mask] = {}
    for code, ground in grounds:
        # Several rules may give the same reason; it counts once.
        fresh = ground & ~given[code] if code in given else ground
        given[code] = given[code] | ground if code in given else ground
        chosen = np.flatnonzero(fresh & (count < MAX_PRINCIPAL_REASONS))
        reasons[chosen, count[chosen]] = codes.index(code)
        count[chosen] += 1
    return reasons


def _truth(rule: Rule, claim: object) -> Results:
    """FAIL, PASS or UNKNOWN for false, true or NA."""
    if not isinstance(claim, BooleanArray):
        raise TypeError(f"{rule.name} claims {type(claim).__name__}, which may have lost what is not known")
    return claim.to_numpy(np.int8, na_value=UNKNOWN)


def _hold(said: Results, doubt: Results) -> Mask:
    """Make UNKNOWN, in place, of what passes in doubt; True where the doubt is certain and nothing fails."""
    held: Mask = (said != FAIL) & (doubt == PASS)
    said[(said == PASS) & (doubt != FAIL)] = UNKNOWN
    return held
