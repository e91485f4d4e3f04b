"""What the peers share that compute the facts about transactions in pandas and in Polars: the question and the check.

A peer is a function of a history and a number of users that reads the Parquet files and answers with every fact of
`rules/facts/transactions.sql` about the first users, a row for each whose feed is believed.
"""

import time
from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
import polars as pl

from benchmarks.limits_rig import END, fact_database, first
from rules.facts import facts_of, facts_sql
from underwriting.domain.histories import ESSENTIAL, Category
from underwriting.limits.order import end_of

QUERY = "transactions"
AS_OF, JUDGED_AT = END, end_of(END)
# The histories have feeds without gaps only, so the peers do not look for gaps.
OF_GAPS = {"feed_complete", "feed_connected"}
FACTS = tuple(fact.name for fact in facts_of(QUERY) if fact.name not in OF_GAPS)
FEEDS = [
    "subject_id", "currency", "institution_id", "linked_accounts", "covered_from", "opening_balance", "holds",
    "refreshed_at",
]  # fmt: skip
LINES = ["subject_id", "booked_on", "amount", "category", "counterparty"]
SPENDING = ESSENTIAL | {Category.SPENDING, Category.CASH, Category.FEE, Category.OVERDRAFT_FEE, Category.GAMBLING}
# Counts within a window of days: the sign of the amount, the category, and whether one that nobody could classify
# makes the count unknown.
COUNTS = {
    **{f"competitor_advances_{days}d": (days, 1, Category.ADVANCE, False) for days in (30, 60, 90)},
    **{f"competitor_repayments_{days}d": (days, -1, Category.ADVANCE, False) for days in (30, 60, 90)},
    "overdraft_fees_30d": (30, -1, Category.OVERDRAFT_FEE, True),
    **{f"returned_debits_{days}d": (days, 1, Category.RETURNED, True) for days in (30, 60, 90)},
}
# The threshold of a deposit that may recur, and of a healthy balance, in cents.
DEPOSIT, HEALTHY = 150_00, 50_00
# Days between two deposits of one cadence, from and to; two deposits less than five days apart are one pay.
CADENCES = ((5, 9), (11, 19), (25, 36))
ONE_PAY = 5
# Days of a pay cycle where there is no recurring income.
CYCLE = 30

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
        # Of a feed that is not believed the facts of gaps alone are known.
        ours = _by_user(connection.execute(facts_sql(QUERY)).df()).dropna(subset=["history_days"])
    if not ours.index.equals(theirs.index):
        return {"differ": list(FACTS)}
    return {"differ": [name for name in FACTS if not _same(ours[name], theirs[name])]}


def _by_user(found: Frame) -> pd.DataFrame:
    frame = found.to_pandas() if isinstance(found, pl.DataFrame) else found
    return frame.set_index("subject_id").sort_index()


def _same(ours: "pd.Series[Any]", theirs: "pd.Series[Any]") -> bool:
    if not pd.api.types.is_numeric_dtype(ours):
        return ours.astype("str").equals(theirs.astype("str"))
    known, found = (column.to_numpy(float, na_value=np.nan) for column in (ours, theirs))
    return np.allclose(found, known, rtol=1e-9, equal_nan=True)
