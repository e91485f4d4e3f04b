"""One record for each user and run: what became of the limit, why, and the facts that this rests on."""

from datetime import date

import pandas as pd
import pyarrow as pa

from rules.facts import USER_FACTS
from rules.limits.decisions import LimitDecisions
from rules.limits.last_moves import standing_after

_ARROW = {"boolean": pa.bool_(), "integer": pa.int64(), "number": pa.float64(), "text": pa.string()}
# What is decided; behind it come all facts by their names.
DECIDED = pa.schema(
    [
        ("subject_id", pa.string()),
        ("move", pa.string()),
        ("before", pa.int64()),
        ("after", pa.int64()),
        ("target", pa.int64()),
        ("affordability_cap", pa.int64()),
        ("runs_below", pa.int64()),
        ("at_once", pa.bool_()),
        # A fact is missing that the decision needed.
        ("unknown", pa.bool_()),
        # The user did what is advertised: repaid on time as often, and waited as long, as a raise asks.
        ("kept_to_terms", pa.bool_()),
        # Codes with spaces between, the weightiest first.
        ("reasons", pa.string()),
        ("gates_held", pa.string()),
        # The days of the last raise and of the last decrease, with this run's, and since when it has been below.
        ("raised_on", pa.date32()),
        ("lowered_on", pa.date32()),
        ("below_since", pa.date32()),
    ]
)
# The one fact whose name is taken: the count as it was before the run.
BEFORE = {"runs_below": "runs_below_before"}
FACTS = {BEFORE.get(name, name): name for name in USER_FACTS}
SCHEMA = pa.schema([*DECIDED, *((column, _ARROW[USER_FACTS[name].type]) for column, name in FACTS.items())])


def records_of(decisions: LimitDecisions, facts: pd.DataFrame, business_date: date) -> pa.Table:
    """The records of a shard, in the order of the facts. Amounts are minor units of the policy's currency."""
    frame, standing = decisions.frame, standing_after(decisions, facts, business_date)
    columns = {
        **{name: frame[name] for name in frame.columns},
        **{name: standing[name] for name in standing.columns},
        "unknown": decisions.unknown,
        "kept_to_terms": _kept_to_terms(decisions, facts),
        **{column: facts[name] for column, name in FACTS.items()},
    }
    arrays = [pa.array(facts.index, pa.string())]
    arrays += [_array(columns[field.name], field.type) for field in list(SCHEMA)[1:]]
    return pa.Table.from_arrays(arrays, schema=SCHEMA)


def _kept_to_terms(decisions: LimitDecisions, facts: pd.DataFrame) -> "pd.Series[bool]":
    step = decisions.policy.step
    waited = [
        facts[name].isna() | facts[name].ge(days).fillna(False)
        for name, days in (("days_since_raise", step.cool_down_days), ("days_since_lowering", step.rest_days))
    ]
    punctual = facts["on_time_of_6"].ge(facts["repayments_of_6"] * float(step.min_on_time_share)).fillna(False)
    return waited[0] & waited[1] & punctual & facts["on_time_since_raise"].ge(step.min_on_time).fillna(False)


def _array(column: object, kind: pa.DataType) -> pa.Array:
    array = pa.array(column, from_pandas=True)
    return array if array.type == kind else array.cast(kind)
