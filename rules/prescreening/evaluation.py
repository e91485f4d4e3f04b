"""The results of a rulebook's rules for every row of a facts frame, with the verdict on each row.

There are no counteroffers here: these need the facts of other requests.
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
    Positions,
    ReasonRows,
    Results,
    RuleResult,
    principal_reasons,
)
from rules.facts import facts_of
from rules.prescreening.book import Rulebook
from rules.prescreening.verdicts import VERDICTS, RowVerdicts, completable, decide_rows
from underwriting.domain.decision import CheckResult, Outcome, Reason, as_found

__all__ = ["FAIL", "PASS", "UNKNOWN", "Evaluation"]


@dataclass(frozen=True)
class Evaluation:
    """The result of each rule, in book order; `results` has them as a matrix, one column for each rule."""

    book: Rulebook
    rule_results: tuple[RuleResult, ...]
    facts: Columns
    results: Results

    @property
    def rules(self) -> tuple[Rule, ...]:
        """The rules that were run, in book order."""
        return tuple(each.rule for each in self.rule_results)

    def outcomes(self, row: int) -> tuple[Outcome, ...]:
        """Each rule's outcome of one row, with the facts that it read."""
        return tuple(each.outcome(row, self.facts) for each in self.rule_results)

    def check_results(self, row: int) -> tuple[CheckResult, ...]:
        """The outcomes of one row by check, with all the facts of each check."""
        checks = dict.fromkeys(rule.check for rule in self.rules)
        return tuple(
            CheckResult(
                check=check,
                outcomes=tuple(each.outcome(row, self.facts) for each in self.rule_results if each.rule.check == check),
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
        verdicts = pd.Categorical.from_codes(self._decided.positions, pd.Index([each.value for each in VERDICTS]))
        return pd.Series(verdicts, index=self.facts.index, name="verdict")

    def reasons(self, row: int) -> tuple[Reason, ...]:
        """The principal reasons of one row's verdict."""
        codes = (self.reason_codes[position] for position in self.principal_reasons[row] if position >= 0)
        return as_found(map(reason, codes), self.outcomes(row))

    @cached_property
    def reason_codes(self) -> tuple[str, ...]:
        """Every code that a rule of the book may give."""
        codes = ((rule.fails_as, *rule.unknown_codes, rule.unknown_as, rule.grey_as) for rule in self.rules)
        return tuple(dict.fromkeys((*(code for given in codes for code in given if code), UNEXPLAINED)))

    @cached_property
    def principal_reasons(self) -> Positions:
        """Up to four reasons for each row's verdict, in book order, as positions in `reason_codes`; else -1."""
        return principal_reasons(self._reasons(), self.reason_codes, len(self.results))

    def _reasons(self) -> Iterator[ReasonRows]:
        """Codes in book order, each with the rows whose verdict it is a reason for."""
        because_of = self._decided.because_of
        for column, each in enumerate(self.rule_results):
            yield each.rule.fails_as, each.results == FAIL
            for code, rows in each.unknown_reasons():
                yield code, rows & because_of[:, column]

    @cached_property
    def _decided(self) -> RowVerdicts:
        if len(self.rules) < len(self.book.rules):
            raise ValueError("there is no verdict without all the checks of the book")
        refers: Mask = np.zeros(len(self.results), np.bool_)
        can_complete: Mask = np.empty(self.results.shape, np.bool_, order="F")
        for column, each in enumerate(self.rule_results):
            can_complete[:, column] = completable(self.book, each.rule, self.facts)
            if each.refers is not None:
                refers |= each.refers
        return decide_rows(self.book, self.results, refers, can_complete)
