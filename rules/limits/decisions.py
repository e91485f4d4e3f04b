"""The decisions of a policy on the limits of all users of a frame of facts."""

from dataclasses import dataclass
from enum import StrEnum
from functools import cached_property

import numpy as np
import pandas as pd

from rules.core.columns import Mask
from rules.core.reasons import reason
from rules.core.rule_result import RESULTS, Positions
from rules.limits.gates import GateResults
from rules.limits.policy import LimitPolicy
from underwriting.domain.decision import Reason, Result


class Move(StrEnum):
    """How a limit moved; PAUSED means that the user may take no more of the product, whatever the limit."""

    RAISED = "raised"
    HELD = "held"
    LOWERED = "lowered"
    PAUSED = "paused"


@dataclass(frozen=True)
class LimitDecisions:
    """The decisions of `policy`, a row of `frame` for each row of the facts, in their order and with their index.

    | column | |
    |---|---|
    | move | a `Move`, a categorical |
    | before, after | the limit, minor units; NA where there is none |
    | target | the highest tier that the table and the cap allow; NA where that is not known |
    | affordability_cap | what the user can afford, down to a tier; 0 below the lowest; NA where it is not known |
    | runs_below | runs in a row, this one included, on which the limit was below; 0 after a move |
    | at_once | whether it was lowered to the lowest tier at once |
    | reasons | codes, the weightiest first, at most four, with spaces between; a categorical |
    | gates_held | the gates that kept a user from the next tier, whose row is met; with spaces between; a categorical |

    `reason_positions` has the reasons as positions in `reason_codes`, -1 for none.
    """

    policy: LimitPolicy
    frame: pd.DataFrame
    gates: GateResults
    reason_positions: Positions
    reason_codes: tuple[str, ...]

    def __len__(self) -> int:
        return len(self.frame)

    @cached_property
    def raised(self) -> Mask:
        """The rows that were raised."""
        return self._moved(Move.RAISED)

    @cached_property
    def lowered(self) -> Mask:
        """The rows that were lowered."""
        return self._moved(Move.LOWERED)

    @cached_property
    def paused(self) -> Mask:
        """The rows whose product is paused."""
        return self._moved(Move.PAUSED)

    @cached_property
    def unknown(self) -> Mask:
        """Users with a limit for whom a fact is missing that the decision needed.

        These are the facts of the gates, and those of the table and the cap if the target depends on them.
        """
        enabled = self.frame["before"].gt(0).to_numpy(np.bool_, na_value=False)
        unknown: Mask = enabled & (self.gates.any_unknown | self.frame["target"].isna().to_numpy())
        return unknown

    def reasons(self, row: int) -> tuple[Reason, ...]:
        """The principal reasons of one row's decision."""
        return tuple(reason(self.reason_codes[position]) for position in self.reason_positions[row] if position >= 0)

    def gate_results(self, row: int) -> dict[str, Result]:
        """The result of each gate for one row."""
        results = self.gates.results[row].tolist()
        return {name: RESULTS[result] for name, result in zip(self.gates.gates, results, strict=True)}

    def _moved(self, move: Move) -> Mask:
        mask: Mask = self.frame["move"].eq(move.value).to_numpy()
        return mask
