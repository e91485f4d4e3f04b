"""What a rulebook's rules said of every row of a facts frame, and what that comes to.

Verdicts and reasons are those of `rules.prescreening.decide`, for all rows at once, without counteroffers: these need
the facts of other requests.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import pandas as pd

from rules.core.columns import Columns, Mask
from rules.core.reasons import reason
from rules.core.rule import Rule
from rules.core.rule_result import (
    FAIL,
    PASS,
    UNEXPLAINED,
    UNKNOWN,
    Ground,
    Positions,
    Results,
    RuleResult,
    evaluate_rule,
    principal_reasons,
)
from rules.facts import facts_of
from rules.prescreening.book import Rulebook
from underwriting.domain.decision import (
    CheckResult,
    OnUnknown,
    Outcome,
    Reason,
    Verdict,
    as_found,
)

__all__ = ["FAIL", "PASS", "UNKNOWN", "Evaluation"]


@dataclass(frozen=True)
class Evaluation:
    """What each rule `said`, in book order, and the same as `results`, one column for each rule."""

    book: Rulebook
    said: tuple[RuleResult, ...]
    facts: Columns
    results: Results

    @property
    def rules(self) -> tuple[Rule, ...]:
        """The rules that were run, in book order."""
        return tuple(said.rule for said in self.said)

    def outcomes(self, row: int) -> tuple[Outcome, ...]:
        """What each rule said of one row, with the facts it looked at."""
        return tuple(said.outcome(row, self.facts) for said in self.said)

    def check_results(self, row: int) -> tuple[CheckResult, ...]:
        """The same by check, with all the facts of each."""
        checks = dict.fromkeys(rule.check for rule in self.rules)
        return tuple(
            CheckResult(
                check=check,
                outcomes=tuple(said.outcome(row, self.facts) for said in self.said if said.rule.check == check),
                facts={fact.name: self.facts.value(fact.name, row) for fact in facts_of(check)},
            )
            for check in checks
        )

    @cached_property
    def first_failed(self) -> Positions:
        """The column of the first rule that failed each row; -1 where none did."""
        failed = self.results == FAIL
        return np.where(failed.any(axis=1), failed.argmax(axis=1), -1).astype(np.int16)

    @cached_property
    def verdicts(self) -> "pd.Series[Any]":
        """The verdict on each row, a categorical; ValueError where checks of the book were left out."""
        verdicts = [Verdict.APPROVED, Verdict.REFERRED, Verdict.REJECTED, Verdict.INCOMPLETE]
        codes = np.where(self._rejected, np.where(self._incomplete, 3, 2), np.where(self._unknown, 1, 0))
        categories = pd.Index([verdict.value for verdict in verdicts])
        return pd.Series(pd.Categorical.from_codes(codes, categories), index=self.facts.index, name="verdict")

    def reasons(self, row: int) -> tuple[Reason, ...]:
        """The principal reasons of one row's verdict."""
        codes = (self.reason_codes[place] for place in self.principal_reasons[row] if place >= 0)
        return as_found(map(reason, codes), self.outcomes(row))

    @cached_property
    def reason_codes(self) -> tuple[str, ...]:
        """Every code that a rule of the book may give."""
        codes = ((rule.fails_as, *rule.because, rule.unknown_as, rule.grey_as) for rule in self.rules)
        return tuple(dict.fromkeys((*(code for given in codes for code in given if code), UNEXPLAINED)))

    @cached_property
    def principal_reasons(self) -> Positions:
        """Up to four reasons for each row's verdict, in book order, as positions in `reason_codes`; else -1."""
        return principal_reasons(self._grounds(), self.reason_codes, len(self.results))

    def _grounds(self) -> Iterator[Ground]:
        """Codes in book order, each with the rows whose verdict it is a reason for.

        A rejection rests on fails or, without any, on what the book rejects as unknown.
        """
        failed = self._failed
        for said in self.said:
            yield said.rule.fails_as, said.results == FAIL
            for code, unknown in said.unknown_reasons():
                yield code, unknown & ~failed

    @cached_property
    def _failed(self) -> Mask:
        if len(self.rules) < len(self.book.rules):
            raise ValueError("there is no verdict without all the checks of the book")
        failed: Mask = (self.results == FAIL).any(axis=1)
        return failed

    @cached_property
    def _unknown(self) -> Mask:
        unknown: Mask = (self.results == UNKNOWN).any(axis=1)
        return unknown

    @cached_property
    def _rejected(self) -> Mask:
        rejected: Mask = self._failed | self._rejects_unknown
        return rejected

    @cached_property
    def _rejects_unknown(self) -> Mask:
        """Rows that are rejected for an unknown: nothing of them is a person's to judge."""
        if self.book.on_unknown is OnUnknown.REFER:
            return np.zeros(len(self.results), bool)
        held = np.zeros(len(self.results), bool)
        for said in self.said:
            if said.held is not None:
                held |= said.held
        unknown: Mask = self._unknown & ~held
        return unknown

    @cached_property
    def _incomplete(self) -> Mask:
        """Rows that fail only for what the customer can supply."""
        if self.book.incomplete is None:
            return np.zeros(len(self.results), bool)
        incomplete = self._failed & ~self._rejects_unknown
        for said in self.said:
            failed, laxer = said.results == FAIL, self.book.incomplete.rule(said.rule.name)
            if laxer is None:
                incomplete &= ~failed
            elif not self.book.incomplete.always(laxer):
                incomplete &= ~failed | (evaluate_rule(laxer, self.facts).results == PASS)
        return incomplete
