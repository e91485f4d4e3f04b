"""Facts of a history without a store, as of one date or as they were known on past days."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory

import duckdb
import pandas as pd
import pyarrow as pa

from rules.facts import USER_FACTS, input_schema
from rules.limits.tiers import CURRENCY
from underwriting.domain.limits import IdRange, Scope
from underwriting.limit_runs.fetch import sources
from underwriting.limit_runs.history import MODELS, History
from underwriting.limit_runs.intake import load_tables
from underwriting.limit_runs.plan import open_history, plan_ranges
from underwriting.limit_runs.quality import shipped_quality
from underwriting.limit_runs.shard_facts import (
    CURRENT_LIMITS,
    QUERIES,
    add_matches,
    add_reported_floats,
    create_subjects,
    facts_frame,
    prepare,
)
from underwriting.store.limits.bases import SCHEMA

# Facts that a history has as of its end only, with the value that is used for earlier days. None is unknown; no limit
# depends on those.
NOT_REWINDABLE: dict[str, bool | float | None] = {
    "fraud_hit": False,
    "list_match_score": 0.0,
    "list_confirmed_score": 0.0,
    "good_standing": True,
    "segment": None,
    "institution_id": None,
    "linked_accounts": None,
    "collection_error_ratio": None,
    "list_match_evidence": None,
    "list_age_days": None,
    **{name: None for name, fact in USER_FACTS.items() if fact.check == "scores"},
}
# What a backtest cannot know of the past, printed beside its figures.
NOT_REWOUND = (
    f"not rewindable: {', '.join(name for name, value in NOT_REWINDABLE.items() if value is not None)} (taken as "
    f"good), {', '.join(name for name, value in NOT_REWINDABLE.items() if value is None)} (taken as not known), "
    "feed_age_hours, feed_complete, feed_connected (each feed counts as refreshed, read to the end, just before the "
    "decision time, or when it was refreshed last), available_balance, cycle_available_balance (debits authorised and "
    "not yet booked are taken as none)"
)
# Columns of a feed that describe its last refresh only.
_OF_THE_REFRESH = ("available_balance", "still_reading", "login_required", "changes_unknown")
_PAST_QUERIES = tuple(query for query in QUERIES if query != CURRENT_LIMITS)


@dataclass(frozen=True)
class PastFacts:
    """The facts of one range of ids, as of any day."""

    _connection: duckdb.DuckDBPyConnection

    def facts(self, as_of: date, judged_at: datetime) -> pd.DataFrame:
        """The facts as of a business date and its decision time, with the limits of the bases."""
        create_subjects(self._connection, as_of, judged_at, CURRENCY)
        return facts_frame(self._connection)

    def past(self, as_of: date, judged_at: datetime) -> pd.DataFrame:
        """The facts as they were known at the decision time of a past date, but for those about limits.

        A history has only the last refresh of each feed. On earlier days a feed counts as refreshed just before the
        decision time, without the debits that were authorised later. Facts that cannot be rewound have the values of
        `NOT_REWINDABLE`.
        """
        then = f"TIMESTAMP '{judged_at.astimezone(UTC):%Y-%m-%d %H:%M:%S}' - INTERVAL 1 MINUTE"
        self._connection.execute(
            f"""
            CREATE OR REPLACE VIEW feeds AS
            SELECT * EXCLUDE (is_later) REPLACE (
                if(is_later, {then}, refreshed_at) AS refreshed_at,
                if(is_later, 0, holds) AS holds,
                {", ".join(f"if(is_later, NULL, {name}) AS {name}" for name in _OF_THE_REFRESH)}
            )
            FROM (SELECT *, coalesce(refreshed_at > {then}, FALSE) AS is_later FROM feeds_as_last_seen)
            """  # The names are ours.
        )
        create_subjects(self._connection, as_of, judged_at, CURRENCY)
        facts = facts_frame(self._connection, _PAST_QUERIES)
        for name, value in NOT_REWINDABLE.items():
            facts[name] = facts[name].mask(facts[name].notna(), pd.NA if value is None else value)
        return facts

    def with_limits(self, past: pd.DataFrame, limits: pd.DataFrame | None) -> pd.DataFrame:
        """The facts of the last call of `past`, with those about these limits (rows of `current_limits`).

        Without any, everybody is at the first limit.
        """
        if limits is not None:
            given = pa.Table.from_pandas(limits, input_schema(CURRENT_LIMITS), preserve_index=False)
            self._connection.register("given", given)
            self._connection.execute(f"CREATE OR REPLACE TABLE {CURRENT_LIMITS} AS FROM given")
        return pd.concat([past, facts_frame(self._connection, (CURRENT_LIMITS,))], axis=1)

    def floats(self) -> pd.DataFrame:
        """Every float of the range's users: `subject_id`, `amount`, `taken_on`, `due_on`, `repaid_on`."""
        columns = "subject_id, amount, taken_on, due_on, repaid_on"
        return self._connection.execute(f"SELECT {columns} FROM floats ORDER BY ALL").df()


@contextmanager
def reading(history: History, ids: IdRange, memory_mb: int, bases: pa.Table | None = None) -> Iterator[PastFacts]:
    """A range of a history, its malformed rows left out with their users as in a run.

    `bases` are the limits in force (`store.limit_bases`); without any, everybody is at the first limit.
    """
    with TemporaryDirectory(prefix="backtest-") as scratch:
        place = Path(scratch)
        limit = f"{memory_mb}MB"
        with duckdb.connect(config={"threads": 1, "memory_limit": limit, "temp_directory": scratch}) as connection:
            rows = sources(history.location, history.within(ids), ids, place)
            load_tables(connection, rows, shipped_quality(), place / "quarantine.parquet")
            connection.register("in_force", SCHEMA.empty_table() if bases is None else bases)
            connection.execute("CREATE TABLE bases AS FROM in_force")
            _copy_tables(connection)
            add_matches(connection)
            # The macros look for every table.
            create_subjects(connection, date.min, datetime.min.replace(tzinfo=UTC), CURRENCY)
            add_reported_floats(connection)
            prepare(connection)
            yield PastFacts(connection)


def _copy_tables(connection: duckdb.DuckDBPyConnection) -> None:
    """Read every file once, since a backtest reads each table on every day."""
    for table in MODELS:
        connection.execute(f"CREATE TABLE {table}_as_last_seen AS FROM {table}")
        connection.execute(f"CREATE OR REPLACE VIEW {table} AS FROM {table}_as_last_seen")


def ranges_of(location: str, shard_users: int) -> tuple[History, Sequence[IdRange]]:
    """A history, and ranges that memory has room for, one at a time."""
    history = open_history(location)
    return history, plan_ranges(history, Scope(), None, shard_users)


def days_of(first: date, last: date) -> list[date]:
    """Every day from the first to the last: limits are recalculated daily."""
    return [first + timedelta(days=number) for number in range((last - first).days + 1)]


def last_of_month(day: date) -> date:
    """The last day of a day's month."""
    return (day.replace(day=28) + timedelta(days=4)).replace(day=1) - timedelta(days=1)
