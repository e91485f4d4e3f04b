"""Evaluates one rule on every row of a frame of facts."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, cast

import numpy as np
from pandas.arrays import BooleanArray, StringArray

from rules.core.columns import Column, Columns, Mask
from rules.core.reasons import reason
from rules.core.rule import Facts, Rule
from underwriting.domain.decision import MAX_PRINCIPAL_REASONS, Outcome, Reason, Result

FAIL, PASS, UNKNOWN = 0, 1, 2
NO_CAP = -1
# A score that is too low is no specific reason without what lowered it (Official interpretation of 12 CFR
# 1002.9(b)(2), 4), so nobody is rejected by it.
UNEXPLAINED = "score_unexplained"
RESULTS = {FAIL: Result.FAIL, PASS: Result.PASS, UNKNOWN: Result.UNKNOWN}

Results = np.ndarray[Any, np.dtype[np.int8]]
# Positions of rules or of reason codes; -1 for none.
Positions = np.ndarray[Any, np.dtype[np.int16]]


# A reason code, and the rows that it is given for.
ReasonRows = tuple[str, Mask]


@dataclass(frozen=True)
class RuleResult:
    """FAIL 0, PASS 1 or UNKNOWN 2 for each row.

    `refers` has the rows that a person has to look at, whatever the book does with unknowns: those in the rule's grey
    band, those with a concern, those that failed where the book refers failures of the rule (`failures_refer`), and
    those that failed by a score without key factors (`unexplained`). `facts_read` has the names of
    the facts that the rule read, `cap` the amount that it allows where it passes, and `unknown_codes` the reason code
    of rows that are unknown for a reason of their own. A part that the rule does not have is None.
    """

    rule: Rule
    results: Results
    refers: Mask | None
    facts_read: tuple[str, ...]
    cap: Column | None
    failures_refer: Mask | None = None
    unknown_codes: Column | None = None
    unexplained: Mask | None = None

    def outcome(self, row: int, facts: Columns) -> Outcome:
        """The outcome of one row, with the facts that the rule read."""
        return Outcome(
            rule=self.rule.name,
            result=RESULTS[int(self.results[row])],
            reason=self._reason(row, facts),
            refers=self.refers is not None and bool(self.refers[row]),
            amount=self._amount(row),
            observed={name: facts.value(name, row) for name in self.facts_read},
        )

    def unknown_reasons(self) -> Iterator[ReasonRows]:
        """Each reason code that rows are unknown as, with those rows."""
        rest: Mask = self.results == UNKNOWN
        for code, rows in self._special_reasons():
            yield code, rest & rows
            rest &= ~rows
        yield self.rule.unknown_as, rest

    def _special_reasons(self) -> Iterator[ReasonRows]:
        """The reason codes that come before the general one, the first of them first."""
        if self.unknown_codes is not None:
            for code in cast("StringArray", self.unknown_codes).dropna().unique():
                yield code, (self.unknown_codes == code).to_numpy(np.bool_, na_value=False)
        if self.unexplained is not None:
            yield UNEXPLAINED, self.unexplained
        if self.failures_refer is not None:
            yield self.rule.fails_as, self.failures_refer
        if self.refers is not None and self.rule.grey_as:
            yield self.rule.grey_as, self.refers

    def _reason(self, row: int, facts: Columns) -> Reason | None:
        """Why the row does not pass; of a score that is too low, with what lowered it."""
        if self.results[row] == PASS:
            return None
        if self.results[row] == UNKNOWN:
            return reason(next(code for code, rows in self.unknown_reasons() if rows[row]))
        factors = (facts.value(name, row) for name in self.rule.factors_in)
        return reason(self.rule.fails_as).because_of(str(factor) for factor in factors if factor is not None)

    def _amount(self, row: int) -> int | None:
        if self.cap is None or self.results[row] == UNKNOWN:
            return None
        return int(self.cap[row]) if self.results[row] == PASS else 0


def evaluate_rule(rule: Rule, facts: Columns) -> RuleResult:
    """The rule's result for every row.

    A rule that allows no amount fails, and one whose amount is not known is unknown, whatever it claims. It is also
    unknown, and a person has to look, where the book refers failures of the rule, where the score that it fails by has
    no key factors, and where one of the rule's concerns applies.
    """
    read = Facts(facts)
    results = _truth(rule, rule.claim(read))
    if (cap := rule.cap(read)) is not None:
        results[(results == PASS) & (_truth(rule, cap == 0) == PASS)] = FAIL
        results[(results == PASS) & cap.isna()] = UNKNOWN
    refers = None
    if (grey := rule.grey(read)) is not None:
        refers = _refer_grey(results, _truth(rule, grey))
    unexplained = failures_refer = None
    if rule.factors_in and (low := results == FAIL).any():
        unexplained = low & facts[rule.factors_in[0]].isna()
        refers = _refer(results, unexplained, refers)
    if rule.on_fail == "refer":
        failures_refer = results == FAIL
        refers = _refer(results, failures_refer, refers)
    unknown_codes = rule.unknown_code(Facts(facts)) if rule.concerns or (results == UNKNOWN).any() else None
    if unknown_codes is not None and rule.concerns:
        refers = _refer(results, unknown_codes.isin(rule.concerns), refers)
    return RuleResult(rule, results, refers, tuple(read.names_read), cap, failures_refer, unknown_codes, unexplained)


def _refer(results: Results, rows: Mask, refers: Mask | None) -> Mask:
    """Make these rows UNKNOWN, in place; return all rows that a person has to look at."""
    results[rows] = UNKNOWN
    return rows if refers is None else refers | rows


def _refer_grey(results: Results, grey: Results) -> Mask:
    """Make passing rows UNKNOWN, in place, where they are or may be grey; return the grey rows that do not fail."""
    refers: Mask = (results != FAIL) & (grey == PASS)
    results[(results == PASS) & (grey != FAIL)] = UNKNOWN
    return refers


def principal_reasons(reasons: Iterable[ReasonRows], codes: Sequence[str], rows: int) -> Positions:
    """Up to four reasons for each row, in the order of `reasons` and each once, as positions in `codes`; else -1."""
    principal = np.full((rows, MAX_PRINCIPAL_REASONS), -1, np.int16)
    count = np.zeros(rows, np.int8)
    given: dict[str, Mask] = {}
    for code, applies in reasons:
        # Several rules may give the same reason; it counts once.
        fresh = applies & ~given[code] if code in given else applies
        given[code] = given[code] | applies if code in given else applies
        chosen = np.flatnonzero(fresh & (count < MAX_PRINCIPAL_REASONS))
        principal[chosen, count[chosen]] = codes.index(code)
        count[chosen] += 1
    return principal


def _truth(rule: Rule, claim: object) -> Results:
    """FAIL, PASS or UNKNOWN for false, true or NA."""
    if not isinstance(claim, BooleanArray):
        raise TypeError(f"{rule.name} claims {type(claim).__name__}, which may have lost what is not known")
    return claim.to_numpy(np.int8, na_value=UNKNOWN)
