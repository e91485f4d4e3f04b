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
    """What every rule of the book says of every row; the rules of `checks` alone where they are given.

    A fact without a column is not known. ValueError where a column is not what the catalogue says of its fact;
    KeyError where the book lacks one of `checks`.
    """
    for check in checks or ():
        book.rules_of(check)
    rules = tuple(rule for rule in book.rules if checks is None or rule.check in checks)
    columns = Columns(facts)
    # A rule's results lie next to each other, as they are written and read.
    results: Results = np.empty((len(facts), len(rules)), np.int8, order="F")
    said = []
    for place, rule in enumerate(rules):
        answer = evaluate_rule(rule, columns)
        results[:, place] = answer.results
        # From here on the column is what the rule said: a million rows are not kept twice.
        said.append(replace(answer, results=results[:, place]))
    return Evaluation(book, tuple(said), columns, results)
