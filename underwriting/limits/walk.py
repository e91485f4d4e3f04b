"""Facts of a history without a store: for comparing policies on one date, and for walking through past months."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory

import duckdb
import pandas as pd
import pyarrow as pa

from rules.facts import input_schema
from rules.tiers import CURRENCY
from underwriting.domain.limits import IdRange, Scope
from underwriting.limits.fetch import sources
from underwriting.limits.history import History
from underwriting.limits.intake import take_in
from underwriting.limits.judged import CURRENT_LIMITS, facts_frame, offer_subjects, prepare
from underwriting.limits.order import end_of
from underwriting.limits.plan import open_history, plan_ranges
from underwriting.limits.quality import shipped_quality
from underwriting.store.limit_bases import SCHEMA


@dataclass(frozen=True)
class Walker:
    """The histories of one range of ids, to be looked at as of any day."""

    _connection: duckdb.DuckDBPyConnection

    def facts(self, as_of: date, limits: pd.DataFrame | None = None) -> pd.DataFrame:
        """The facts as of the end of a day, with these rows of `current_limits`, or with the limits of the bases."""
        offer_subjects(self._connection, as_of, end_of(as_of), CURRENCY)
        if limits is not None:
            given = pa.Table.from_pandas(limits, input_schema(CURRENT_LIMITS), preserve_index=False)
            self._connection.register("given", given)
            self._connection.execute(f"CREATE OR REPLACE TABLE {CURRENT_LIMITS} AS FROM given")
        return facts_frame(self._connection)

    def rewind(self, as_of: date) -> None:
        """Let the feeds be as they were at the end of a past day: refreshed on it, if they reach beyond.

        A history has one refresh of each feed, the last; what was authorised at it was not so then.
        """
        self._connection.execute(
            """
            CREATE OR REPLACE VIEW feeds AS
            SELECT * REPLACE (
                if(refreshed_at < $then, holds, 0) AS holds, least(refreshed_at, $then) AS refreshed_at
            )
            FROM feeds_as_last_seen
            """.replace("$then", f"TIMESTAMP '{end_of(as_of):%Y-%m-%d}' - INTERVAL 1 MINUTE")
        )

    def floats(self) -> pd.DataFrame:
        """Every float of the range's users: `subject_id`, `amount`, `taken_on`, `due_on`, `repaid_on`."""
        columns = "subject_id, amount, taken_on, due_on, repaid_on"
        return self._connection.execute(f"SELECT {columns} FROM floats ORDER BY ALL").df()


@contextmanager
def walking(history: History, ids: IdRange, memory_mb: int, bases: pa.Table | None = None) -> Iterator[Walker]:
    """A range of a history, its malformed rows left out with their users as in a run.

    `bases` are the limits in force (`store.limit_bases`); without any, everybody is at the first limit.
    """
    with TemporaryDirectory(prefix="walk-") as scratch:
        place = Path(scratch)
        limit = f"{memory_mb}MB"
        with duckdb.connect(config={"threads": 1, "memory_limit": limit, "temp_directory": scratch}) as connection:
            rows = sources(history.location, history.within(ids), ids, place)
            take_in(connection, rows, shipped_quality(), place / "quarantine.parquet")
            connection.register("in_force", SCHEMA.empty_table() if bases is None else bases)
            connection.execute("CREATE TABLE bases AS FROM in_force")
            connection.execute("ALTER VIEW feeds RENAME TO feeds_as_last_seen")
            connection.execute("CREATE VIEW feeds AS FROM feeds_as_last_seen")
            # The macros look for every table.
            offer_subjects(connection, date.min, datetime.min.replace(tzinfo=UTC), CURRENCY)
            prepare(connection)
            yield Walker(connection)


def ranges_of(location: str, shard_users: int) -> tuple[History, Sequence[IdRange]]:
    """A history, and ranges that memory has room for, one at a time."""
    history = open_history(location)
    return history, plan_ranges(history, Scope(), None, shard_users)


def month_ends(first: date, last: date) -> list[date]:
    """The last days of months that lie from `first` to `last`."""
    days, day = [], _last_of_month(first)
    while day <= last:
        days.append(day)
        day = _last_of_month(day + timedelta(days=1))
    return days


def _last_of_month(day: date) -> date:
    return (day.replace(day=28) + timedelta(days=4)).replace(day=1) - timedelta(days=1)
