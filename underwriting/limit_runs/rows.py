"""The records of a shard as rows of the store."""

from pathlib import Path

import duckdb
import pyarrow as pa

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


def record_rows(records: Path, bases: Path, run_id: str, number: int, first_limit: int) -> pa.Table:
    """The rows of `LimitRecordRow`, in the order of the users. A user without a base has `first_limit` in force."""
    # `runs_below` is the fact in the JSON, as of before the run, and a count of its own after it.
    facts = ", ".join(f"'{name}', {'base_runs_below' if name == 'runs_below' else name}" for name in OBSERVED)
    with duckdb.connect(config={"threads": 1}) as connection:
        # S608: the names are ours.
        return connection.execute(
            f"""
            WITH standing AS (
                SELECT
                    records.*,
                    bases.raised_on AS base_raised_on,
                    bases.lowered_on AS base_lowered_on,
                    coalesce(bases.runs_below, 0) AS base_runs_below,
                    bases.below_since AS base_below_since,
                    coalesce(bases.amount, $first_limit) AS in_force,
                    coalesce(bases.version, 0) AS base_version
                FROM read_parquet($records) AS records
                LEFT JOIN read_parquet($bases) AS bases USING (subject_id)
            )
            SELECT
                $run_id AS run_id, subject_id AS user_id, $number::BIGINT AS shard, move, before, after, target,
                affordability_cap, runs_below, below_since, raised_on, lowered_on, reasons, gates_held,
                NULL::DATE AS notice_due,
                json_object({facts})::VARCHAR AS facts,
                base_raised_on, base_lowered_on, base_runs_below, base_below_since, in_force, base_version,
                NULL::BIGINT AS applied_version, false AS paused
            FROM standing
            ORDER BY subject_id
            """,  # noqa: S608
            {
                "first_limit": first_limit,
                "records": str(records),
                "bases": str(bases),
                "run_id": run_id,
                "number": number,
            },
        ).to_arrow_table()
