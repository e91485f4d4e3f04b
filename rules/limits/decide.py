"""Decides the limits of every user of a frame of facts: one user or a million, the same call."""

from collections.abc import Callable, Sequence
from decimal import Decimal
from typing import Any

import numpy as np
import pandas as pd

from rules.core.columns import Columns, Mask
from rules.core.rule_result import PASS, Positions, principal_reasons
from rules.limits.affordability import Affordable, affordable
from rules.limits.conditions import TableConditions
from rules.limits.decisions import LimitDecisions, Move
from rules.limits.gates import GateResults, gate_results
from rules.limits.integers import Numbers, series
from rules.limits.policy import LimitPolicy
from rules.limits.reasons import limit_reasons
from rules.limits.step import Moves, moves, pace


def decide_limits(policy: LimitPolicy, facts: pd.DataFrame) -> LimitDecisions:
    """The policy's decision on the limit of every row, with reasons. A fact without a column is not known.

    The facts are those of the user histories in rules/facts/histories.yaml, with `list_match_score`. The facts about
    the limit (those of `current_limits`) are as they were before the run: a run that is repeated decides the same from
    the same facts. ValueError where a column is not of the type that the catalogue gives its fact.
    """
    columns = Columns(facts)
    afford = affordable(policy.affordability, columns)
    table, with_dead_band = (
        TableConditions(policy, columns, afford, band) for band in (Decimal(0), policy.step.dead_band)
    )
    gates = gate_results(policy.gates, columns)
    raise_pace = pace(policy.step, columns)
    moved = moves(policy.step, columns, table, with_dead_band, gates, raise_pace)
    reasons = limit_reasons(moved, gates, table, with_dead_band, raise_pace, policy.step)
    codes = tuple(dict.fromkeys(code for code, _ in reasons))
    positions = principal_reasons(reasons, codes, len(facts))
    return LimitDecisions(
        policy, _frame(facts.index, moved, table, afford, gates, positions, codes), gates, positions, codes
    )


def _frame(
    index: "pd.Index[Any]",
    moved: Moves,
    table: TableConditions,
    afford: Affordable,
    gates: GateResults,
    positions: Positions,
    codes: Sequence[str],
) -> pd.DataFrame:
    target, target_known = table.target
    return pd.DataFrame(
        {
            "move": _moves(moved),
            "before": series(moved.before.values, moved.before.known, index),
            "after": series(moved.after, moved.before.known, index),
            "target": series(target, target_known, index),
            "affordability_cap": series(afford.tier, afford.known, index),
            "runs_below": moved.runs_below,
            "at_once": moved.at_once,
            "reasons": _spelled(positions.view(np.int64)[:, 0], lambda key: _codes_of(key, codes)),
            "gates_held": _spelled(_closed(gates, moved), lambda key: _gates_of(key, list(gates.gates))),
        },
        index=index,
    )


def _moves(moved: Moves) -> "pd.Categorical[Any]":
    names = list(Move)
    codes = np.full(len(moved.raised), names.index(Move.HELD))
    for move, rows in ((Move.RAISED, moved.raised), (Move.LOWERED, moved.lowered), (Move.PAUSED, moved.paused)):
        codes[rows] = names.index(move)
    return pd.Categorical.from_codes(codes, pd.Index([move.value for move in names]))


def _spelled(keys: Numbers, spell: Callable[[int], str]) -> "pd.Categorical[Any]":
    """A categorical of the keys' texts. Only few keys differ, so each is spelled once, not for each row."""
    codes, distinct = pd.factorize(keys)
    return pd.Categorical.from_codes(codes, pd.Index([spell(int(key)) for key in distinct], dtype=object))


def _codes_of(key: int, codes: Sequence[str]) -> str:
    """The codes of a row's four positions of 16 bits, which `key` is as one number."""
    return " ".join(codes[position] for position in np.array([key], np.int64).view(np.int16) if position >= 0)


def _closed(gates: GateResults, moved: Moves) -> Numbers:
    """The gates that keep each user from the next tier, as bits; 0 where the next row of the table is not met."""
    held: Mask = moved.reached & ~moved.lowered & ~moved.paused
    keys = np.zeros(len(held), np.int64)
    for bit in range(len(gates.gates)):
        keys |= (held & (gates.results[:, bit] != PASS)).astype(np.int64) << bit
    return keys


def _gates_of(key: int, names: Sequence[str]) -> str:
    return " ".join(name for bit, name in enumerate(names) if key >> bit & 1)
