"""How decisions and risk orderings compare with how the loans went."""

from collections.abc import Sequence
from math import isnan, nan, sqrt
from typing import Any, NamedTuple, TypeAlias

import numpy as np
import pandas as pd

from rules.prescreening.evaluation import FAIL, UNKNOWN, Evaluation
from underwriting.domain.decision import Verdict
from underwriting.playground.berka.bank import Applicant

# By customer; higher is riskier. Only the order matters.
Went: TypeAlias = "pd.Series[bool]"
Ordering: TypeAlias = "pd.Series[float]"


class Tally(NamedTuple):
    """Some of the loans, and how many of them went bad."""

    loans: int
    bad: int

    @property
    def bad_rate(self) -> float:
        """The share that went bad; NaN without loans."""
        return self.bad / self.loans if self.loans else nan


# These loans were granted long ago, so no application waits for its customer.
VERDICTS = (Verdict.APPROVED, Verdict.REJECTED, Verdict.REFERRED)


def went_bad(applicants: Sequence[Applicant]) -> Went:
    """Whether each loan went bad."""
    return pd.Series([one.loan.bad for one in applicants], index=[one.customer_id for one in applicants], dtype="bool")


def by_verdict(evaluation: Evaluation, bad: Went) -> dict[Verdict, Tally]:
    """The loans of each verdict."""
    verdicts = evaluation.verdicts
    was_bad = bad.reindex(verdicts.index).to_numpy(bool)
    return {verdict: _tally((verdicts == verdict.value).to_numpy(bool), was_bad) for verdict in VERDICTS}


def by_rule(evaluation: Evaluation, bad: Went) -> dict[str, tuple[Tally, Tally]]:
    """The loans that failed each rule, and those unknown to it; a loan may fail several."""
    was_bad = bad.reindex(evaluation.verdicts.index).to_numpy(bool)
    return {
        rule.name: (_tally(results == FAIL, was_bad), _tally(results == UNKNOWN, was_bad))
        for rule, results in zip(evaluation.rules, evaluation.results.T, strict=True)
    }


def risk(facts: pd.DataFrame) -> Ordering:
    """Our ordering: the mean of an applicant's two ranks among all, by burden and by reserve.

    Burden is the share of income that the instalment takes, reserve the lowest balance at the end of a month: can it
    be paid as a rule, and what if not. Equal weights and ranks leave nothing to fit. What is not known ranks as worst.
    """
    burden = _rank(facts["debt_to_income"], ascending=True)
    reserve = _rank(facts["lowest_month_end_balance"], ascending=False)
    return (burden + reserve) / 2


def orderings(applicants: Sequence[Applicant], facts: pd.DataFrame, evaluation: Evaluation) -> dict[str, Ordering]:
    """Ours, the number of failed rules, and single quantities for comparison."""
    customers = [one.customer_id for one in applicants]
    lowest = [min((line.balance for line in one.statements.lines), default=0) for one in applicants]
    instalments = [one.loan.instalment for one in applicants]
    return {
        "burden and reserve": risk(facts),
        "rules failed": pd.Series((evaluation.results == FAIL).sum(axis=1), index=facts.index, dtype="float"),
        "lowest balance alone": -pd.Series(lowest, index=customers, dtype="float"),
        "instalment alone": pd.Series(instalments, index=customers, dtype="float"),
    }


def auc(ordering: Ordering, bad: Went) -> float:
    """The probability that a bad loan ranks above a good one; a tie counts half. NaN without both kinds."""
    was_bad = bad.reindex(ordering.index).to_numpy(bool)
    n_bad, n_good = int(was_bad.sum()), int((~was_bad).sum())
    if not n_bad or not n_good:
        return nan
    above = ordering.rank().to_numpy(float)[was_bad].sum() - n_bad * (n_bad + 1) / 2
    return float(above / (n_bad * n_good))


def standard_error(area: float, n_bad: int, n_good: int) -> float:
    """The standard error of an AUC, by Hanley and McNeil, Radiology 143 (1982); NaN without an AUC."""
    if isnan(area):
        return nan
    both_bad, both_good = area / (2 - area), 2 * area**2 / (1 + area)
    spread = area * (1 - area) + (n_bad - 1) * (both_bad - area**2) + (n_good - 1) * (both_good - area**2)
    return sqrt(spread / (n_bad * n_good))


def _tally(chosen: "np.ndarray[Any, np.dtype[np.bool_]]", was_bad: "np.ndarray[Any, np.dtype[np.bool_]]") -> Tally:
    return Tally(int(chosen.sum()), int((chosen & was_bad).sum()))


def _rank(fact: "pd.Series[Any]", *, ascending: bool) -> Ordering:
    return fact.astype("Float64").rank(ascending=ascending, pct=True, na_option="bottom").astype("float")
