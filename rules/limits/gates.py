"""The gates of a raise: claims about a user's facts that all have to pass. What is not known closes a gate.

A gate is a rule (`rules.core.rule`): three-valued, with the policy's numbers as properties and a reason code.
"""

from dataclasses import dataclass
from typing import Annotated, ClassVar, Self, cast

import numpy as np
import pandas as pd
from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from rules.core.columns import Columns, Mask, Truth
from rules.core.list_rules import NotListed
from rules.core.problems import wrong_at
from rules.core.rule import Count, Facts, Rule
from rules.core.rule_result import FAIL, PASS, UNKNOWN, Results, evaluate_rule

_HOURS = 24


class HistoryLongEnough(Rule):
    """We have seen the account for long enough."""

    fails_as: ClassVar[str] = "limit_history_short"
    unknown_as: ClassVar[str] = "limit_history_unknown"

    min_days: Count

    def claim(self, facts: Facts) -> Truth:
        """The history reaches back the required days."""
        return facts.history_days >= self.min_days


class IncomeRecurs(Rule):
    """Income recurs."""

    fails_as: ClassVar[str] = "limit_income_irregular"
    unknown_as: ClassVar[str] = "limit_income_unknown"

    min_deposits: Annotated[int, Field(ge=1, le=6, description="The fact counts the latest six at most")]

    def claim(self, facts: Facts) -> Truth:
        """The main income stream has the required deposits."""
        return facts.recurring_deposits >= self.min_deposits


class IncomeRuns(Rule):
    """The income has not stopped: the last pay is not much more than a pay period ago."""

    fails_as: ClassVar[str] = "limit_income_stopped"
    unknown_as: ClassVar[str] = "limit_income_unknown"

    max_pay_periods: Annotated[float, Field(ge=1, le=12, description="In steps of 0.01")]

    @field_validator("max_pay_periods")
    @classmethod
    def _in_hundredths(cls, periods: float) -> float:
        if periods != round(periods, 2):
            raise ValueError(f"{periods} is finer than a hundredth; two decimal places at most")
        return periods

    def claim(self, facts: Facts) -> Truth:
        """The days since the last pay stay within so many pay periods.

        It fails only where the feed was refreshed after that: a pay that came after the last refresh is not known.
        Where there is known to be no recurring income, none can stop: `IncomeRecurs` fails, and nothing is affordable.
        Compared in hundredths of hours; only the feed's age has a fraction of them.
        """
        allowed = facts.pay_period_days * (round(self.max_pay_periods * 100) * _HOURS)
        came = facts.days_since_pay * (100 * _HOURS)
        seen_late = came - facts.feed_age_hours * 100 > allowed
        return (facts.recurring_deposits == 0) | (came <= allowed) | (~seen_late & cast("Truth", pd.NA))


class IncomeSteady(Rule):
    """The pays are of about the same amount, so that the next ones are predictable."""

    fails_as: ClassVar[str] = "limit_income_unsteady"
    unknown_as: ClassVar[str] = "limit_income_unknown"

    max_variation: Annotated[float, Field(gt=0, le=10, description="The coefficient of variation of the latest six")]

    def claim(self, facts: Facts) -> Truth:
        """The coefficient of variation stays within the maximum.

        Where there is known to be no recurring income, none can vary: `IncomeRecurs` fails.
        """
        return (facts.recurring_deposits == 0) | (facts.recurring_income_cv <= self.max_variation)


class NoOpenFloat(Rule):
    """The user owes us no float."""

    fails_as: ClassVar[str] = "limit_float_open"
    unknown_as: ClassVar[str] = "limit_floats_unknown"

    def claim(self, facts: Facts) -> Truth:
        """None is outstanding."""
        return facts.outstanding_floats == 0


class NoLateFloat(Rule):
    """No float is past due."""

    fails_as: ClassVar[str] = "limit_float_late"
    unknown_as: ClassVar[str] = "limit_floats_unknown"

    def claim(self, facts: Facts) -> Truth:
        """None is late."""
        return facts.late_floats == 0


class FewLateRepayments(Rule):
    """Earlier floats came back on time."""

    fails_as: ClassVar[str] = "limit_repayments_late"
    unknown_as: ClassVar[str] = "limit_floats_unknown"

    max_count: Annotated[int, Field(strict=True, ge=0, le=6, description="The facts look at the last six")]

    def claim(self, facts: Facts) -> Truth:
        """Those of the last six that were late, or are past due, stay within the maximum."""
        return facts.repayments_of_6 - facts.on_time_of_6 <= self.max_count


