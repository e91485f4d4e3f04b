"""The subjects of a shard and their facts, by the same SQL as in the evaluation of one user."""

from collections.abc import Sequence
from datetime import UTC, date, datetime

import duckdb
import pandas as pd

from rules.facts import HISTORIES_QUERIES, SCREENING, USER_FACTS, facts_sql, input_schema, shared_sql
from rules.facts.tables import SUBJECTS, TABLES
from rules.limits.tiers import FIRST_LIMIT
from underwriting.limit_runs.history import MODELS, USERS
from underwriting.limit_runs.quality import sql_type

CURRENT_LIMITS = "current_limits"
QUERIES = (*HISTORIES_QUERIES, SCREENING)


def create_subjects(
    connection: duckdb.DuckDBPyConnection,
    as_of: date,
    judged_at: datetime,
    currency: str,
    segment: str | None = None,
) -> None:
    """Create the tables `subjects` and `current_limits`, after `intake.load_tables` and the table `bases`.

    Subjects are all users of the range, or those of the segment, except users whose product is paused.
    """
    inside = f"judged.subject_id IN (SELECT subject_id FROM {USERS} WHERE segment = $segment)"
    connection.execute(
        f"""
        CREATE OR REPLACE TABLE {SUBJECTS} AS
        SELECT
            judged.subject_id, $as_of::DATE AS as_of, $currency AS currency, NULL::BIGINT AS requested_amount,
            NULL::BIGINT AS requested_instalment, $judged_at::TIMESTAMP AS judged_at
        FROM judged
        LEFT JOIN bases USING (subject_id)
        WHERE NOT coalesce(paused, false) AND ($segment IS NULL OR {inside})
        ORDER BY judged.subject_id;
        """,
        {
            "as_of": as_of,
            "currency": currency,
            "judged_at": judged_at.astimezone(UTC).replace(tzinfo=None),
            "segment": segment,
        },
    )
    connection.execute(
        f"""
        CREATE OR REPLACE TABLE {CURRENT_LIMITS} AS
        SELECT subject_id, currency, coalesce(amount, {FIRST_LIMIT}) AS amount, raised_on,
            coalesce(runs_below, 0) AS runs_below, lowered_on, below_since
        FROM {SUBJECTS}
        LEFT JOIN bases USING (subject_id)
        """
    )


def add_matches(connection: duckdb.DuckDBPyConnection) -> None:
    """Add to `list_screenings` what the history does not have: matches found since, and those cleared."""
    if not connection.execute("SELECT 1 FROM bases WHERE match_score > 0 OR cleared <> '' LIMIT 1").fetchall():
        return
    connection.execute("ALTER VIEW list_screenings RENAME TO reported_screenings")
    others = ", ".join(set(input_schema("list_screenings").names) - {"subject_id", "match_score", "confirmed_score"})
    known = "coalesce(list_contains(string_split(cleared, ' '), list_entry), false)"
    connection.execute(
        f"""
        CREATE VIEW list_screenings AS
        SELECT
            subject_id, {others},
            greatest(CASE WHEN {known} THEN 0 ELSE reported.match_score END, bases.match_score) AS match_score,
            greatest(CASE WHEN {known} THEN 0 ELSE reported.confirmed_score END, bases.confirmed_score)
                AS confirmed_score
        FROM reported_screenings AS reported
        FULL JOIN (FROM bases WHERE match_score > 0 OR cleared <> '') AS bases USING (subject_id)
        WHERE reported.subject_id IS NOT NULL OR bases.match_score IS NOT NULL
        """
    )


def add_reported_floats(connection: duckdb.DuckDBPyConnection) -> None:
    """Count the floats that events reported and that the history does not list yet. `subjects` has to exist.

    They are open, as in the evaluation of one user. An event has no due date: a float counts as late once the history
    lists it as late.
    """
    connection.execute(
        f"""
        ALTER VIEW floats RENAME TO listed_floats;
        CREATE VIEW floats AS
        FROM listed_floats
        UNION ALL BY NAME
        SELECT
            subject_id, float_id, 0 AS amount, 0 AS fee, least(taken_on, as_of) AS taken_on, as_of AS due_on,
            NULL AS repaid_on, 0 AS collection_attempts, 0 AS collection_failures
        FROM (
            SELECT subject_id, as_of, unnest(reported_floats, recursive := true)
            FROM bases JOIN {SUBJECTS} USING (subject_id)
        )
        ANTI JOIN listed_floats USING (subject_id, float_id)
        """
    )


def prepare(connection: duckdb.DuckDBPyConnection) -> None:
    """An empty table for every input that a history does not have, and then the macros, which look for all of them."""
    for table in set(TABLES) - {SUBJECTS, CURRENT_LIMITS, *MODELS}:
        columns = ", ".join(f"{field.name} {sql_type(field.type)}" for field in input_schema(table))
        connection.execute(f"CREATE TABLE {table}({columns})")
    connection.execute(shared_sql())


def facts_frame(connection: duckdb.DuckDBPyConnection, queries: Sequence[str] = QUERIES) -> pd.DataFrame:
    """The facts of these queries about every subject, by their ids, in the catalogue's nullable dtypes."""
    facts = {name: fact for name, fact in USER_FACTS.items() if fact.check in queries}
    joins = "\n".join(f"LEFT JOIN ({facts_sql(query)}) AS {query}_facts USING (subject_id)" for query in queries)
    rows = connection.execute(
        f"SELECT subject_id, {', '.join(facts)} FROM {SUBJECTS}\n{joins}\nORDER BY subject_id"
    ).to_arrow_table()
    columns = {
        name: fact.dtype.__from_arrow__(rows.column(name))  # type: ignore[attr-defined]  # Missing in pandas' stubs.
        for name, fact in facts.items()
    }
    return pd.DataFrame(columns, index=pd.Index(rows.column("subject_id").to_pandas(), name="subject_id"))
