"""The shards of a run: ranges of ids with as equal numbers of users as can be."""

import asyncio
from collections.abc import Sequence

import pyarrow as pa

from underwriting.domain.limits import IdRange, Scope
from underwriting.limit_runs import database
from underwriting.limit_runs.history import DATABASE, History
from underwriting.limit_runs.ranges import even_ranges, just


def open_history(location: str) -> History:
    """The history at a location; HistoryError where there is none. Reads every footer, so call it in a thread."""
    return History(DATABASE, {}) if location == DATABASE else History.open(location)


def plan_ranges(history: History, scope: Scope, shards: int | None, shard_users: int) -> Sequence[IdRange]:
    """The ranges of a run. Together they cover every id, so that users who come later belong to one, too."""
    if scope.user_id is not None:
        return [just(scope.user_id)]
    ids: pa.Array = asyncio.run(database.user_ids()) if history.location == DATABASE else history.user_ids()
    return even_ranges(ids, shards or -(-len(ids) // shard_users))