class NoFraud(Rule):
    """No fraud of the user's was confirmed."""

    fails_as: ClassVar[str] = "limit_fraud"
    unknown_as: ClassVar[str] = "limit_fraud_unknown"

    def claim(self, facts: Facts) -> Truth:
        """There is no hit."""
        return facts.fraud_hit == False  # noqa: E712  # Element by element.


class InGoodStanding(Rule):
    """The user is neither blocked nor in dispute with us."""

    fails_as: ClassVar[str] = "limit_standing_bad"
    unknown_as: ClassVar[str] = "limit_standing_unknown"

    def claim(self, facts: Facts) -> Truth:
        """The user service reports a good standing."""
        return facts.good_standing == True  # noqa: E712  # Element by element.


class FewReturnedDebits(Rule):
    """The bank hardly ever returned a debit unpaid of late."""

    fails_as: ClassVar[str] = "limit_debits_returned"
    unknown_as: ClassVar[str] = "limit_debits_unknown"

    max_count: Count

    def claim(self, facts: Facts) -> Truth:
        """Those of 30 days stay within the maximum."""
        return facts.returned_debits_30d <= self.max_count


class FewNegativeDays(Rule):
    """The account was hardly ever overdrawn of late."""

    fails_as: ClassVar[str] = "limit_account_overdrawn"
    unknown_as: ClassVar[str] = "limit_overdrafts_unknown"

    max_days: Count

    def claim(self, facts: Facts) -> Truth:
        """The days of 30 that ended below zero stay within the maximum."""
        return facts.negative_days_30d <= self.max_days


class FeedFresh(Rule):
    """What we know of the account is of today or nearly so."""

    fails_as: ClassVar[str] = "limit_feed_stale"
    unknown_as: ClassVar[str] = "limit_feed_unknown"

    max_hours: Count

    def claim(self, facts: Facts) -> Truth:
        """The bank feed was refreshed within so many hours."""
        return facts.feed_age_hours <= self.max_hours


class Gates(BaseModel):
    """Every gate of a policy, by name. None can be left out."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    history: HistoryLongEnough
    recurring_income: IncomeRecurs
    running_income: IncomeRuns
    steady_income: IncomeSteady
    no_open_float: NoOpenFloat
    no_late_float: NoLateFloat
    few_late_repayments: FewLateRepayments
    not_listed: NotListed
    no_fraud: NoFraud
    good_standing: InGoodStanding
    few_returned_debits: FewReturnedDebits
    few_negative_days: FewNegativeDays
    fresh_feed: FeedFresh

    @model_validator(mode="after")
    def _none_refers(self) -> Self:
        if referring := [name for name, gate in self.by_name.items() if gate.on_fail == "refer"]:
            message = "a gate that fails keeps the limit and refers nobody; leave on_fail out"
            raise wrong_at([((name, "on_fail"), message) for name in referring])
        return self

    @property
    def by_name(self) -> dict[str, Rule]:
        """The gates in the order of this list."""
        return {name: getattr(self, name) for name in type(self).model_fields}


@dataclass(frozen=True)
class GateResults:
    """The result of every gate for every row: one column of `results` for each of `gates`, FAIL 0, PASS 1, UNKNOWN 2.

    `refers` has, by gate, the rows with a possible match that a person has to look at.
    """

    gates: dict[str, Rule]
    results: Results
    refers: dict[str, Mask]

    def failed(self, name: str) -> Mask:
        """Where the gate is known to be closed."""
        failed: Mask = self.results[:, list(self.gates).index(name)] == FAIL
        return failed

    def unknown(self, name: str) -> Mask:
        """Where the gate is unknown."""
        unknown: Mask = self.results[:, list(self.gates).index(name)] == UNKNOWN
        return unknown

    @property
    def all_pass(self) -> Mask:
        """Where every gate is open."""
        passed: Mask = (self.results == PASS).all(axis=1)
        return passed

    @property
    def any_unknown(self) -> Mask:
        """Where at least one gate is unknown."""
        unknown: Mask = (self.results == UNKNOWN).any(axis=1)
        return unknown


def gate_results(gates: Gates, facts: Columns) -> GateResults:
    """Evaluate the policy's gates on every row."""
    by_name = gates.by_name
    results = np.empty((len(facts.index), len(by_name)), np.int8, order="F")
    refers: dict[str, Mask] = {}
    for column, (name, gate) in enumerate(by_name.items()):
        result = evaluate_rule(gate, facts)
        results[:, column] = result.results
        if result.refers is not None:
            refers[name] = result.refers
    return GateResults(by_name, results, refers)
