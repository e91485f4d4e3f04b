"""Runs a rulebook's rules over a frame of facts: one applicant or a million, the same call."""

from collections.abc import Collection

import numpy as np
import pandas as pd
from pandas.arrays import BooleanArray

from rules.columns import Columns, Mask
from rules.evaluation import FAIL, PASS, UNKNOWN, Evaluation, Results
from rules.rule import Facts, Rule
from rules.rulebook import Rulebook


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
    held: dict[int, Mask] = {}
    read = []
    for place, rule in enumerate(rules):
        seen = Facts(columns)
        results[:, place] = _truth(rule, rule.claim(seen))
        if (grey := rule.grey(seen)) is not None:
            held[place] = _hold(results[:, place], _truth(rule, grey))
        read.append(tuple(seen.read))
    return Evaluation(book, rules, columns, results, held, tuple(read))


def _truth(rule: Rule, claim: object) -> Results:
    """FAIL, PASS or UNKNOWN for false, true or NA."""
    if not isinstance(claim, BooleanArray):
        raise TypeError(f"{rule.name} claims {type(claim).__name__}, which may have lost what is not known")
    return claim.to_numpy(np.int8, na_value=UNKNOWN)


def _hold(said: Results, doubt: Results) -> Mask:
    """Make UNKNOWN, in place, of what passes in doubt; True where the doubt is certain."""
    held: Mask = (said == PASS) & (doubt == PASS)
    said[(said == PASS) & (doubt != FAIL)] = UNKNOWN
    return held
