"""What a rulebook's rules said of every row of a facts frame, and what that comes to.

Verdicts and reasons are those of `rules.aggregate.decide`, for all rows at once.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import pandas as pd

from rules.columns import Columns, Mask
from rules.facts import facts_of
from rules.reasons import reason
from rules.rule import Rule
from rules.rulebook import Rulebook
from underwriting.domain.decision import (
    MAX_PRINCIPAL_REASONS,
    CheckResult,
    OnUnknown,
    Outcome,
    Reason,
    Result,
    Verdict,
)

FAIL, PASS, UNKNOWN = 0, 1, 2
_RESULTS = {FAIL: Result.FAIL, PASS: Result.PASS, UNKNOWN: Result.UNKNOWN}

Results = np.ndarray[Any, np.dtype[np.int8]]
Places = np.ndarray[Any, np.dtype[np.int16]]


@dataclass(frozen=True)
class Evaluation:
    """One column of `results` for each rule, in book order: FAIL 0, PASS 1, UNKNOWN 2.

    `held` has, by column, the rows that a rule's grey band holds back for a person; `read` the facts each rule read.
    """

    book: Rulebook
    rules: tuple[Rule, ...]
    facts: Columns
    results: Results
    held: dict[int, Mask]
    read: tuple[tuple[str, ...], ...]

    def outcomes(self, row: int) -> tuple[Outcome, ...]:
        """What each rule said of one row, with the facts it looked at."""
        return tuple(self._outcome(place, row) for place in range(len(self.rules)))

    def check_results(self, row: int) -> tuple[CheckResult, ...]:
        """The same by check, with all the facts of each."""
        checks = dict.fromkeys(rule.check for rule in self.rules)
        return tuple(
            CheckResult(
                check=check,
                outcomes=tuple(
                    self._outcome(place, row) for place, rule in enumerate(self.rules) if rule.check == check
                ),
                facts={fact.name: self.facts.value(fact.name, row) for fact in facts_of(check)},
            )
            for check in checks
        )

    @cached_property
    def first_failed(self) -> Places:
        """The column of the first rule that failed each row; -1 where none did."""
        failed = self.results == FAIL
        return np.where(failed.any(axis=1), failed.argmax(axis=1), -1).astype(np.int16)

    @cached_property
    def verdicts(self) -> "pd.Series[Any]":
        """The verdict on each row, a categorical; ValueError where checks of the book were left out."""
        verdicts = [Verdict.APPROVED, Verdict.REFERRED, Verdict.REJECTED]
        codes = np.where(self._rejected, 2, np.where(self._unknown, 1, 0))
        categories = pd.Index([verdict.value for verdict in verdicts])
        return pd.Series(pd.Categorical.from_codes(codes, categories), index=self.facts.index, name="verdict")

    def reasons(self, row: int) -> tuple[Reason, ...]:
        """The principal reasons of one row's verdict."""
        return tuple(reason(self.reason_codes[place]) for place in self.principal_reasons[row] if place >= 0)

    @cached_property
    def reason_codes(self) -> tuple[str, ...]:
        """Every code that a rule of the book may give."""
        codes = ((rule.fails_as, rule.unknown_as, rule.grey_as) for rule in self.rules)
        return tuple(dict.fromkeys(code for given in codes for code in given if code))

    @cached_property
    def principal_reasons(self) -> Places:
        """Up to four reasons for each row's verdict, in book order, as positions in `reason_codes`; else -1."""
        reasons = np.full((len(self.results), MAX_PRINCIPAL_REASONS), -1, np.int16)
        count = np.zeros(len(self.results), np.int8)
        given: dict[str, Mask] = {}
        for code, ground in self._grounds():
            # Several rules may give the same reason; it counts once.
            fresh = ground & ~given[code] if code in given else ground
            given[code] = given[code] | ground if code in given else ground
            rows = np.flatnonzero(fresh & (count < MAX_PRINCIPAL_REASONS))
            reasons[rows, count[rows]] = self.reason_codes.index(code)
            count[rows] += 1
        return reasons

    def _grounds(self) -> Iterator[tuple[str, Mask]]:
        """Codes in book order, each with the rows whose verdict it is a reason for.

        A rejection rests on fails or, without any, on what the book rejects as unknown; never on what a person
        would have had to look at.
        """
        failed, rejected = self._failed, self._rejected
        for place, rule in enumerate(self.rules):
            said = self.results[:, place]
            yield rule.fails_as, said == FAIL
            unknown = (said == UNKNOWN) & ~failed
            held = self.held.get(place)
            if held is None:
                yield rule.unknown_as, unknown
            else:
                yield rule.unknown_as, unknown & ~held
                yield rule.grey_as or rule.unknown_as, unknown & held & ~rejected

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
        if self.book.on_unknown is OnUnknown.REFER:
            return self._failed
        rejects = self.results == UNKNOWN
        for place, held in self.held.items():
            rejects[:, place] &= ~held
        rejected: Mask = self._failed | rejects.any(axis=1)
        return rejected

    def _outcome(self, place: int, row: int) -> Outcome:
        rule, said = self.rules[place], int(self.results[row, place])
        held = place in self.held and bool(self.held[place][row])
        code = {FAIL: rule.fails_as, UNKNOWN: rule.grey_as if held else rule.unknown_as}.get(said)
        return Outcome(
            rule=rule.name,
            result=_RESULTS[said],
            reason=reason(code) if code else None,
            refers=held,
            observed={name: self.facts.value(name, row) for name in self.read[place]},
        )
