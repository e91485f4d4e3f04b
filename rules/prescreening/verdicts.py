"""The verdict on rows of outcomes, and the outcomes that it rests on. One applicant is the case of one row.

| outcomes of a row | verdict | because of |
|---|---|---|
| a rule fails | rejected; incomplete where the customer can supply all that is missing | the failures |
| a rule is unknown, the book rejects unknowns, and no outcome refers | rejected | the unknowns |
| a rule is unknown otherwise | referred | the unknowns |
| all rules pass | approved | |

A row with failures is not incomplete if its unknowns alone would reject it.
"""

from dataclasses import dataclass

import numpy as np

from rules.core.columns import Columns, Mask
from rules.core.rule import Rule
from rules.core.rule_result import FAIL, PASS, UNKNOWN, Positions, Results, evaluate_rule
from rules.prescreening.book import Rulebook
from underwriting.domain.decision import OnUnknown, Verdict

VERDICTS = (Verdict.APPROVED, Verdict.REFERRED, Verdict.REJECTED, Verdict.INCOMPLETE)
_APPROVED, _REFERRED, _REJECTED, _INCOMPLETE = range(len(VERDICTS))


@dataclass(frozen=True)
class RowVerdicts:
    """The verdict on each row, as a position in `VERDICTS`.

    `because_of` has the outcomes, rows × rules, that the verdict rests on, and `rejects_unknown` the rows that are
    rejected for their unknowns, whatever fails.
    """

    positions: Positions
    because_of: Mask
    rejects_unknown: Mask


def decide_rows(book: Rulebook, results: Results, refers: Mask, completable: Mask) -> RowVerdicts:
    """The verdict on each row of `results`, rows × rules.

    `refers` has the rows that a person has to look at. `completable` has, for each row and rule, whether the customer
    can supply what is missing if the rule fails.
    """
    fails = results == FAIL
    failed, unknown = fails.any(axis=1), (results == UNKNOWN).any(axis=1)
    rejects_unknown = unknown & ~refers & (book.on_unknown is OnUnknown.REJECT)
    incomplete = failed & ~rejects_unknown & (completable | ~fails).all(axis=1)
    return RowVerdicts(
        positions=np.select(
            [incomplete, failed | rejects_unknown, unknown], [_INCOMPLETE, _REJECTED, _REFERRED], _APPROVED
        ).astype(np.int16),
        because_of=results == np.where(failed, FAIL, UNKNOWN).astype(np.int8)[:, np.newaxis],
        rejects_unknown=rejects_unknown,
    )


def completable(book: Rulebook, rule: Rule, facts: Columns) -> Mask:
    """The rows in which the customer can supply what is missing if the rule fails."""
    laxer = book.incomplete.rule(rule.name) if book.incomplete else None
    if book.incomplete is None or laxer is None:
        return np.zeros(len(facts.index), np.bool_)
    if book.incomplete.always(laxer):
        return np.ones(len(facts.index), np.bool_)
    passes: Mask = evaluate_rule(laxer, facts).results == PASS
    return passes
