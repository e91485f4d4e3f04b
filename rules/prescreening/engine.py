"""Runs a rulebook's rules over a frame of facts: one applicant or a million, the same call."""

from collections.abc import Collection
from dataclasses import replace

import numpy as np
import pandas as pd

from rules.core.columns import Columns
from rules.core.rule_result import Results, evaluate_rule
from rules.prescreening.book import Rulebook
from rules.prescreening.evaluation import Evaluation


def evaluate(book: Rulebook, facts: pd.DataFrame, checks: Collection[str] | None = None) -> Evaluation:
    """The result of every rule of the book for every row; only of the rules of `checks` where they are given.

    A fact without a column is not known. ValueError where a column is not what the catalogue says of its fact;
    KeyError where the book lacks one of `checks`.
    """
    for check in checks or ():
        book.rules_of(check)
    rules = tuple(rule for rule in book.rules if checks is None or rule.check in checks)
    columns = Columns(facts)
    # Results are written and read by rule, so those of one rule are contiguous.
    results: Results = np.empty((len(facts), len(rules)), np.int8, order="F")
    rule_results = []
    for column, rule in enumerate(rules):
        result = evaluate_rule(rule, columns)
        results[:, column] = result.results
        # Refer to the column instead, so that a million rows are not kept twice.
        rule_results.append(replace(result, results=results[:, column]))
    return Evaluation(book, tuple(rule_results), columns, results)
