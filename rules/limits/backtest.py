"""What a policy would have done in past months: exposure, moves, losses avoided, good users held back.

A backtest goes through the days in order: it decides on the facts of a business date (`decide_limits`), compares the
floats that users took until the next date with the decided limits (`under_limits`), and passes the limits on to the
next date (`limits_after`), so that each policy has its own. A month's figures are the sum of its days' `moves_of`, the
`exposure_of` its last day, and the `ends_of` its floats. All are sums, so that those of shards add up.

The figures cover the floats that were taken, not those that nobody took because the limit was low.
"""

from dataclasses import astuple, dataclass
from datetime import date, timedelta
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from rules.limits.decisions import LimitDecisions
from rules.limits.integers import Numbers
from rules.limits.last_moves import last_moves_after

_AMOUNTS = ("exposure", "money_up", "money_down", "losses", "losses_avoided", "good_held_back")


@dataclass(frozen=True)
class MonthFigures:
    """One month under one policy. Amounts are minor units.

    - `exposure`: all limits together after the month's last decisions.
    - `floats`: taken in the month by users with a decision; `unsettled`: those whose outcome is not known yet.
    - `losses`: amounts never repaid; `losses_avoided`: the part of them above the limits.
    - `good_users`: users who repaid a float of the month; `good_users_held_back`: those whose limit was below a float
      that they repaid; `good_held_back`: the amounts above the limits.
    """

    users: int = 0
    exposure: int = 0
    raised: int = 0
    lowered: int = 0
    paused: int = 0
    money_up: int = 0
    money_down: int = 0
    floats: int = 0
    unsettled: int = 0
    losses: int = 0
    losses_avoided: int = 0
    good_users: int = 0
    good_users_held_back: int = 0
    good_held_back: int = 0

    @property
    def settled(self) -> bool:
        """Whether every float of the month was repaid or is lost; otherwise losses and repayments can still rise."""
        return self.unsettled == 0

    def as_json(self) -> dict[str, int | bool]:
        """The figures with `settled`; amounts are in minor units and named so."""
        named = {f"{name}_minor" if name in _AMOUNTS else name: figure for name, figure in vars(self).items()}
        return {**named, "settled": self.settled}

    def __add__(self, other: "MonthFigures") -> "MonthFigures":
        return MonthFigures(*(mine + others for mine, others in zip(astuple(self), astuple(other), strict=True)))


def settled(floats: pd.DataFrame, known_to: date, lost_after_days: int) -> "pd.Series[bool]":
    """How each float ended, as of the last day of the history: True repaid, False lost, NA not known yet.

    `floats` has the columns `due_on` and `repaid_on` of the input table. One that is not repaid counts as lost once it
    is past due by `lost_after_days`.
    """
    due, repaid = (pd.to_datetime(floats[name]) for name in ("due_on", "repaid_on"))
    end = pd.Timestamp(known_to)
    was_repaid = repaid.notna() & (repaid <= end)
    lost = ~was_repaid & (due + timedelta(days=lost_after_days) <= end)
    outcome = pd.Series(pd.NA, index=floats.index, dtype="boolean", name="repaid")
    outcome[was_repaid] = True
    outcome[lost] = False
    return outcome


def exposure_of(decisions: LimitDecisions) -> MonthFigures:
    """How many users there are, and the sum of their limits."""
    return MonthFigures(users=len(decisions), exposure=int(_limits(decisions).fillna(0).sum()))


def moves_of(decisions: LimitDecisions) -> MonthFigures:
    """The moves of one date's decisions."""
    change = _change(decisions)
    # From day to day a paused user has the limit 0 from then on: one pause counts once.
    paused = decisions.paused & decisions.frame["before"].gt(0).to_numpy(np.bool_, na_value=False)
    return MonthFigures(
        raised=int(decisions.raised.sum()),
        lowered=int(decisions.lowered.sum()),
        paused=int(paused.sum()),
        money_up=int(change[change > 0].sum()),
        money_down=int(-change[change < 0].sum()),
    )


def under_limits(decisions: LimitDecisions, taken: pd.DataFrame) -> pd.DataFrame:
    """The floats that were taken under the decisions, with the column `limit` beside their own.

    `taken` has the columns `subject_id`, `amount` and `repaid` (see `settled`), a row for each float; those of users
    without a decision or a limit are left out. The index of the decisions is `subject_id`.
    """
    limits = _limits(decisions).dropna()
    positions = _positions(taken["subject_id"], limits.index)
    known = positions >= 0
    return taken[known].assign(limit=limits.to_numpy(np.int64)[positions[known]])


def ends_of(taken: pd.DataFrame) -> MonthFigures:
    """How floats with their limits ended."""
    limit, amount = taken["limit"].to_numpy(np.int64), taken["amount"].to_numpy(np.int64)
    good = taken["repaid"].eq(True).to_numpy(np.bool_, na_value=False)
    bad = taken["repaid"].eq(False).to_numpy(np.bool_, na_value=False)
    above = np.maximum(amount - limit, 0)
    return MonthFigures(
        floats=len(taken),
        unsettled=int((~good & ~bad).sum()),
        losses=int(amount[bad].sum()),
        losses_avoided=int(above[bad].sum()),
        good_users=taken["subject_id"][good].nunique(),
        good_users_held_back=taken["subject_id"][good & (above > 0)].nunique(),
        good_held_back=int(above[good].sum()),
    )


def limits_after(decisions: LimitDecisions, facts: pd.DataFrame, business_date: date) -> pd.DataFrame:
    """The limits as the next run finds them: rows of `current_limits`, an input table of the facts.

    `facts` are those of the decisions. Users without a limit are left out; those whose product is paused have 0.
    """
    limits = _limits(decisions)
    last_moves = last_moves_after(decisions, facts, business_date)
    table = last_moves.assign(subject_id=limits.index, currency=decisions.policy.currency, amount=limits)
    return table[limits.notna().to_numpy()].reset_index(drop=True)


def _positions(users: "pd.Series[str]", known: "pd.Index[str]") -> Numbers:
    """The position of each user among the known; -1 for others. pyarrow is ten times as fast as pandas here."""
    found = pc.index_in(pa.array(users, pa.string()), value_set=pa.array(known, pa.string()))
    positions: Numbers = pc.fill_null(found, -1).to_numpy().astype(np.int64)
    return positions


def _limits(decisions: LimitDecisions) -> "pd.Series[Any]":
    """What each user may take after the decisions."""
    return decisions.frame["after"].mask(decisions.paused, 0)


def _change(decisions: LimitDecisions) -> Numbers:
    frame = decisions.frame
    return (frame["after"] - frame["before"]).fillna(0).to_numpy(np.int64)
