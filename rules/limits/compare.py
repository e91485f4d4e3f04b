"""Compares two policies on the same facts: whose limit differs, by how much, and the totals.

The tallies of shards add up: `summary` accepts `pd.concat(tallies)`.
"""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from rules.limits.decisions import LimitDecisions, Move

# A tally counts users by these. `first` and `second` are the two policies.
_KEYS = ["before", "move_first", "after_first", "move_second", "after_second"]


def side_by_side(first: LimitDecisions, second: LimitDecisions) -> pd.DataFrame:
    """Every user under both policies, in the order of the facts.

    Columns: `before`, then `move`, `after`, `target`, `affordability_cap` and `reasons` of each with the suffix
    `_first` or `_second`, and `difference`, how much more the second gives, minor units; NA for users without a limit.
    ValueError where the two were not decided on the same users and limits.
    """
    if not first.frame.index.equals(second.frame.index) or not first.frame["before"].equals(second.frame["before"]):
        raise ValueError("the two policies were not asked about the same users and limits; give both the same facts")
    named = ["move", "after", "target", "affordability_cap", "reasons"]
    both = [each.frame[named].add_suffix(f"_{name}") for name, each in (("first", first), ("second", second))]
    frame = pd.concat([first.frame[["before"]], *both], axis=1)
    return frame.assign(difference=frame["after_second"] - frame["after_first"])


def movers(frame: pd.DataFrame) -> pd.DataFrame:
    """The users of `side_by_side` whose limit differs, the largest difference first, then by id."""
    differ = frame[frame["difference"].fillna(0).ne(0)]
    by_size = differ["difference"].abs().to_numpy(np.int64)
    return differ.iloc[np.lexsort([differ.index.to_numpy(), -by_size])]


def tally(frame: pd.DataFrame) -> pd.DataFrame:
    """How many users of `side_by_side` there are with each limit, moves and outcomes: columns `_KEYS` and `users`."""
    counted = frame.groupby(_KEYS, dropna=False, observed=True).size().rename("users").reset_index()
    return counted.astype({"move_first": "str", "move_second": "str"})


@dataclass(frozen=True)
class Comparison:
    """The totals of two policies over all users. Amounts are minor units.

    `higher` and `lower` are the users to whom the second policy gives more or less than the first, `money_higher` and
    `money_lower` the sums of these differences. `limits` has the users by limit under the first (rows) and the second
    (columns).
    """

    users: int
    higher: int
    lower: int
    money_higher: int
    money_lower: int
    exposure_first: int
    exposure_second: int
    moves_first: dict[str, int]
    moves_second: dict[str, int]
    limits: pd.DataFrame


def summary(counted: pd.DataFrame) -> Comparison:
    """The comparison of a tally, or of the concatenated tallies of several shards."""
    users = counted["users"].to_numpy(np.int64)
    first, second = (counted[f"after_{name}"].fillna(0).to_numpy(np.int64) for name in ("first", "second"))
    more = second - first
    return Comparison(
        users=int(users.sum()),
        higher=int(users[more > 0].sum()),
        lower=int(users[more < 0].sum()),
        money_higher=int((users * more)[more > 0].sum()),
        money_lower=int(-(users * more)[more < 0].sum()),
        exposure_first=int((users * first).sum()),
        exposure_second=int((users * second).sum()),
        moves_first=_moves(counted, "move_first"),
        moves_second=_moves(counted, "move_second"),
        limits=_limits(counted),
    )


def _moves(counted: pd.DataFrame, column: str) -> dict[str, int]:
    return {move.value: int(counted.loc[counted[column].eq(move.value), "users"].sum()) for move in Move}


def _limits(counted: pd.DataFrame) -> pd.DataFrame:
    """Users by both limits; users without a limit are left out."""
    known = counted.dropna(subset=["after_first", "after_second"])
    return known.pivot_table(
        index="after_first", columns="after_second", values="users", aggfunc="sum", fill_value=0
    ).astype("int64")
