"""What the peers share that compute the facts about transactions in pandas and in Polars: the question and the check.

A peer is a function of a history and a number of users that reads the Parquet files and answers with every fact of
`rules/facts/transactions.sql` about the first users, a row for each whose feed is believed.
"""

import time
from collections import defaultdict
from collections.abc import Callable, Iterable
from typing import Any

import numpy as np
import pandas as pd
import polars as pl

from benchmarks.limits_rig import DECIDED_AT, END, fact_database, first
from rules.facts import facts_of, facts_sql
from rules.facts.terms import fact_terms
from rules.limits.tiers import CURRENCY
from underwriting.domain.histories import ESSENTIAL, INCOME, Category

QUERY = "transactions"
AS_OF, JUDGED_AT = END, DECIDED_AT
# The histories have feeds without gaps only, so the peers do not look for gaps.
OF_GAPS = {"feed_complete", "feed_connected"}
FACTS = tuple(fact.name for fact in facts_of(QUERY) if fact.name not in OF_GAPS)
FEEDS = [
    "subject_id", "currency", "institution_id", "linked_accounts", "covered_from", "opening_balance", "holds",
    "refreshed_at",
]  # fmt: skip
LINES = ["subject_id", "booked_on", "amount", "category", "counterparty"]
# Debits that are spending, and credits that undo it.
GIVEN_BACK = {Category.FEE, Category.OVERDRAFT_FEE, Category.REFUND}
SPENDING = ESSENTIAL | GIVEN_BACK | {Category.SPENDING, Category.CASH, Category.GAMBLING, Category.LOAN}
# Counts within a window of days: the sign of the amount, the category, and whether an unclassified transaction makes
# the count unknown.
COUNTS = {
    **{f"competitor_advances_{days}d": (days, 1, Category.ADVANCE, False) for days in (30, 60, 90)},
    **{f"competitor_repayments_{days}d": (days, -1, Category.ADVANCE, False) for days in (30, 60, 90)},
    "overdraft_fees_30d": (30, -1, Category.OVERDRAFT_FEE, True),
    **{f"returned_debits_{days}d": (days, 1, Category.RETURNED, True) for days in (30, 60, 90)},
}
# The categories that a reversal undoes, by the sign of the first booking.
UNDONE = {Category.OVERDRAFT_FEE: -1, Category.RETURNED: 1, **dict.fromkeys(INCOME, 1)}
TERMS = fact_terms()
DEPOSIT, HEALTHY = TERMS.currencies[CURRENCY].min_deposit, TERMS.currencies[CURRENCY].healthy_balance
# The fewest and the most days between two pays of each cadence.
CADENCES = tuple((one.shortest, one.longest) for one in TERMS.income.cadences)
# A share of an advance in hundredths, so that products of whole amounts stay whole.
FEE_PERCENT = int(TERMS.advances.max_fee_share * 100)
MOST_PERCENT = 100 + FEE_PERCENT
IRREGULAR = TERMS.income.irregular

Frame = pd.DataFrame | pl.DataFrame
Peer = Callable[[str, int], Frame]


def timed(peer: Peer, history: str, users: int) -> dict[str, Any]:
    """How long a peer takes for the facts about the first users."""
    began = time.perf_counter()
    found = peer(history, users)
    return {"seconds": time.perf_counter() - began, "users": len(found)}


def compared(peer: Peer, history: str, users: int) -> dict[str, Any]:
    """The facts about the first users on which a peer and our SQL differ; all where the two know other users."""
    theirs = _by_user(peer(history, users))
    with fact_database(history, first(users)) as connection:
        # For an incomplete feed, only the facts about gaps are known.
        ours = _by_user(connection.execute(facts_sql(QUERY)).df()).dropna(subset=["history_days"])
    if not ours.index.equals(theirs.index):
        return {"differ": list(FACTS)}
    return {"differ": [name for name in FACTS if not _same(ours[name], theirs[name])]}


def open_principal(moves: Iterable[tuple[int, int]]) -> int:
    """What is owed to a provider, by (age, amount), if a small payment may roll over an advance; few are."""
    due, lent = 0, list[tuple[int, int]]()
    for age, amount in sorted(moves, key=lambda move: (-move[0], -move[1])):
        if amount > 0:
            due += amount
            lent.append((age, amount))
            continue
        repaid = [(since, each) for since, each in lent if each <= -amount and -amount * 100 <= each * MOST_PERCENT]
        lately = any(since - age <= TERMS.advances.term_days for since, _ in repaid)
        largest = max((each for _, each in lent), default=0)
        if lately or -amount * 100 > min(due, largest) * FEE_PERCENT:
            due = max(0, due - max((each for _, each in repaid), default=-amount))
    return due


def undone(lines: Iterable[tuple[int, int, str, int, int, str]]) -> list[int]:
    """The lines that a reversal undid, and those of such reversals, by their first column.

    A line is (row, account, category, amount, age, payer). A reversal undoes the latest booking of its account,
    category and amount that is not undone yet.
    """
    open_ones: dict[tuple[int, str, int], list[tuple[int, int]]] = defaultdict(list)
    found: list[int] = []
    for row, account, category, amount, age, _ in sorted(
        lines, key=lambda line: (-line[4], line[3] * UNDONE[Category(line[2])] < 0, line[5])
    ):
        stack = open_ones[account, category, abs(amount)]
        if amount * UNDONE[Category(category)] > 0:
            stack.append((row, age))
        elif stack and stack[-1][1] - age <= TERMS.reversal_days:
            found += [stack.pop()[0], row]
    return found


def middle(values: "np.ndarray[Any, Any]") -> "np.ndarray[Any, Any]":
    """Twice the median of the known values of each row."""
    values, count = np.sort(values, axis=1), np.isfinite(values).sum(axis=1)
    row = np.arange(len(values))
    found: np.ndarray[Any, Any] = (
        values[row, (count - 1) // 2] + values[row, np.minimum(count // 2, values.shape[1] - 1)]
    )
    return found


def _by_user(found: Frame) -> pd.DataFrame:
    frame = found.to_pandas() if isinstance(found, pl.DataFrame) else found
    return frame.set_index("subject_id").sort_index()


def _same(ours: "pd.Series[Any]", theirs: "pd.Series[Any]") -> bool:
    if not pd.api.types.is_numeric_dtype(ours):
        return ours.astype("str").equals(theirs.astype("str"))
    known, found = (column.to_numpy(float, na_value=np.nan) for column in (ours, theirs))
    return np.allclose(found, known, rtol=1e-9, equal_nan=True)
