"""One record for each user and run: the decision on the limit, the reasons, and the facts behind it.

A shard writes its records to a Parquet file with all facts; the store keeps the facts that a policy reads.
"""

from datetime import date
from pathlib import Path

import duckdb
import pandas as pd
import pyarrow as pa

from rules.facts import USER_FACTS
from rules.limits.decisions import LimitDecisions
from rules.limits.last_moves import last_moves_after
from underwriting.limit_runs.files import read_table

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

# The facts that a policy looks at (rules.limits): those that a record in the store keeps. The files keep all.
OBSERVED = (
    "available_balance",
    "balance_days_60d",
    "competitor_advances_due",
    "current_limit",
    "cycle_available_balance",
    "days_below",
    "days_since_lowering",
    "debt_service_per_pay",
    "days_since_pay",
    "days_since_raise",
    "essential_spend_per_pay",
    "feed_age_hours",
    "float_rank",
    "fraud_hit",
    "good_standing",
    "healthy_days_60d",
    "history_days",
    "largest_repaid",
    "late_floats",
    "list_confirmed_score",
    "list_match_score",
    "negative_days_30d",
    "on_time_of_6",
    "on_time_since_raise",
    "outstanding_floats",
    "overdraft_days_60d",
    "pay_period_days",
    "recurring_deposit_amount",
    "recurring_deposits",
    "recurring_income_cv",
    "repayments_of_6",
    "returned_debits_30d",
    "runs_below",
    "subscription_rank",
)


def records_of(decisions: LimitDecisions, facts: pd.DataFrame, business_date: date) -> pa.Table:
    """The records of a shard, in the order of the facts. Amounts are minor units of the policy's currency."""
    frame, last_moves = decisions.frame, last_moves_after(decisions, facts, business_date)
    columns = {
        **{name: frame[name] for name in frame.columns},
        **{name: last_moves[name] for name in last_moves.columns},
        "unknown": decisions.unknown,
        "kept_to_terms": _kept_to_terms(decisions, facts),
        **{column: facts[name] for column, name in FACTS.items()},
    }
    arrays = [pa.array(facts.index, pa.string())]
    arrays += [_array(columns[field.name], field.type) for field in list(SCHEMA)[1:]]
    return pa.Table.from_arrays(arrays, schema=SCHEMA)


def record_rows(records: Path, bases: Path, run_id: str, number: int, first_limit: int) -> pa.Table:
    """The rows of `LimitRecordRow`, in the order of the users. A user without a base has `first_limit` in force."""
    # `runs_below` is the fact in the JSON, as of before the run, and a count of its own after it.
    facts = ", ".join(f"'{name}', {'base_runs_below' if name == 'runs_below' else name}" for name in OBSERVED)
    with duckdb.connect(config={"threads": 1}) as connection:
        connection.register("records", read_table(records))
        connection.register("bases", read_table(bases))
        # S608: the names are ours.
        return connection.execute(
            f"""
            WITH with_bases AS (
                SELECT
                    records.*,
                    bases.raised_on AS base_raised_on,
                    bases.lowered_on AS base_lowered_on,
                    coalesce(bases.runs_below, 0) AS base_runs_below,
                    bases.below_since AS base_below_since,
                    coalesce(bases.amount, $first_limit) AS in_force,
                    coalesce(bases.version, 0) AS base_version
                FROM records
                LEFT JOIN bases USING (subject_id)
            )
            SELECT
                $run_id AS run_id, subject_id AS user_id, $number::BIGINT AS shard, move, before, after, target,
                affordability_cap, runs_below, below_since, raised_on, lowered_on, reasons, gates_held,
                NULL::DATE AS notice_due,
                json_object({facts})::VARCHAR AS facts,
                base_raised_on, base_lowered_on, base_runs_below, base_below_since, in_force, base_version,
                NULL::BIGINT AS applied_version, false AS paused, NULL::BIGINT AS highest
            FROM with_bases
            ORDER BY subject_id
            """,  # noqa: S608
            {
                "first_limit": first_limit,
                "run_id": run_id,
                "number": number,
            },
        ).to_arrow_table()


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
